"""`python -m reports.compare.name_baseline RUN_FOLDER`: rules that compare with the baseline mean that run."""

import argparse
from pathlib import Path

from harness.errors import command
from reports.compare.__main__ import read
from reports.compare.baseline import write


def name(folder: Path) -> Path:
    """Make the run in `folder` the baseline of its scenario; the path of the baseline. RunError if it can't be one."""
    return write(read(folder.resolve()))


def main() -> int:
    """Name the run of the command line."""
    parser = argparse.ArgumentParser(prog="python -m reports.compare.name_baseline", description=__doc__)
    parser.add_argument("run", type=Path, help="a run folder, e.g. reports/runs/peak/latest")
    folder = parser.parse_args().run
    print(f"{name(folder)}: the baseline is now {folder.resolve().name}; commit it, for others and CI to compare with")
    return 0


if __name__ == "__main__":
    command(main)
