"""`python -m reports RUN_FOLDER`: the verdict on a run, from what its folder holds; the exit code is the verdict's."""

import argparse
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

from harness import errors
from reports import html, junit, markdown, terminal
from reports.evidence import gather
from reports.record import JUNIT, REPORT, SUMMARY, VERDICT, record
from reports.series import series


def report(folder: Path) -> dict[str, Any]:
    """Judge the run in `folder` and store verdict and renderings there; the contents of verdict.json."""
    evidence = gather(folder)
    verdict = record(evidence)
    run = evidence.run
    run.write_text(REPORT, html.render(verdict, series(evidence.samples)))
    run.write_text(SUMMARY, markdown.render(verdict))
    run.write_text(JUNIT, junit.render(verdict))
    # The last one, so that where it is, the others are too.
    run.write_text(VERDICT, json.dumps(verdict, indent=2, allow_nan=False) + "\n")
    return verdict


def main() -> int:
    """Report on the run that the command line names; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m reports", description=__doc__)
    parser.add_argument("run", type=Path, help="a run folder, e.g. reports/runs/peak/latest")
    folder = parser.parse_args().run
    verdict = report(folder)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without ✓ gets a ?, not a traceback
    terminal.show(verdict, min(str(folder), os.path.relpath(folder), key=len))
    return int(verdict["exit_code"])


if __name__ == "__main__":
    errors.command(main)
