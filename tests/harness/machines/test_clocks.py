"""The distance of two clocks is found to within its doubt, however they drift and however slow the way is."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.machines import clocks
from harness.machines.clocks import Clock, Trip

MS, S = 1_000_000, 1_000_000_000
AHEAD = 1_000 * S


def trip(at: int, out: int, home: int, ahead: int = AHEAD, drift: float = 0.0) -> Trip:
    """A question that is asked at `at`, takes `out` ns there and `home` ns back."""
    there = at + out
    return Trip(at, there + ahead + round(drift * there), at + out + home)


def moments(*at: int) -> clocks.Times:
    return np.array(at, np.int64)


def test_one_trip_says_as_much_as_it_took() -> None:
    one = Clock((trip(0, 3 * MS, 1 * MS),))

    assert one.shift(moments(0, 5 * S)).tolist() == [AHEAD + MS] * 2
    assert one.doubt(moments(0, 2 * S)).tolist() == [2 * MS] * 2
    assert one.stepped == 0


def test_the_quickest_trip_of_ten_seconds_counts() -> None:
    both = Clock((trip(0, 9 * MS, 1 * MS), trip(S, 100_000, 100_000), trip(2 * S, MS, 7 * MS)))

    assert both.shift(moments(3 * S)).tolist() == [AHEAD]
    assert both.doubt(moments(3 * S)).tolist() == [100_000]


def test_between_two_windows_the_distance_is_a_straight_line() -> None:
    drift = 50e-6
    trips = [trip(second * S, 50_000, 50_000, drift=drift) for second in range(120)]
    found = Clock(tuple(trips))
    at = moments(*(second * S for second in range(3, 110, 7)))

    assert len(found.best) == 12
    assert np.abs(found.shift(at) - (AHEAD + drift * at)).max() < 60_000
    assert found.stepped == 0


def test_where_nothing_was_asked_for_long_less_is_known() -> None:
    found = Clock((trip(0, MS, MS), trip(60 * S, MS, MS)))
    near, middle, after = found.doubt(moments(-S, 30 * S, 100 * S)).tolist()

    assert near == MS
    assert middle == pytest.approx(MS + 30 * S * clocks.BEYOND, rel=1e-3)
    assert after == pytest.approx(MS + 40 * S * clocks.BEYOND, rel=1e-3)


def test_a_correction_that_nobody_saw_is_within_the_doubt() -> None:
    """A clock that is slewed by 0.5 ‰ for 20 of the 40 s in which a network was cut, and drifts not before or after."""

    def ahead(second: int) -> int:
        return AHEAD + round(0.5e-3 * S * min(max(second - 20, 0), 20))

    seconds = [*range(20), *range(60, 80)]
    found = Clock(tuple(trip(second * S, MS // 10, MS // 10, ahead(second)) for second in seconds))
    at = [second for second in range(80)]
    wrong = np.abs(found.shift(moments(*(second * S for second in at))) - [ahead(second) for second in at])

    assert wrong.max() > 2 * MS
    assert (wrong <= found.doubt(moments(*(second * S for second in at)))).all()


@pytest.mark.parametrize("tenth", range(10))
def test_when_a_clock_was_set_is_not_known_so_that_all_times_are_in_doubt(tenth: int) -> None:
    """Between two questions, each of which is the best of its ten seconds: no trip contradicts the line."""
    step = 2 * S
    trips = [trip(second * S, MS, MS, AHEAD + (step if second >= 10 else 0)) for second in (0, 9, 10, 19)]
    found = Clock(tuple(trips))
    at = moments(9 * S + tenth * S // 10)

    assert abs(int(found.shift(at)[0]) - AHEAD) <= int(found.doubt(at)[0])


def test_what_a_trip_contradicts_is_in_doubt() -> None:
    """A slower trip, which nevertheless shows that the line of the quick ones is wrong there."""
    bent = Clock((trip(0, MS, MS), trip(4 * S, 2 * MS, 2 * MS, AHEAD + 5 * MS)))

    assert bent.doubt(moments(0)).tolist() == [MS + 3 * MS]


@pytest.mark.parametrize("step", [2 * S, -2 * S, 40 * MS])
def test_a_clock_that_was_set_is_found(step: int) -> None:
    trips = [trip(second * S, MS, MS, AHEAD + (step if second >= 7 else 0)) for second in range(20)]

    assert Clock(tuple(trips)).stepped == pytest.approx(abs(step), abs=4 * MS)


@pytest.mark.parametrize("late", [0, MS, 2 * MS])
def test_a_clock_that_was_set_forward_in_the_middle_of_a_trip_is_found(late: int) -> None:
    """Ours is: the trip is as long as it was set by, and agrees with all others. The master read its own `late`."""
    step = 2 * S
    before = [trip(second * S, MS, MS) for second in range(7)]
    during = Trip(7 * S, 7 * S + late + AHEAD, 7 * S + 2 * MS + step)
    after = [trip(second * S, MS, MS, AHEAD - step) for second in range(10, 20)]

    assert Clock((*before, during, *after)).stepped == pytest.approx(step, abs=16 * MS)


def test_a_clock_that_is_being_corrected_was_not_set() -> None:
    trips = [trip(second * S, MS, MS, drift=0.5e-3) for second in range(60)]

    assert Clock(tuple(trips)).stepped == 0


@given(
    ahead=st.integers(-(10**15), 10**15),
    drift=st.floats(-1e-4, 1e-4),
    ways=st.lists(st.tuples(st.integers(0, 30 * MS), st.integers(0, 30 * MS)), min_size=2, max_size=60),
    asked=st.floats(0, 1),
)
def test_the_distance_is_within_its_doubt(ahead: int, drift: float, ways: list[tuple[int, int]], asked: float) -> None:
    trips = [trip(second * S, out, home, ahead, drift) for second, (out, home) in enumerate(ways)]
    found = Clock(tuple(trips))
    at = moments(round(asked * (len(ways) - 1) * S))
    # To a time on the master's clock, and on a straight line: that is drift's part of a trip.
    error = np.abs(found.shift(at) - (ahead + drift * at)) - found.doubt(at)

    assert int(error.max()) <= abs(drift) * (clocks.WINDOW_NS + 60 * MS) + 2
    assert found.stepped == 0


def test_it_is_read_as_it_was_written_and_a_torn_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / clocks.name(3)
    written = [trip(second * S, MS, MS) for second in range(3)]
    path.write_text("".join(json.dumps(one) + "\n" for one in written) + "[1, 2")

    assert clocks.read(path) == Clock(tuple(written))
    assert clocks.read(tmp_path / clocks.name(4)) is None


def test_a_trip_that_came_back_before_it_left_shows_nothing() -> None:
    assert clocks.clock([(5, 0, 3)]) is None
