"""Moments are kept: never before them, once each, and by those who still wait."""

import time
from collections.abc import Iterator

import gevent
import pytest
from gevent.event import Event
from hypothesis import given
from hypothesis import strategies as st

from harness.load.alarm import Alarm
from harness.load.sleepers import Sleepers

MS = 1_000_000


class Rung(Event):
    """Notes when the alarm rang."""

    def __init__(self) -> None:
        super().__init__()
        self.at: list[int] = []
        self.alarm = Alarm(self.note)

    def note(self) -> None:
        self.at.append(time.monotonic_ns())
        self.set()


@pytest.fixture
def rung() -> Iterator[Rung]:
    made = Rung()
    yield made
    made.alarm.close()


def test_it_rings_once_and_not_before_its_moment(rung: Rung) -> None:
    moment = time.monotonic_ns() + 3 * MS
    rung.alarm.at(moment)

    assert rung.wait(60)
    gevent.sleep(0.005)
    (at,) = rung.at
    assert at >= moment


def test_moments_of_a_clock_that_is_ahead_of_the_kernels_are_kept(rung: Rung, monkeypatch: pytest.MonkeyPatch) -> None:
    own = time.monotonic_ns
    monkeypatch.setattr("time.monotonic_ns", lambda: own() + 3600 * 1_000 * MS)
    rung.alarm.at(time.monotonic_ns() + 2 * MS)

    assert rung.wait(60)


@pytest.mark.parametrize("moment", [-1, 0, 1])
def test_a_moment_that_has_passed_is_now(rung: Rung, moment: int) -> None:
    rung.alarm.at(moment)

    assert rung.wait(60)


def test_the_last_moment_takes_the_place_of_the_others(rung: Rung) -> None:
    rung.alarm.at(0)
    rung.alarm.at(time.monotonic_ns() + 3600 * 1_000 * MS)
    rung.alarm.at(moment := time.monotonic_ns() + 2 * MS)

    assert rung.wait(60)
    (at,) = rung.at
    assert at >= moment


def test_one_that_is_set_anew_after_it_rang_rings_at_the_new_moment(rung: Rung) -> None:
    """Its ring is known to the loop, and not heard yet."""
    rung.alarm.at(0)
    moment = time.monotonic_ns() + 3 * MS
    # Of the watchers that are ready, that which is started first is called first.
    rung.alarm._watcher.stop()
    other = gevent.get_hub().loop.io(rung.alarm._file, 1)
    other.start(lambda: (other.stop(), rung.alarm.at(moment)))
    rung.alarm._watcher.start(rung.alarm._rung)

    assert rung.wait(60)
    gevent.sleep(0.005)
    (at,) = rung.at
    assert at >= moment


def test_one_that_was_closed_never_rings(rung: Rung) -> None:
    rung.alarm.at(0)
    rung.alarm.close()
    rung.alarm.close()
    gevent.sleep(0.005)

    assert not rung.at


@given(st.lists(st.integers(0, 5), min_size=1, max_size=80), st.sets(st.integers(0, 79)))
def test_sleepers_wake_after_their_time_all_but_those_that_were_ended(waits: list[int], ended: set[int]) -> None:
    sleepers, woken = Sleepers(), []

    def user(number: int, milliseconds: int) -> None:
        before = time.monotonic_ns()
        sleepers.sleep(milliseconds / 1_000)
        assert time.monotonic_ns() - before >= milliseconds * MS
        woken.append(number)

    users = [gevent.spawn(user, number, milliseconds) for number, milliseconds in enumerate(waits)]
    gevent.sleep(0)
    gone = [users[number] for number in ended if number < len(users) and not users[number].dead]
    gevent.killall(gone)
    gevent.joinall(users, timeout=60)

    assert all(one.successful() for one in users)
    assert sorted(woken) == [number for number, one in enumerate(users) if one not in gone]
