"""Statuses, successes and what was not understood: the suspect is named."""

from pathlib import Path

import pytest

from harness import binding
from harness.outcomes import Failure, Outcome
from harness.run import UNREAD, Run
from tests.support.synthetic_run import EXPECTED, Answer, synthetic_run
from tests.support.validity_runs import conditions


@pytest.mark.parametrize("status", [429, 503])
def test_what_most_answers_were_instead_is_named(tmp_path: Path, status: int) -> None:
    def answer(place: int, kind: str, sched: float) -> Answer:
        return EXPECTED[kind] if place < 20 else Answer(Outcome.UNKNOWN, status)

    run = synthetic_run(tmp_path, answer=answer, table={"mix": {"process": 1}})
    found = conditions(run)

    assert found["SUCCESSES"].value.endswith(f"; of the others most often {status}, 160 times")
    assert status == 503 or found["STATUSES"].value.endswith(", most often 429, 160 times")


def test_a_target_that_never_answers_is_named_by_how(tmp_path: Path) -> None:
    refused = Answer(Outcome.NOT_SENT, 0, 0.001, Failure.CONNECT_REFUSED)
    run = synthetic_run(tmp_path, answer=lambda place, kind, sched: refused, table={"mix": {"process": 1}})

    assert conditions(run)["STATUSES"].value.endswith("; most often CONNECT_REFUSED, 180 times")


def test_a_run_of_refusals_only_is_invalid_though_each_may_be(tmp_path: Path) -> None:
    def answer(place: int, kind: str, sched: float) -> Answer:
        return Answer(Outcome.REJECT, 409)

    run = synthetic_run(tmp_path, answer=answer, table={"mix": {"process": 1}})
    may_be = {"process": ["ACK", "REJECT"]}
    found = conditions(Run(run.folder, {**run.facts, "plan": {**run.facts["plan"], "expected": may_be}}))["SUCCESSES"]

    assert found.state == "broken"
    assert "only 0 of the 180 that leave something were done" in found.value
    assert "[contract]" in found.advice


def test_a_kind_that_is_never_done_is_named(tmp_path: Path) -> None:
    def answer(place: int, kind: str, sched: float) -> Answer:
        return Answer(Outcome.REJECT, 409) if kind == "later" else EXPECTED[kind]

    table = {"mix": {"process": 5, "later": 1}, "validity": {"min_successes": 50}}
    found = conditions(synthetic_run(tmp_path, answer=answer, table=table))["SUCCESSES"]

    assert found.state == "broken"
    assert found.value.endswith("; no later was ever done")


def test_the_first_answer_that_was_not_understood_is_shown_whole(tmp_path: Path) -> None:
    def answer(place: int, kind: str, sched: float) -> Answer:
        return EXPECTED[kind] if place < 20 else Answer(Outcome.UNKNOWN, 422)

    run = synthetic_run(tmp_path, answer=answer, table={"mix": {"process": 1}})
    (run.folder / UNREAD.format(0)).write_text('process k-1: 422 {"error": "userId is missing"}')
    binding.seal(run)

    assert conditions(run)["STATUSES"].value.endswith(
        "; 160 of 180 answers were not understood, which makes [contract] the suspect; the first: "
        'process k-1: 422 {"error": "userId is missing"}'
    )
