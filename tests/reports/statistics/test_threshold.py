"""The interval of a threshold holds it, is as wide as the gap between the steps, and wider where they contradict."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.statistics.threshold import interval


@given(st.floats(1, 1e5), st.floats(1.01, 1.5))
def test_it_is_about_where_the_answers_change(held: float, gap: float) -> None:
    low, high = interval([(held / 2, True), (held, True), (held, True), (held * gap, False), (held * gap, False)])

    assert low < held * gap
    assert high > held
    assert high / low < max(1.35, 1.1 * gap)


def test_answers_that_contradict_each_other_make_it_wider() -> None:
    alike = [(50.0, True), (100.0, True), (100.0, True), (105.0, False), (105.0, False)]

    low, high = interval(alike)
    wide = interval([*alike, (50.0, False), (100.0, False)])

    assert wide[0] < low
    assert wide[1] - wide[0] > 1.5 * (high - low)


@pytest.mark.parametrize(("width", "least"), [(0.01, 0.95), (0.05, 0.85)])
def test_it_holds_the_threshold_about_as_often_as_it_says(width: float, least: float) -> None:
    """Of steps at random whose chance to hold falls off about 1,000."""
    random, hits, tried = np.random.default_rng(5), 0, 0
    for _ in range(60):
        loads = 1000 * np.exp(random.uniform(-0.3, 0.3, 12))
        chance = 1 / (1 + np.exp((np.log(loads) - np.log(1000)) / width))
        held = random.random(12) < chance
        if held.any() and not held.all():
            low, high = interval(list(zip(loads.tolist(), held.tolist(), strict=True)))
            hits, tried = hits + (low <= 1000 <= high), tried + 1
    assert hits / tried >= least
