"""A line through figures by volume: what it says, how sure it is, and where it leads."""

import math

import pytest

from reports.statistics.trend import Point, trend


def points(*values: float, wide: float = 0.05, volumes: tuple[float, ...] = (1e6, 3e6, 1e7)) -> list[Point]:
    return [Point(v, one, one / (1 + wide), one * (1 + wide)) for v, one in zip(volumes, values, strict=True)]


def test_what_does_not_grow_is_a_level_line() -> None:
    found = trend(points(0.01, 0.01, 0.01))

    assert found.tenfold.value == pytest.approx(1)
    assert found.tenfold.low is not None
    assert found.tenfold.high is not None
    assert found.tenfold.low < 1 < found.tenfold.high
    assert found.expected(1e8).value == pytest.approx(0.01)


def test_a_figure_that_doubles_for_ten_times_the_volume_does_so_again_beyond() -> None:
    found = trend(points(0.01, 0.01 * 2 ** math.log10(3), 0.02))

    assert found.tenfold.value == pytest.approx(2)
    assert found.grown.value == pytest.approx(2)
    assert found.expected(1e8).value == pytest.approx(0.04)


def test_the_farther_from_what_was_measured_the_less_is_known() -> None:
    found = trend(points(0.01, 0.01, 0.01))
    near, far = found.expected(1e7), found.expected(1e8)

    assert near.high is not None
    assert far.high is not None
    assert far.high > near.high


def test_runs_that_differ_more_than_their_intervals_explain_make_all_less_sure() -> None:
    even, uneven = trend(points(0.01, 0.01, 0.01)), trend(points(0.01, 0.014, 0.01))

    for one, other in ((even.tenfold, uneven.tenfold), (even.grown, uneven.grown)):
        assert one.high is not None
        assert other.high is not None
        assert other.high / other.value > 1.5 * one.high / one.value


def test_two_runs_of_a_volume_are_surer_than_one() -> None:
    one = trend(points(0.01, 0.02, volumes=(1e6, 1e7)))
    two = trend(points(0.01, 0.01, 0.02, 0.02, volumes=(1e6, 1e6, 1e7, 1e7)))

    assert two.grown.value == pytest.approx(one.grown.value)
    assert two.grown.high is not None
    assert one.grown.high is not None
    assert two.grown.high < one.grown.high


def test_an_end_that_is_not_known_is_as_far_as_the_other_and_without_both_nothing_is_sure() -> None:
    half = [Point(1e6, 0.01, 0.009, None), Point(1e7, 0.01, 0.009, None)]
    none = [Point(1e6, 0.01, None, None), Point(1e7, 0.01, 0.009, 0.011)]

    assert trend(half).grown.high is not None
    assert (trend(none).grown.low, trend(none).grown.high, trend(none).tenfold.low) == (None, None, None)
    assert trend(none).expected(1e8).high is None
