"""What a contract does not tell is judged by the stored row, or left out and said; what a mix lacks is not missed."""

from dataclasses import replace
from typing import Any

import pytest

from harness.outcomes import Outcome
from harness.plan.scenario import Scenario
from harness.verdict import CheckState
from systems import messages
from tests.support.plans import varied
from tests.verification.test_messages import SCENARIO, History, clean, violated
from verification import messages as judged
from verification.checks import left_out
from verification.messages import checks_of


def untold(**contract: str) -> History:
    """A clean history of a service with another contract."""
    history = clean()
    history.scenario = replace(SCENARIO, contract={**SCENARIO.contract, **contract})
    for one in history.ops:
        one["answer"] = 0 if "message_id" in contract or one["outcome"] == Outcome.REPLAY else one["answer"]
    return history


def said(history: History) -> str:
    return " ".join(judged.weakened(history.case()))


def test_a_bare_answer_to_a_used_key_is_neither_accepted_nor_another_id() -> None:
    history = untold(same="")
    found = history.judge()

    assert {finding.state for finding in found.values()} == {CheckState.HOLDS}
    assert "2 of them were answered without an id" in found["MP4"].detail
    assert "or with none" in found["MP4"].title
    assert "not accepted" in found["MP5"].title
    assert "409 does not tell a repeated message from another one" in said(history)


def test_the_stored_row_tells_what_a_bare_answer_does_not() -> None:
    history = untold(same="")
    history.row(2).update(message_content=messages.content(6))

    assert "MP5" in violated(history.judge())

    history = untold(same="")
    history.rows.remove(history.row(1))
    assert violated(history.judge()) == {"X1"}


def test_an_id_that_a_bare_answer_has_all_the_same_is_compared() -> None:
    history = untold(same="")
    history.op(5).update(answer=1)

    assert violated(history.judge()) == {"MP4"}


def test_without_ids_in_answers_messages_are_told_by_their_keys() -> None:
    history = untold(message_id="")
    seen = history.observation()
    case = judged.case(history.ledger(), replace(seen, rows=seen.rows.drop(columns="id")))
    found = {finding.id: finding for finding in judged.judge(case)}

    assert {finding.state for finding in found.values()} == {CheckState.HOLDS}
    assert "MP4" not in found
    assert "under the id" not in found["X5"].title
    assert "No answer tells the id" in said(history)
    assert "MP4" in said(history)


def of(mix: dict[str, int], *kinds: str) -> History:
    """The operations of `kinds` in a clean history, of a plan with that mix."""
    history, whole = History(scenario=varied("sustained", table={"mix": mix})), clean()
    for one in whole.ops:
        if one["kind"] in kinds and one["outcome"] != Outcome.NOT_SENT:
            history.ops.append(one)
    made = {one["op"] for one in history.ops}
    history.rows = [row for row in whole.rows if row["op"] in made]
    return history


@pytest.mark.parametrize("kinds", [("process",), ("later",), ("race",), ("process", "repeat"), ("stranger",)], ids=str)
def test_a_kind_that_the_plan_does_not_have_is_not_missed(kinds: tuple[str, ...]) -> None:
    history = of(dict.fromkeys(kinds, 10), *kinds)
    found = history.judge()
    scenario: Scenario = history.scenario
    told = " ".join([*left_out(checks_of(scenario), found.values()), said(history)])

    assert {id_: one.detail for id_, one in found.items() if one.state is not CheckState.HOLDS} == {}
    for check in {check.id for check in checks_of(SCENARIO)} - found.keys():
        assert check in told


def test_what_a_mix_need_not_have_is_judged_where_it_happened() -> None:
    history = of({"process": 10}, "process")
    assert "X3" not in history.judge()
    history.op(2).update(outcome=Outcome.REJECT)

    assert violated(history.judge()) == {"X3", "MP7"}


@pytest.mark.parametrize("mix", [{"repeat": 1}, {"stranger": 1, "conflict": 1}])
def test_a_mix_without_what_it_sends_again_is_refused(mix: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="sends again what process sent"):
        varied("sustained", table={"mix": mix})
