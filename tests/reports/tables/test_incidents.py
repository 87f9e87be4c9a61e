"""Errors that come together are told as an incident; those that chance spreads over a run are none."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.outcomes import Failure, Outcome
from reports.__main__ import report
from reports.rules.evaluate import evaluate
from reports.samples.evidence import gather
from reports.tables.incidents import incidents
from tests.support.synthetic_run import EXPECTED, Answer, synthetic_run

ERROR = Answer(Outcome.UNKNOWN, 500)


def found(tmp_path: Path, failing: Any, **asked: Any) -> list[dict[str, Any]]:
    """The incidents where `failing` says of each place whether its operation is answered with a 500."""
    run = synthetic_run(tmp_path, answer=lambda place, kind, s: ERROR if failing(place) else EXPECTED[kind], **asked)
    return incidents(gather(run.folder).samples)


def test_ten_errors_in_a_row_in_the_ramp_are_one(tmp_path: Path) -> None:
    (one,) = found(tmp_path, lambda place: 40 <= place < 50, scenario="peak")

    assert (one["errors"], one["operations"], one["phase"]) == (10, 10, "ramp")
    assert 2.0 <= one["begin"] <= 3.0
    assert sum(way["count"] for way in one["ways"]) == 10
    assert {way["what"] for way in one["ways"]} == {"500"}
    assert one["said"].startswith("10 of 10 operations in a row failed within ")
    assert "from second 2." in one["said"]
    assert "in ramp: process 500 (" in one["said"]


@pytest.mark.parametrize("first", range(25, 120, 3))
def test_ten_errors_in_a_row_in_the_ramp_are_no_go_wherever_they_are(tmp_path: Path, first: int) -> None:
    run = synthetic_run(
        tmp_path, "peak", answer=lambda place, kind, s: ERROR if first <= place < first + 10 else EXPECTED[kind]
    )
    evidence = gather(run.folder)

    states = {rule.text: evaluate(rule, evidence).state for rule in evidence.samples.scenario.rules}

    assert [text for text, state in states.items() if state != "PASS"] == ["count(errors) < 5 in 100% of 1s windows"]


def test_one_process_of_four_that_fails_is_one(tmp_path: Path) -> None:
    (one,) = found(tmp_path, lambda place: 40 <= place < 100 and place % 4 == 0)

    assert one["errors"] == 15
    assert one["operations"] in range(57, 62)


@pytest.mark.parametrize(
    ("failing", "count"),
    [
        (lambda place: False, 0),
        (lambda place: 40 <= place < 44, 0),  # too few
        (lambda place: place % 20 == 0, 0),  # spread evenly
        (lambda place: True, 1),  # all of them
        (lambda place: 20 <= place < 30 or 100 <= place < 110, 2),
    ],
)
def test_how_many_there_are(tmp_path: Path, failing: Any, count: int) -> None:
    assert len(found(tmp_path, failing)) == count


def test_errors_by_chance_come_together_and_are_no_incident(tmp_path: Path) -> None:
    for number, often in enumerate((0.01, 0.05, 0.2)):
        wrong = np.random.default_rng(number).random(2000) < often

        assert found(tmp_path / str(number), lambda place, wrong=wrong: wrong[place], profile="ci") == []


def test_what_never_was_answered_is_named_by_why(tmp_path: Path) -> None:
    def answer(place: int, kind: str, sched: float) -> Answer:
        if 40 <= place < 50:
            return Answer(Outcome.UNKNOWN, 0, 2.0, Failure.READ_TIMEOUT)
        return Answer(Outcome.OPEN, 0, None) if 50 <= place < 55 else EXPECTED[kind]

    (one,) = incidents(gather(synthetic_run(tmp_path, answer=answer).folder).samples)

    assert {way["what"] for way in one["ways"]} == {"READ_TIMEOUT", "OPEN"}


def test_an_incident_is_in_every_rendering(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from reports.render import terminal

    run = synthetic_run(tmp_path, answer=lambda p, kind, s: ERROR if 40 <= p < 50 else EXPECTED[kind])
    verdict = report(run.folder)
    terminal.show(verdict, "folder")
    (one,) = verdict["incidents"]

    assert one["said"] in (run.folder / "report.html").read_text()
    assert "Incident: 10 of 10 operations in a row failed" in (run.folder / "summary.md").read_text()
    assert "incident: 10 of 10 operations in a row failed" in capsys.readouterr().out
