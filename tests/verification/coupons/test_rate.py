"""What a user may ask in a second is counted for a million answers as it is for a few."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from verification.coupons.rate import suspects, under_way

TIMES = st.lists(st.tuples(st.integers(0, 4 * 10**9), st.integers(0, 10**9)), max_size=30)


@given(TIMES, st.sampled_from([1.0, 2.5, 4.0]))
def test_no_place_is_left_out_from_which_on_too_many_were_answered(times: list[tuple[int, int]], rate: float) -> None:
    begun = np.array(sorted(start for start, _ in times), np.int64)
    ended = np.array(sorted(start + took for start, took in times), np.int64)
    most = max(rate, 1.0)

    def over(first: int) -> bool:
        within = np.arange(1, len(begun) - first + 1)
        return bool((within > most + rate * ((ended[first:] - begun[first]) / 1e9) + 1).any())

    assert {first for first in range(len(begun)) if over(first)} <= set(suspects(begun, ended, most, rate).tolist())


def test_a_user_that_keeps_to_its_limit_is_no_suspect() -> None:
    begun = np.arange(1_000_000) * 10**8

    assert suspects(begun, begun + 10**6, 10.0, 10.0).tolist() == []


@given(TIMES, TIMES)
def test_who_wasunder_way_is_counted(times: list[tuple[int, int]], asked: list[tuple[int, int]]) -> None:
    begun, ended = (np.array([start + took * late for start, took in times], np.int64) for late in (0, 1))
    since, until = (np.array([start + took * late for start, took in asked], np.int64) for late in (0, 1))
    counted = [int(((ended >= left) & (begun <= right)).sum()) for left, right in zip(since, until, strict=True)]

    assert under_way(begun, ended, since, until).tolist() == counted
