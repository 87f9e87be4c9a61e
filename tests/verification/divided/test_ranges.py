"""Numbers that one follows the other are divided into equal ranges."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from verification.divided.ranges import ranges

NUMBERS = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(NUMBERS), st.integers(0, 2**62), st.integers(0, 2**62), st.integers(1, 500))
def test_a_range_follows_the_other(values: list[int], first: int, last: int, count: int) -> None:
    found = ranges(np.sort(np.array(values, np.int64)), first, last, count)

    assert (np.diff(found) >= 0).all()
    assert ((found >= 0) & (found < count)).all()


def test_ranges_are_equal() -> None:
    assert np.bincount(ranges(np.arange(100), 0, 99, 4)).tolist() == [25] * 4
    assert ranges(np.array([-5, 0, 3, 1000]), 0, 3, 2).tolist() == [0, 0, 1, 1]
