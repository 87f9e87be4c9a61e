"""`python -m reports.analyze RUN_FOLDER`: what a run came to, in text: phases, the worst second, what grew, the first
errors, what to try. All of it is in the report, too; here it can be read in a terminal, or by a pipeline.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness import quantities
from harness.errors import command
from harness.reported import VERDICT
from harness.run import Run
from reports import verdict_file
from reports.render.recommendations import recommendations
from reports.samples.evidence import Evidence, gather
from reports.samples.series import series
from reports.statistics import stationarity

FIRST = 5
"""So many kinds of errors are named."""
GROWING = ("queue.depth", "queue.oldest", "target.rss", "target.cpu", "postgres.rss")
"""Whose slope is told, of those that were sampled."""
MINUTE = 60.0

Record = dict[str, Any]


def main() -> int:
    """Print the analysis of the run in the folder on the command line."""
    parser = argparse.ArgumentParser(prog="python -m reports.analyze", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="RUN_FOLDER", help="e.g. reports/runs/orchestrator-load/latest")
    folder = parser.parse_args().folder
    run = Run.open(folder)
    verdict = verdict_file.read(run.folder / VERDICT)
    for line in analysis(verdict, gather(run.folder)):
        print(line)
    return 0


def analysis(verdict: Record, evidence: Evidence) -> Iterator[str]:
    """The lines of it."""
    run, totals = verdict["run"], verdict["totals"]
    yield f"{verdict['verdict']}  {run['scenario']} ({run['profile']}), run {run['id']}"
    yield verdict["reason"]
    yield f"{totals['ended']:,} operations ended, {totals['effects'] or 0:,} {evidence.samples.scenario.items}"
    yield ""
    yield "phase                      for    begun   errors        p95"
    for phase in verdict["phases"]:
        p95 = "–" if phase["p95"] is None else quantities.duration(phase["p95"])
        seconds = quantities.duration(phase["seconds"])
        yield f"{phase['phase']:20}  {seconds:>8}  {phase['begun']:>7,}  {phase['errors']:>7,}  {p95:>9}"
    yield ""
    yield from _worst(evidence)
    yield from _slopes(evidence)
    yield from _errors(verdict["failures"])
    yield f"resources   {verdict['saturation']['sentence']}"
    yield from _limits(verdict["rules"])
    yield "to try"
    yield from (f"  {line}" for line in recommendations(verdict) or ["nothing: no finding suggests any change"])


def _worst(evidence: Evidence) -> Iterator[str]:
    """The step of the load with the highest p95, and how it was then."""
    course = series(evidence.samples)
    known = [place for place, value in enumerate(course.p95) if value is not None]
    if not known:
        return
    worst = max(known, key=lambda place: course.p95[place] or 0.0)
    yield (
        f"worst       from second {course.begin[worst]}: p95 {quantities.duration(course.p95[worst] or 0.0)}, "
        f"{course.begun[worst]:,g}/s begun, {course.errors[worst]:,g}/s errors"
    )


def _slopes(evidence: Evidence) -> Iterator[str]:
    """By how much what is sampled grew a minute, in the longest even stage."""
    even = [stretch for stretch in evidence.samples.stretches if stretch.even]
    if not even or evidence.began is None:
        return
    longest = max(even, key=lambda stretch: stretch.end - stretch.begin)
    for name in GROWING:
        lines = [line for line in evidence.monitor if name in line]
        at = (np.array([line["at"] for line in lines], float) - evidence.began) / 1e9
        inside = (at >= longest.begin) & (at < longest.end)
        values = np.array([line[name] for line in lines], float)[inside]
        found = stationarity.trend(at[inside], values, longest.begin, longest.end) if inside.sum() > 1 else None
        if found is not None:
            grown, low, high = (one * MINUTE for one in found)
            yield f"growth      {name}: {grown:,.4g} a minute ({low:,.4g} to {high:,.4g}) in {longest.phase}"


def _errors(failures: Sequence[Record]) -> Iterator[str]:
    """The first kinds of errors."""
    if not failures:
        yield "errors      none"
    for failure in failures[:FIRST]:
        said = ", ".join(f"{name} {value}" for name, value in failure.items() if value not in (None, "", []))
        yield f"errors      {said}"


def _limits(rules: Sequence[Record]) -> Iterator[str]:
    """The rule that is closest to its limit, or furthest beyond."""
    known = [rule for rule in rules if rule["margin"] is not None]
    if known:
        tightest = min(known, key=lambda rule: rule["margin"])
        yield f"tightest    {tightest['text']}: {quantities.share(tightest['margin'])} left"


if __name__ == "__main__":
    command(main)
