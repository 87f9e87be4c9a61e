"""Whether two searches of one target agree: `peak` by rate, and `high-throughput` by users, each searched twice.

To be run while nothing else does. The highest load at which nothing broke may differ by 10 % between them, or is no
figure of the target. What is proven is printed beside it: steps of 20 s are too short to prove every p99.
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
    "high-throughput": "search={from=64, to=2048, for='20s'}",
}


def main() -> int:
    """Run each search twice; 1 if two of them differ by more, or one has no end."""
    wrong = 0
    for name, search in SEARCHES.items():
        loads = [_searched(name, search) for _ in range(2)]
        apart = abs(loads[0] - loads[1]) / max(*loads, 1e-9)
        wrong += apart > AGREE or 0.0 in loads
        print(f"{name}: {loads[0]:,.4g} and {loads[1]:,.4g}, {apart:.1%} apart; expected at most {AGREE:.0%}")
    return 1 if wrong else 0


def _searched(name: str, search: str) -> float:
    """The highest load at which nothing broke in a search (arrivals a second, or users); 0 without a verdict."""
    command = [sys.executable, "-m", "harness", "run", name, "--profile", "ci", "--set", search]
    subprocess.run(command, stdout=subprocess.DEVNULL, env=os.environ, check=False)
    verdict = Path(Settings().runs) / name / "latest" / "verdict.json"
    found = json.loads(verdict.read_text())["search"] if verdict.exists() else None
    print(f"  {name}: {found['sentence'] if found else 'no verdict'}", flush=True)
    return float(found["held"] or 0.0) if found else 0.0


if __name__ == "__main__":
    sys.exit(main())
