"""Moves whose version is not known may have come in any order."""

import pandas as pd

from harness.verdict import CheckState
from tests.support.authorization_edits import FIRST, SECOND, answer, lacking, state, violated
from tests.support.authorization_history import (
    SPREAD,
    STEP_NS,
    WALL,
    History,
    clean,
)


# Moves of unknown version.
def test_moves_of_unknown_version_may_have_come_in_any_order() -> None:
    history = History()
    history.act("reserve")
    lost = [history.act(kind, lost=True) for kind in ("reserve", "consume", "release", "reserve")]
    history.act("reserve")
    # As they were stored tells nothing of the order in which they counted.
    for place, op in enumerate(reversed(lost)):
        history.row(op)["created_at"] = pd.Timestamp(WALL + place)
    assert violated(history.judge()) == set()

    answer(history, 5, scheduled=state(history.op(5)["answer"])["scheduled"] + 1)
    assert violated(history.judge()) == {"A8"}


def test_more_moves_of_a_kind_than_there_are_can_not_explain_an_answer() -> None:
    history = History()
    history.act("reserve")
    for kind in ("reserve", "release"):
        history.act(kind, lost=True)
    history.act("reserve")
    assert violated(history.judge()) == set()

    # As after two reserves; there was one.
    answer(history, 3, scheduled=500 + 4 * 5)
    assert violated(history.judge()) == {"A8"}


def test_what_two_answers_say_is_told_side_by_side() -> None:
    history = clean()
    answer(history, SECOND, scheduled=1)
    answer(history, FIRST, scheduled=2)
    details = history.judge()["A8"].detail.split("; ")

    assert details[-1] == (
        f"of authorization {SPREAD}, operation {FIRST} said version 1 with 0 used and 2 scheduled, "
        "seeding version 0 with 0 used and 500 scheduled"
    )
    answer(history, FIRST, scheduled=505)
    assert history.judge()["A8"].detail.split("; ")[-1] == (
        f"of authorization {SPREAD}, operation {SECOND} said version 2 with 0 used and 1 scheduled, "
        f"operation {FIRST} version 1 with 0 used and 505 scheduled"
    )


def test_steps_over_moves_of_different_units_are_not_judged_and_that_is_said() -> None:
    history = History()
    history.act("reserve")
    history.act("reserve", units=10, lost=True)
    history.act("reserve", lost=True)
    history.act("reserve")
    finding = history.judge()["A8"]

    assert finding.state == CheckState.HOLDS
    assert finding.detail == "1 steps over moves of unknown version could not be judged"


def test_of_a_race_without_a_word_for_replays_the_unanswered_half_may_have_moved() -> None:
    history = History(lacking("replayed"))
    first = history.act("race", lost=True)
    history.act("reserve")
    history.act("race", key_of=first, partner=True, early_ns=STEP_NS * 3)
    history.act("reserve")

    assert violated(history.judge()) == set()
