"""How full the queues of an orchestrator are: now, time and again, or over a run that was made.

python scripts/queues.py [--every SECONDS --for SECONDS] [RUN_FOLDER]
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness.monitor.queues import FIELDS, Queues

ROUTE = "GET /api/orchestrator/queues"
PREFIX = "queue."


def table(samples: Mapping[str, float]) -> str:
    """A line a queue."""
    names = sorted({name[len(PREFIX) :].rpartition(".")[0] for name in samples if name.count(".") > 1})
    head = f"{'queue':34}{'waiting':>10}{'in flight':>11}{'oldest (s)':>12}{'redelivered':>13}"
    lines = [
        f"{name:34}"
        + "".join(
            f"{samples.get(f'{PREFIX}{name}.{field}', 0):>{width},.{digits}f}"
            for field, width, digits in zip(FIELDS, (10, 11, 12, 13), (0, 0, 1, 3), strict=True)
        )
        for name in names
    ]
    dead = [f"{'dead letters':34}{samples['queue.dead']:>10,.0f}"] if "queue.dead" in samples else []
    return "\n".join([head, *lines, *dead])


def of_run(folder: Path) -> Mapping[str, float]:
    """The most that each sample was during a run."""
    most: dict[str, float] = {}
    with (folder / "monitor.jsonl").open() as lines:
        for line in lines:
            for name, value in json.loads(line).items():
                if name.startswith(PREFIX):
                    most[name] = max(most.get(name, value), value)
    return most


def main() -> int:
    """Print it; 1 if nothing is told, 2 for what can't be asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="a run: what there was at most, during its load")
    parser.add_argument("--every", type=float, default=0.0, help="again after so many seconds")
    parser.add_argument("--for", dest="seconds", type=float, default=0.0, help="as often as that goes into so many")
    arguments = parser.parse_args()
    if arguments.folder:
        try:
            print(table(of_run(arguments.folder)))
        except OSError as error:
            parser.error(f"{error.filename}: {error.strerror}: expected the folder of a run")
        return 0
    url = os.environ.get("ORCHESTRATOR_URL") or os.environ.get("TARGET_URL")
    if not url:
        parser.error("ORCHESTRATOR_URL is not set: expected e.g. http://127.0.0.1:8080")
    queues = Queues(url, ROUTE)
    more = int(arguments.seconds / arguments.every) if arguments.every else 0
    while True:
        samples = queues.sample()
        if not samples:
            print(f"error: {url} does not tell how full its queues are ({ROUTE})", file=sys.stderr)
            return 1
        print(time.strftime("%H:%M:%S"), table(samples), sep="\n", flush=True)
        if not more:
            return 0
        more -= 1
        time.sleep(arguments.every)


if __name__ == "__main__":
    sys.exit(main())
