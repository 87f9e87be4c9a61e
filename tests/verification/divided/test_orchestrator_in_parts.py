"""What is found of the orchestrator is the same, to the byte, in however many parts it is judged.

Of each edit alone, in three parts, that is shown beside what it violates (tests/verification/orchestrator).
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.divided import found_alike
from tests.support.orchestrator_edits import EDITS
from tests.support.orchestrator_history import clean
from verification.orchestrator import STORED

AT_ONCE = 8
"""So many edits are made of one history."""


def same(damages: Iterable[str], folder: Path, counts: Sequence[int]) -> None:
    """Assert that all is found in parts as in one of a history with these edits."""
    history = clean()
    for name in damages:
        try:
            EDITS[name][0](history)
        except (StopIteration, KeyError, IndexError):
            # What it would change, another has taken away.
            continue
    case = history.case()
    found_alike(folder, STORED, case, STORED.judge(case), counts)


@pytest.mark.parametrize("first", range(-(-len(EDITS) // AT_ONCE)))
def test_every_edit_beside_others_is_found_alike_in_all_parts(first: int, tmp_path: Path) -> None:
    same([*EDITS][first * AT_ONCE : (first + 1) * AT_ONCE], tmp_path, [1, 7])


NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)


@given(damages=st.lists(st.sampled_from(sorted(EDITS)), min_size=2, max_size=9, unique=True), count=st.integers(2, 12))
@settings(
    max_examples=6, deadline=None, phases=NO_SHRINKING, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_edits_are_found_alike_in_all_parts(tmp_path: Path, damages: list[str], count: int) -> None:
    same(damages, tmp_path, [count])
