"""Statuses, successes and what was not understood: the suspect is named."""

from pathlib import Path
from typing import Any

import pytest

from harness import binding
from harness.outcomes import Failure, Outcome
from harness.run import UNREAD, Run
from tests.support.synthetic_run import EXPECTED, Answer, bind, synthetic_run
from tests.support.validity_runs import conditions


def planned(run: Run, **changes: Any) -> Run:
    """The run of a plan with other parts."""
    run.record(plan={**run.facts["plan"], **changes})
    return bind(run)


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
    found = conditions(planned(run, expected={"process": ["ACK", "REJECT"]}))["SUCCESSES"]

    assert found.state == "broken"
    assert "only 0 of the 180 that leave something were done" in found.value
    assert "[contract]" in found.advice


@pytest.mark.parametrize(
    ("done", "least", "state"), [(99, 100, "broken"), (100, 100, "ok"), (9, 9, "ok"), (8, 9, "broken")]
)
def test_as_many_effects_as_the_plan_says_must_have_been(tmp_path: Path, done: int, least: int, state: str) -> None:
    def answer(place: int, kind: str, sched: float) -> Answer:
        return EXPECTED[kind] if place < done else Answer(Outcome.REJECT, 409)

    run = synthetic_run(tmp_path, answer=answer, table={"mix": {"process": 1}, "validity": {"min_successes": least}})
    found = conditions(planned(run, expected={"process": ["ACK", "REJECT"]}))["SUCCESSES"]

    assert found.state == state
    assert (f"only {done} of the 180 that leave something were done" in found.value) == (state == "broken")
    assert found.limit.startswith(f"at least {least}, and as many effects")


def test_effects_are_counted_not_operations(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, table={"mix": {"process": 1}})
    run = planned(run, effects={"process": {"ACK": {"items": 100}}})
    assert conditions(run)["SUCCESSES"].state == "ok"

    run = planned(run, validity={"min_successes": 18_001})
    told = "180 that leave something were done and left 18,000 messages"
    assert told in conditions(run)["SUCCESSES"].value


def test_a_kind_that_was_tried_once_and_never_done_is_named(tmp_path: Path) -> None:
    def answer(place: int, kind: str, sched: float) -> Answer:
        return Answer(Outcome.REJECT, 409) if kind == "later" else EXPECTED[kind]

    found = conditions(synthetic_run(tmp_path, answer=answer, table={"mix": {"process": 99, "later": 1}}))["SUCCESSES"]

    assert (found.state, found.value.endswith("; no later was ever done")) == ("broken", True)


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


def test_a_feed_without_more_rows_is_named_and_no_defect_of_the_locustfile(tmp_path: Path) -> None:
    why = "feed users.csv: all 30 rows were handed out: expected more rows, or a shorter load"
    found = conditions(synthetic_run(tmp_path, load={"exceptions": 2, "raised": {why: 2}}))["EXCEPTIONS"]

    assert (found.state, found.value) == ("broken", why)
    assert "give the feed more rows" in found.advice
