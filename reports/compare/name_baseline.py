"""`python -m reports.compare.name_baseline RUN_FOLDER`: rules that compare with the baseline mean that run."""

import argparse
import os
from pathlib import Path

from harness.errors import RunError, command
from harness.reported import VERDICT, store
from harness.verdict import Verdict
from reports.compare.__main__ import read
from reports.compare.baseline import FILE


def name(folder: Path) -> Path:
    """Make the run in `folder` the baseline of its scenario; the path of the baseline.

    RunError if its figures mean nothing. A copy: the run may go, and stays what it was.
    """
    folder = folder.resolve()
    record = read(folder)
    if record["verdict"] == Verdict.INVALID:
        raise RunError(f"{folder}: it is INVALID, and can't be a baseline: {record['reason']} Expected a valid run")
    path = folder.parent / FILE
    new = path.with_name(f".{FILE}.{os.getpid()}")
    store(new, (folder / VERDICT).read_text(encoding="utf-8"))
    new.replace(path)
    return path


def main() -> int:
    """Name the run of the command line."""
    parser = argparse.ArgumentParser(prog="python -m reports.compare.name_baseline", description=__doc__)
    parser.add_argument("run", type=Path, help="a run folder, e.g. reports/runs/peak/latest")
    folder = parser.parse_args().run
    print(f"{name(folder)}: the baseline is now {folder.resolve().name}")
    return 0


if __name__ == "__main__":
    command(main)
