"""Marks are round and names clear of each other, at the narrowest plot and at every wider one."""

import itertools
import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.render import axes
from reports.render.axes import CHARACTER, NARROW, ROW, ROWS, WIDE, Mark

WIDTHS = (NARROW, WIDE, 700, 1100)
ROUND = {1, 2, 5}


def overlaps(marks: Sequence[Mark], width: float) -> bool:
    """Whether two neighbouring labels, centred on their marks, touch."""
    ends = [(at * width - len(text) * CHARACTER / 2, at * width + len(text) * CHARACTER / 2) for at, text in marks]
    return any(after[0] < before[1] for before, after in itertools.pairwise(ends))


@given(st.floats(1, 30 * 86_400), st.sampled_from([NARROW, WIDE]))
def test_times_are_round_and_clear_at_every_width(over: float, width: int) -> None:
    marks = axes.time_marks(over, width)

    assert marks[0] == (0, axes.clock(0, over))
    assert len({text for _, text in marks}) == len(marks)
    assert all(0 <= at <= 1 for at, _ in marks)
    for wider in (one for one in WIDTHS if one >= width):
        assert not overlaps(marks, wider)


@pytest.mark.parametrize(
    ("second", "over", "said", "unit"),
    [
        (90, 119, "90", "seconds"),
        (90, 120, "1:30", "minutes:seconds"),
        (3_605, 7_199, "60:05", "minutes:seconds"),
        (5_400, 7_200, "1:30", "hours:minutes"),
        (86_400, 90_000, "24:00", "hours:minutes"),
    ],
)
def test_a_time_is_told_as_its_axis_says(second: float, over: float, said: str, unit: str) -> None:
    assert (axes.clock(second, over), axes.time_unit(over)) == (said, unit)


BANDS = st.lists(st.tuples(st.text("abcdefgh-", max_size=60), st.floats(1, 500)), min_size=1, max_size=40)


@given(BANDS, st.sampled_from([NARROW, WIDE]))
def test_names_of_phases_are_clear_of_each_other_and_inside(stages: list[tuple[str, float]], width: int) -> None:
    bands, at = [], 0.0
    for name, seconds in stages:
        bands.append((name, at, at + seconds))
        at += seconds

    names = axes.names(bands, at, width)

    assert all(name.row < ROWS for name in names)
    for wider in (one for one in WIDTHS if one >= width):
        for row in range(ROWS):
            sizes = [(name, len(name.text) * CHARACTER) for name in names if name.row == row]
            spans = [
                (wider - size, float(wider)) if name.ends else (name.at * wider, name.at * wider + size)
                for name, size in sizes
            ]
            assert all(after[0] >= before[1] for before, after in itertools.pairwise(spans))
            assert all(start >= 0 and end <= wider for start, end in spans)


def test_a_name_that_is_longer_than_the_plot_is_cut_and_one_without_a_place_left_out() -> None:
    (name,) = axes.names([("x" * 100, 0, 1)], 1, NARROW)
    assert name.text.endswith("x…")
    crowd = [(f"phase number {place}", float(place), place + 1.0) for place in range(60)]
    assert 0 < len(axes.names(crowd, 60, NARROW)) < len(axes.names(crowd, 60, WIDE)) < 60


@given(st.floats(1e-9, 1e12))
def test_even_marks_are_round_and_end_at_or_a_little_above_the_highest(highest: float) -> None:
    marks = axes.even(highest).marks
    step = marks[1]

    assert round(step / 10 ** math.floor(math.log10(step) + 1e-9), 9) in ROUND
    assert 2 <= len(marks) <= 7
    assert marks[-1] >= highest * (1 - 1e-9)
    assert marks[-1] - step < highest


def test_marks_of_nothing_are_marks_all_the_same() -> None:
    assert axes.even(0).marks == [0, 1]
    assert axes.even(0.3).marks == [0, 0.1, 0.2, 0.3]


@given(st.floats(1e-7, 1e5), st.floats(1, 1e7), st.sampled_from([150, 220]))
def test_logarithmic_marks_are_round_and_have_room(least: float, times: float, height: int) -> None:
    scale = axes.logarithmic(least, least * times, height)
    places = [scale.place_of(mark) for mark in scale.marks]

    assert {round(mark / 10 ** math.floor(math.log10(mark) + 1e-9), 6) for mark in scale.marks} <= ROUND
    assert all((b - a) * height >= ROW * (1 - 1e-9) for a, b in itertools.pairwise(places))
    assert 0 <= scale.place_of(least) < scale.place_of(least * times) + 1e-9
    assert scale.place_of(least * times) <= 1
    assert scale.place_of(0) == 0
    assert len(scale.marks) >= 1


@given(st.lists(st.floats(0, 220), max_size=20))
def test_words_that_want_the_same_place_are_moved_apart(wanted: list[float]) -> None:
    found = axes.apart(wanted, 13, 10, 216)

    least = min(13, 206 / max(len(wanted) - 1, 1))
    assert all(10 - 1e-6 <= place <= 216 + 1e-6 for place in found)
    ordered = sorted(found)
    assert all(b - a >= least - 1e-6 for a, b in itertools.pairwise(ordered))


def test_words_that_are_apart_stay_where_they_are() -> None:
    assert axes.apart([100.0, 50.0, 200.0], 13, 10, 216) == [100, 50, 200]


@given(st.lists(st.tuples(st.floats(0, 1), st.text("abc", min_size=1, max_size=12)), max_size=30))
def test_marks_that_would_overlap_are_left_out(marks: list[Mark]) -> None:
    kept = axes.clear(sorted(marks), NARROW)

    assert not overlaps(kept, NARROW)
    assert not overlaps(kept, WIDE)
    assert bool(kept) == bool(marks)
