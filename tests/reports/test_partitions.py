"""A report is the same to the byte however little of the run is in memory at once."""

from pathlib import Path

import pytest

from harness import reported
from harness.errors import RunError
from harness.outcomes import Failure, Outcome
from harness.run import Run
from reports.__main__ import report
from reports.render import hlog
from reports.samples import frame
from reports.statistics import parts, ranked
from tests.support.synthetic_run import EXPECTED, Answer, synthetic_run

SECONDS = (0.004, 0.020, 0.021, 0.05, 0.3, 1.7)
TABLE = {
    "arrivals": {
        "ci": [
            {"rate": 40, "for": "5s", "phase": "warm-up"},
            {"rate": 60, "for": "70s", "phase": "steady"},
            {"rate": 20, "for": "5s", "phase": "after"},
        ]
    },
    "rules": [
        "p95(response_time) < 500ms",
        "p99(response_time) < 4s",
        "mean(service_time) < 1s",
        "ratio(errors) < 5%",
        "rate(goodput) >= 90% of offered",
        "rate(throughput) >= 1/s",
        "p95(end_to_end) < 1s",
        "rate(delivered) >= 1/s",
        "count(backlog) == 0",
        "p95(response_time) < 500ms in 90% of 1s windows",
        "slope(in_flight{phase=steady}) < 1/s",
    ],
}


def answer(place: int, kind: str, sched: float) -> Answer:
    """Times and outcomes of many sorts, some of which are errors, alone and together."""
    seconds = SECONDS[place * 7919 % len(SECONDS)] + place % 13 / 1e6
    if place % 97 == 0 or 2_000 <= place < 2_040:
        return Answer(Outcome.UNKNOWN, 500, seconds)
    if place % 211 == 0:
        return Answer(Outcome.OPEN, 0, None)
    if place % 223 == 0:
        return Answer(Outcome.UNKNOWN, 0, 5.0, Failure.READ_TIMEOUT)
    return Answer(EXPECTED[kind].outcome, EXPECTED[kind].status, seconds)


def put(runs: Path) -> Run:
    """A run of two load processes, the second of which has times among those of the first."""
    return synthetic_run(
        runs, table=TABLE, profile="ci", answer=answer, clocks=(0, 0), lag_s=lambda place: place % 7 / 1000
    )


def outputs(run: Run) -> dict[str, bytes]:
    """What is reported of it, by file."""
    report(run.folder)
    return {name: path.read_bytes() for name in reported.FILES if (path := run.folder / name).exists()}


def test_a_report_is_the_same_by_whatever_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = put(tmp_path)
    whole = outputs(run)
    monkeypatch.setattr(parts, "PART", 1_000)
    monkeypatch.setattr(ranked, "FEW", 0)
    monkeypatch.setattr(ranked, "MOST", 1_000)
    monkeypatch.setattr(hlog, "MOST", 500)
    monkeypatch.setattr(frame, "HELD", 0)

    in_parts = outputs(run)

    assert len(whole) > 5
    assert [name for name in whole if whole[name] != in_parts[name]] == []


def test_without_room_for_a_long_column_it_is_said_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "HELD", 0)

    with pytest.raises(RunError, match=r"expected room for 1,125,899,907 MB; set TMPDIR"):
        frame.room(1 << 47, "<i8")
