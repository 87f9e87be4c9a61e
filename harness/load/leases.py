"""Leases of feeds for load processes on other machines: their master counts what is leased, for all of them."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path
from typing import Any

from gevent.event import AsyncResult
from gevent.lock import BoundedSemaphore
from gevent.timeout import Timeout

from harness.errors import FeedError
from harness.feed import LEASE, Lease

ASK, GIVEN = "proofload_lease", "proofload_leased"
ANSWER_S = 5.0
"""How long the master may take to answer; then it is asked again. What it gave meanwhile stays unused."""
TRIES = 6


class Counter:
    """The master's part: what is leased of each feed, in the run folder."""

    def __init__(self, folder: Path, processes: int) -> None:
        self._folder, self._processes = folder, processes
        self._leases: dict[str, Lease] = {}

    def lease(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to what a worker asks."""
        name = str(asked["feed"])
        if name not in self._leases:
            self._leases[name] = Lease(self._folder / LEASE.format(name), self._processes)
        taken = self._leases[name].take(int(asked["of"]))
        return {"ask": asked["ask"], "first": taken.start, "end": taken.stop}


class Remote:
    """A worker's part, of one feed. Users wait for the answer one after the other, and hold up no other."""

    def __init__(self, runner: Any, name: str) -> None:
        """`runner` is that of a worker of Locust's."""
        self._runner, self._name = runner, name
        self.alone: AbstractContextManager[Any] = BoundedSemaphore()

    def take(self, of: int) -> range:
        """The next numbers below `of`, at least one; none if all are taken. FeedError if the master does not answer."""
        for _ in range(TRIES):
            number = next(_numbers)
            answer: AsyncResult[Mapping[str, Any]] = AsyncResult()
            _waiting[number] = answer
            try:
                self._runner.send_message(ASK, {"ask": number, "feed": self._name, "of": of})
                found: Any = answer.get(timeout=ANSWER_S)
                return range(int(found["first"]), int(found["end"]))
            except Timeout:
                continue
            finally:
                del _waiting[number]
        raise FeedError(f"feed {self._name}: the master gave no rows for {TRIES * ANSWER_S:g} s: is it still there?")

    def close(self) -> None:
        """No more numbers are asked for."""


def given(answer: Mapping[str, Any]) -> None:
    """As a worker: the master has answered."""
    waiting = _waiting.get(int(answer["ask"]))
    if waiting is not None:  # an answer that came too late was given up
        waiting.set(answer)


_numbers = count(1)
_waiting: dict[int, "AsyncResult[Mapping[str, Any]]"] = {}
"""By the number of the question."""
