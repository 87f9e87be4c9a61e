"""Whatever takes too long is ended, also where many connections are looked at a few at a time."""

import math
import socket

import gevent

from harness.load.channel import Channel, Deadlines


def test_each_that_takes_too_long_is_ended_and_no_other() -> None:
    deadlines = Deadlines(1.0)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        late, in_time, forgotten = ([Channel(server.getsockname(), 60) for _ in range(12)] for _ in range(3))
    for several in zip(late, in_time, forgotten, strict=True):
        for one, until in zip(several, (0.0, math.inf, 0.0), strict=True):
            one.until = until
            deadlines.watch(one)
    for one in forgotten:
        deadlines.forget(one)

    with gevent.Timeout(60):
        while not all(one.expired for one in late):
            gevent.sleep(0.001)

    assert len({id(one.group) for one in late}) > 1
    assert not any(one.expired for one in in_time + forgotten)
    for one in late + in_time + forgotten:
        one.close()
