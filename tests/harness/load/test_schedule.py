"""Arrivals that are changed while users wait for them are handed out when they are due, and not before."""

import time

import gevent
import pytest

from harness.load.schedule import Schedule

FAR, WHOLE = 10**12, 2e12


@pytest.mark.parametrize("before", [[], [FAR]])
@pytest.mark.parametrize("due", [2_000_000, 60_000_000])
def test_a_user_that_waits_gets_the_arrival_that_took_the_others_place(before: list[int], due: int) -> None:
    schedule = Schedule(before, [0] * len(before), WHOLE)
    schedule.began = time.monotonic_ns()
    given = []
    user = gevent.spawn(lambda: given.append(schedule.arrival()))
    gevent.idle()

    schedule.change([due, FAR], [3, 0])
    user.join(timeout=30)

    (arrival,) = given
    assert (arrival[0], arrival[1]) == (schedule.began + due, 3)
    assert time.monotonic_ns() >= schedule.began + due
    assert (schedule.taken, schedule.over()) == (1, False)


def test_an_arrival_that_was_put_off_is_not_handed_out_when_it_would_have_been_due() -> None:
    schedule = Schedule([50_000_000], [0], WHOLE)
    schedule.began = time.monotonic_ns()
    given = []
    user = gevent.spawn(lambda: given.append(schedule.arrival()))
    gevent.idle()

    schedule.change([FAR], [0])
    gevent.sleep(0.1)

    assert (given, schedule.taken) == ([], 0)
    user.kill()


@pytest.mark.parametrize("free", [True, False])
def test_an_arrival_is_late_because_of_the_target_only_if_no_user_was_free_for_it(free: bool) -> None:
    schedule = Schedule([20_000_000, 20_000_000], [0, 0], WHOLE)
    schedule.began = time.monotonic_ns()
    user = gevent.spawn(schedule.arrival)
    if free:
        gevent.idle()

    while time.monotonic_ns() < schedule.began + 30_000_000:
        pass  # as the loop of a generator that does something else
    arrival = schedule.arrival()
    user.kill()

    assert arrival is not None
    assert (arrival[2] == 0) if free else (arrival[2] >= 10_000)


def test_of_what_became_due_while_users_were_free_only_the_time_after_that_is_the_targets_doing() -> None:
    schedule = Schedule([FAR], [0], WHOLE)
    schedule.began = time.monotonic_ns()
    given: list[tuple[int, int]] = []

    def live() -> None:
        for _ in range(3):
            arrival = schedule.arrival()
            assert arrival is not None
            given.append((time.monotonic_ns() - arrival[0], arrival[2] * 1000))

    user = gevent.spawn(live)
    gevent.idle()
    schedule.began = time.monotonic_ns()
    schedule.change([20_000_000] * 3, [0] * 3)
    while time.monotonic_ns() < schedule.began + 60_000_000:
        pass  # as above: its one user is free, and could have begun all three
    user.join()

    assert given[0][1] == 0
    assert all(late >= 40_000_000 and waited <= late - 40_000_000 for late, waited in given), given
