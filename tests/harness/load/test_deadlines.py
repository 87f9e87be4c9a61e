"""Whatever takes too long is ended, also where many connections are looked at a few at a time."""

import math
from typing import Any

import gevent

from harness.load.channel import Deadlines


class Exchange:
    """As a channel is watched."""

    def __init__(self, until: float) -> None:
        self.until = until
        self.group: set[Any] | None = None
        self.expired = False

    def expire(self) -> None:
        self.expired, self.until = True, math.inf


def test_each_that_takes_too_long_is_ended_and_no_other() -> None:
    deadlines: Any = Deadlines(1.0)
    late, in_time, forgotten = ([Exchange(until) for _ in range(12)] for until in (0.0, math.inf, 0.0))
    for several in zip(late, in_time, forgotten, strict=True):
        for one in several:
            deadlines.watch(one)
    for one in forgotten:
        deadlines.forget(one)

    with gevent.Timeout(60):
        while not all(one.expired for one in late):
            gevent.sleep(0.001)

    assert len({id(one.group) for one in late}) > 1
    assert not any(one.expired for one in in_time + forgotten)
