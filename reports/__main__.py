"""`python -m reports RUN_FOLDER`: the verdict on a run, from what its folder holds; the exit code is the verdict's."""

import argparse
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from harness import binding, errors
from harness.reported import HLOG, JUNIT, METRICS, PLANS, REPORT, SUMMARY, TIMELINE, void
from harness.verdict import EXIT_CRASH
from reports import verdict_file
from reports.record import record
from reports.render import github, hlog, junit, markdown, openmetrics, plans_page, report_page, terminal, timeline_csv
from reports.render.pictures import pictures
from reports.samples.evidence import gather
from reports.samples.series import series
from reports.unreported import unreported


def report(folder: Path) -> dict[str, Any]:
    """Judge the run in `folder` and store verdict and renderings there; the contents of verdict.json."""
    if any((folder / name).exists() for name in (binding.FILE, binding.RUN)):
        void(folder)  # it has not seen what is there now
    evidence = gather(folder)
    verdict = record(evidence)
    run = evidence.run
    course = series(evidence.samples)
    bands = [(one["phase"], one["begin"], one["end"]) for one in verdict["timeline"]]
    created = datetime.fromisoformat(verdict["run"]["created"]).timestamp()
    drawn = pictures(evidence, course, verdict, bands)
    run.write_text(REPORT, report_page.render(verdict, course, drawn))
    plans = plans_page.render(run.folder, f"{run.scenario.name} ({run.scenario.profile})")
    if plans is not None:
        run.write_text(PLANS, plans)
    run.write_text(SUMMARY, markdown.render(verdict))
    run.write_text(JUNIT, junit.render(verdict))
    run.write_text(METRICS, openmetrics.render(verdict))
    run.write_text(TIMELINE, timeline_csv.render(course, bands))
    run.write_text(HLOG, hlog.render(evidence.samples, created))
    # The last one, so that where it is, the others are too.
    return verdict_file.write(run, verdict)


def main() -> int:
    """Report on the run that the command line names; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m reports", description=__doc__)
    parser.add_argument("run", type=Path, help="a run folder, e.g. reports/runs/peak/latest")
    parser.add_argument("--always", action="store_true", help="of damaged evidence, too, leave a verdict: INVALID")
    words = parser.parse_args()
    folder = words.run
    try:
        verdict = report(folder)
        _show(verdict, folder)
    except BrokenPipeError:
        raise
    except Exception as error:
        if isinstance(error, errors.ProofloadError) and not words.always:
            raise
        verdict = unreported(folder, error)
        for cause in verdict["causes"]:  # whole: the block has room for its beginning only
            print(f"error: {cause['sentence']}", file=sys.stderr)
        _show(verdict, folder)
    return int(verdict["exit_code"]) if verdict["files"] else EXIT_CRASH


def _show(verdict: dict[str, Any], folder: Path) -> None:
    """Print the end block; and what GitHub asks for, if it is there."""
    terminal.show(verdict, min(str(folder), os.path.relpath(folder), key=len))
    summary = folder / SUMMARY
    for line in github.publish(verdict, summary.read_text(encoding="utf-8") if summary.exists() else ""):
        print(line)


if __name__ == "__main__":
    errors.command(main)
