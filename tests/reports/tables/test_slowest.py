"""The ten slowest operations of each kind are named with their moments and what the monitor saw then."""

from pathlib import Path

import pytest

from harness.outcomes import Outcome
from reports.__main__ import report
from reports.tables.saw import saw, sentence
from systems import ids
from tests.support.synthetic_run import BEGAN, EXPECTED, Answer, synthetic_run
from tests.support.validity_runs import monitored

SECOND = 10**9


def slower(place: int, kind: str, _: float) -> Answer:
    """Each operation takes a little longer than the one before it."""
    return Answer(EXPECTED[kind].outcome, EXPECTED[kind].status, 0.02 + place / 1_000)


def test_of_each_kind_ten_are_listed_the_slowest_first(tmp_path: Path) -> None:
    moments = [(n / 12, "process" if n % 3 else "stranger", 1) for n in range(60)]
    run = monitored(synthetic_run(tmp_path, answer=slower, moments=moments), target__cpu=lambda second: second)

    found = report(run.folder)["slowest"]

    assert {kind: sum(one["kind"] == kind for one in found) for kind in ("process", "stranger")} == {
        "process": 10,
        "stranger": 10,
    }
    assert [one["response"] for one in found] == sorted((one["response"] for one in found), reverse=True)
    first = found[0]
    assert (first["op"], first["key"], first["outcome"]) == (59, ids.key(run.id, 59), "ACK")
    assert (first["at"], first["begun"]) == (pytest.approx(59 / 12), pytest.approx(59 / 12))
    assert first["ended"] == pytest.approx(59 / 12 + 0.079)
    # Begun in the fifth second, which the sample at its end is about.
    assert first["saw"] == "target 5 cores"


def test_what_never_ended_is_among_none_of_them(tmp_path: Path) -> None:
    def answer(place: int, kind: str, sched: float) -> Answer:
        return Answer(Outcome.OPEN, 0, None) if place else slower(place, kind, sched)

    run = synthetic_run(tmp_path, answer=answer, moments=[(n / 12, "process", 1) for n in range(20)])

    assert [one["op"] for one in report(run.folder)["slowest"]] == [0]


def test_the_page_has_a_table_of_them_for_each_kind(tmp_path: Path) -> None:
    moments = [(n / 12, "process" if n % 3 else "stranger", 1) for n in range(60)]
    run = synthetic_run(tmp_path, answer=slower, moments=moments)
    report(run.folder)

    page = (run.folder / "report.html").read_text()

    slowest = page[page.index('id="slowest"') : page.index('id="phases"')]
    assert slowest.count("<table") == 2
    assert slowest.count('<th scope="row">') == 20
    assert "process: 79 ms to " in slowest


def test_a_sample_is_told_by_what_can_make_an_operation_slow() -> None:
    line = {
        "machine.cpu": 1.96,
        "machine.cores": 2,
        "run.cpu": 0.3,
        "target.cpu": 0.21,
        "postgres.cpu": 0.05,
        "db.waiting.lock": 3,
        "db.waiting.io": 0,
        "db.checkpoint_seconds": 0.2,
        "machine.steal": 0.05,
    }

    assert sentence(line) == (
        "machine 98 % busy, 0.3 of 2 cores by this run; target 0.21, PostgreSQL 0.05 cores; 3 waited for locks; "
        "a checkpoint; 5 % taken by other guests"
    )
    assert sentence({"machine.cpu": 1.0, "machine.cores": 2}) == "machine 50 % busy"
    assert sentence({"db.active": 1}) == ""


def test_a_moment_without_a_sample_near_it_has_none() -> None:
    at = saw([{"at": BEGAN + 3 * SECOND, "target.cpu": 1.0}], BEGAN)

    assert (at(1.0), at(0.9), at(3.1)) == ("target 1 cores", None, None)
    assert saw([], BEGAN)(1.0) is None
