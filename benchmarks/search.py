"""Whether two searches of one target agree: `peak` by rate, and `high-throughput` by users, each searched twice.

To be run while nothing else does. What they find may differ by 10 %, or is no figure of the target.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from harness.settings import Settings

AGREE = 0.10
SEARCHES = {
    "peak": "search={from=50, to=5000, for='20s'}",
    "high-throughput": "search={from=4, to=256, for='40s'}",
}


def main() -> int:
    """Run each search twice; 1 if two of them differ by more, or one has no end."""
    wrong = 0
    for name, search in SEARCHES.items():
        rates = [_searched(name, search) for _ in range(2)]
        apart = abs(rates[0] - rates[1]) / max(*rates, 1e-9)
        wrong += apart > AGREE or 0.0 in rates
        print(f"{name}: {rates[0]:,.4g}/s and {rates[1]:,.4g}/s, {apart:.1%} apart; expected at most {AGREE:.0%}")
    return 1 if wrong else 0


def _searched(name: str, search: str) -> float:
    """The rate that one search finds; 0 if its run left no verdict."""
    command = [sys.executable, "-m", "harness", "run", name, "--profile", "ci", "--set", search]
    subprocess.run(command, stdout=subprocess.DEVNULL, env=os.environ, check=False)
    verdict = Path(Settings().runs) / name / "latest" / "verdict.json"
    found = json.loads(verdict.read_text())["search"] if verdict.exists() else None
    print(f"  {name}: {found['sentence'] if found else 'no verdict'}", flush=True)
    return float(found["rate"]) if found else 0.0


if __name__ == "__main__":
    sys.exit(main())
