"""`python -m reports RUN_FOLDER`: the verdict on a run, from what its folder holds; the exit code is the verdict's."""

import argparse
import io
import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from harness import binding, errors
from reports.record import FILES, HLOG, JUNIT, METRICS, REPORT, SUMMARY, TIMELINE, VERDICT, record
from reports.render import github, hlog, junit, markdown, openmetrics, report_page, terminal, timeline_csv
from reports.render.pictures import pictures
from reports.samples.evidence import gather
from reports.samples.series import series


def report(folder: Path) -> dict[str, Any]:
    """Judge the run in `folder` and store verdict and renderings there; the contents of verdict.json."""
    void(folder)
    evidence = gather(folder)
    verdict = record(evidence)
    run = evidence.run
    course = series(evidence.samples)
    bands = [(one["phase"], one["begin"], one["end"]) for one in verdict["timeline"]]
    created = datetime.fromisoformat(verdict["run"]["created"]).timestamp()
    run.write_text(REPORT, report_page.render(verdict, course, pictures(evidence, course, verdict["spectrum"], bands)))
    run.write_text(SUMMARY, markdown.render(verdict))
    run.write_text(JUNIT, junit.render(verdict))
    run.write_text(METRICS, openmetrics.render(verdict))
    run.write_text(TIMELINE, timeline_csv.render(course, bands))
    run.write_text(HLOG, hlog.render(evidence.samples, created))
    # The last one, so that where it is, the others are too.
    run.write_text(VERDICT, json.dumps(verdict, indent=2, allow_nan=False) + "\n")
    return verdict


def void(folder: Path) -> None:
    """Remove what an earlier report of the run in `folder` left: it has not seen what is there now."""
    if any((folder / name).exists() for name in (binding.FILE, binding.RUN)):
        for name in FILES:
            (folder / name).unlink(missing_ok=True)


def main() -> int:
    """Report on the run that the command line names; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m reports", description=__doc__)
    parser.add_argument("run", type=Path, help="a run folder, e.g. reports/runs/peak/latest")
    folder = parser.parse_args().run
    verdict = report(folder)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without ✓ gets a ?, not a traceback
    terminal.show(verdict, min(str(folder), os.path.relpath(folder), key=len))
    for line in github.publish(verdict, (folder / SUMMARY).read_text(encoding="utf-8")):
        print(line)
    return int(verdict["exit_code"])


if __name__ == "__main__":
    errors.command(main)
