"""What is found of the event store is the same, to the byte, in however many parts it is judged."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from harness.verdict import CheckState
from systems.event_store import GAP_TOKEN, NONE, SERIAL, XMIN
from tests.support.divided import found_alike
from tests.support.event_edits import EDITS, Edit
from tests.support.event_history import History, clean
from verification import event_store


def same(history: History, folder: Path, counts: Sequence[int] = (3,)) -> set[str]:
    """Assert that all is found of it in parts as in one; the checks that are violated."""
    case = history.case()
    findings = event_store.judge(case)
    found_alike(folder, event_store, case, findings, counts, keep=history.keep)
    assert not [finding.detail for finding in findings if finding.crashed]
    return {finding.id for finding in findings if finding.state is CheckState.VIOLATED}


def test_a_clean_history_is_found_alike_in_all_parts(tmp_path: Path) -> None:
    assert same(clean(), tmp_path, [1, 2, 7]) == set()


@pytest.mark.parametrize("policy", [XMIN, SERIAL, NONE])
def test_a_clean_history_with_another_policy_is_found_alike_in_all_parts(policy: str, tmp_path: Path) -> None:
    assert same(clean(policy), tmp_path) == set()


@pytest.mark.parametrize(("edit", "check"), EDITS.values(), ids=list(EDITS))
def test_an_edit_is_found_alike_in_all_parts(edit: Edit, check: str, tmp_path: Path) -> None:
    history = clean()
    edit(history)
    violated = same(history, tmp_path)

    assert not check or check in violated


@given(
    damages=st.lists(st.sampled_from(sorted(EDITS)), min_size=2, max_size=5),
    policy=st.sampled_from([GAP_TOKEN, XMIN, SERIAL]),
    count=st.integers(2, 9),
)
@settings(
    max_examples=8,
    deadline=None,
    # To shrink what fails would take minutes: each example is judged in all its parts.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_several_edits_are_found_alike_in_all_parts(
    tmp_path: Path, damages: list[str], policy: str, count: int
) -> None:
    history = clean(policy)
    for name in damages:
        try:
            EDITS[name][0](history)
        except (IndexError, ValueError, KeyError):
            # What it would damage, another has taken away.
            continue

    same(history, tmp_path, [count])
