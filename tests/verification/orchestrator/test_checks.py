"""Each edit of a clean history violates exactly the checks that it must; in parts the same is found, to the byte."""

from pathlib import Path

import pytest

from harness.verdict import CheckState
from tests.support.divided import found_alike
from tests.support.orchestrator_edits import EDITS
from tests.support.orchestrator_history import SCENARIO, Edit, clean
from verification.orchestrator import STORED


def test_a_clean_history_holds(tmp_path: Path) -> None:
    case = clean().case()
    findings = STORED.judge(case)

    assert {one.id: one.detail for one in findings if one.state is not CheckState.HOLDS} == {}
    assert {one.id for one in findings} == {check.id for check in STORED.checks_of(SCENARIO)}
    found_alike(tmp_path, STORED, case, findings, [1, 2, 7, 30])


@pytest.mark.parametrize(("edit", "expected"), EDITS.values(), ids=list(EDITS))
def test_an_edit_violates_exactly_these_checks(edit: Edit, expected: set[str], tmp_path: Path) -> None:
    history = clean()
    edit(history)
    case = history.case()
    findings = STORED.judge(case)
    violated = [one for one in findings if one.state is CheckState.VIOLATED]

    assert {one.id for one in violated} == expected
    assert all(one.witnesses and one.detail and one.said for one in violated)
    assert not any(one.crashed for one in findings)
    found_alike(tmp_path, STORED, case, findings, [3])


def test_every_check_has_an_edit_that_violates_it() -> None:
    # What happened is X11's matter, and what surrounds the data that of test_surroundings.py.
    every = {check.id for check in STORED.checks_of(SCENARIO)} - {"X10", "X11", "SCHEMA"}

    assert {id_ for _, expected in EDITS.values() for id_ in expected} == every


def test_what_is_not_in_the_database_is_compared_with_nothing() -> None:
    history = clean()
    history.queues.clear()

    assert {"MESSAGES", "ENQUEUED", "DEPTH", "DRAINED"}.isdisjoint(one.id for one in STORED.judge(history.case()))
