"""X9: what is stored after its answer, or before its request, is found as far as the clocks are known."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from harness.check import Finding
from harness.verdict import CheckState
from tests.support.batches import FIRST, WALL, History, clean
from verification.before import Before


def judged(history: History, before: Before | None = None) -> Finding:
    seen = history.observation()
    from tests.support.batches import STORED

    case = STORED.case(history.ledger(), replace(seen, before=before or seen.before))
    return {finding.id: finding for finding in STORED.judge(case)}["X9"]


def moved(by: str, **of_op: Any) -> History:
    """A clean history in which the first row of the first operation was stored later by that much."""
    history = clean()
    row = history.row(FIRST)
    row["created_at"] += pd.Timedelta(by)
    return history


def test_what_is_stored_in_time_holds() -> None:
    found = judged(clean())

    assert found.state is CheckState.HOLDS
    assert found.compared > 100


@pytest.mark.parametrize("by", ["800ms", "1h", "-800ms", "-1h"])
def test_what_is_stored_after_its_answer_or_before_its_request_is_found(by: str) -> None:
    found = judged(moved(by))

    assert found.state is CheckState.VIOLATED
    assert found.witnesses == 1
    assert ("1 were stored after" in found.detail) == (not by.startswith("-"))


def test_what_the_clocks_leave_open_is_no_finding() -> None:
    open_ = Before(1, (WALL - 500_000_000, WALL + 400_000_000), True)

    assert judged(moved("300ms"), open_).state is CheckState.HOLDS
    assert judged(moved("800ms"), open_).state is CheckState.VIOLATED


def test_a_clock_that_was_set_leaves_it_undecided() -> None:
    found = judged(clean(), Before(1, (WALL - 3600 * 10**9, WALL), True))

    assert found.state is CheckState.UNDECIDED
    assert "was set" in found.detail


def test_without_the_clocks_it_is_undecided() -> None:
    history = clean()
    seen = replace(history.observation(), before=None)
    from tests.support.batches import STORED

    found = {finding.id: finding for finding in STORED.judge(STORED.case(history.ledger(), seen))}

    assert found["X9"].state is CheckState.UNDECIDED
    assert found["X2"].state is CheckState.UNDECIDED
