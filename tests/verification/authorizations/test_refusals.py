"""A refusal for want of units is right if what was under way may have taken them, or not yet given them back."""

from harness.outcomes import Outcome
from harness.verdict import CheckState
from tests.support.authorization_edits import FIRST, LAST, UNTOUCHED, again, outcome, undone, violated
from tests.support.authorization_history import (
    HOT,
    STEP_NS,
    History,
    clean,
)


# Refusals: what was under way may have taken the units or not yet given them back.
def test_a_refusal_is_right_while_what_took_the_units_was_under_way() -> None:
    history = History()
    for _ in range(3):
        history.act("reserve", HOT)
    history.act("reserve", HOT, early_ns=STEP_NS // 4, late_ns=9 * STEP_NS)
    refused = history.act("reserve", HOT)
    released = history.act("release", HOT, early_ns=STEP_NS * 2)

    assert history.op(refused)["status"] == 409
    assert history.judge()["A7"].state == CheckState.HOLDS
    # Had it been given back before: five were there.
    history.op(released).update(start=STEP_NS, end=2 * STEP_NS)
    assert history.judge()["A7"].state == CheckState.VIOLATED


def test_a_refused_release_is_right_until_what_reserved_is_done() -> None:
    history = History()
    reserved = history.act("reserve", UNTOUCHED, early_ns=STEP_NS, late_ns=3 * STEP_NS)
    release = history.act("release", UNTOUCHED, units=505)
    outcome(history, release, Outcome.REJECT, 409)
    history.rows.pop()
    history.count(UNTOUCHED, "reserve", 505, version=-1)
    assert history.judge()["A7"].state == CheckState.HOLDS

    history.op(reserved).update(end=STEP_NS + STEP_NS // 4)
    finding = history.judge()["A7"]
    assert finding.state == CheckState.VIOLATED
    assert "asked for 505, and at least 505 were there" in finding.detail


def test_a_refusal_is_not_judged_where_somebody_else_moved_units() -> None:
    history = clean()
    undone(history, LAST)
    outcome(history, LAST, Outcome.REJECT, 409)
    again(history, FIRST, op=-1, stray="else")

    assert violated(history.judge()) == {"X2"}
