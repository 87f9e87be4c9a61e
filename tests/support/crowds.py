"""`python -m tests.support.crowds`: what a crowd knows of users, as JSON; Locust can't be imported by a test."""

import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import gevent
from gevent.event import Event
from locust import TaskSet, User, constant, task
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession
from locust.env import Environment
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_STOPPING

from harness.load.crowd import Crowd
from harness.load.workers import _of_users

HOST = "http://127.0.0.1:80"
PATHS = ("items", "/items", "?page=1", "", "http://127.0.0.1:81/x")


class Base(User):
    abstract = True
    wait_time = constant(0.01)


class Dies(Base):
    def on_start(self) -> None:
        raise KeyError("token")

    @task
    def never(self) -> None:
        raise AssertionError


class Steps(TaskSet):
    def on_start(self) -> None:
        raise OSError("no file\nbeside it")

    @task
    def never(self) -> None:
        raise AssertionError


class Nested(Base):
    tasks = [Steps]  # noqa: RUF012


class Fails(Base):
    @task
    def fails(self) -> None:
        raise ValueError("of a task")


class Sends(Base):
    @task
    def send(self) -> None:
        gevent.spawn(lambda: self.environment.crowd.number()).join()  # type: ignore[attr-defined]


class Quiet(Base):
    @task
    def nothing(self) -> None:
        pass


class LeavesBadly(Base):
    @task
    def send(self) -> None:
        self.environment.crowd.number()  # type: ignore[attr-defined]

    def on_stop(self) -> None:
        raise RuntimeError("at the end")


class Leaving(TaskSet):
    @task
    def send(self) -> None:
        self.user.environment.crowd.number()  # type: ignore[attr-defined]
        self.interrupt(reschedule=False)

    def on_stop(self) -> None:
        raise LookupError("of a set")


class LeavesASet(Base):
    tasks = [Leaving]  # noqa: RUF012


class Interrupting(TaskSet):
    @task
    def send(self) -> None:
        self.user.environment.crowd.number()  # type: ignore[attr-defined]
        self.interrupt(reschedule=False)

    def on_stop(self) -> None:
        raise StopUser


class LeavesWell(Base):
    tasks = [Interrupting]  # noqa: RUF012


def session(seconds: float = 3600.0) -> Any:
    """What a crowd needs of a session, of a load that has begun."""
    start = Event()
    start.set()
    scenario = SimpleNamespace(seconds=seconds)
    return SimpleNamespace(
        start=start, began=time.monotonic_ns(), scenario=scenario, users=0, exceptions=0, following=None
    )


def crowd_of(of: Any, until: Callable[[Crowd], bool], *classes: type[User]) -> dict[str, Any]:
    """What is known of one user of each class, who live `until` that is so; and how many errors were counted."""
    environment: Any = Environment(user_classes=list(classes), stop_timeout=30)  # a task that is begun is finished
    environment.crowd = crowd = Crowd(of, environment)
    runner = environment.create_local_runner()
    runner.start(len(classes), spawn_rate=100)
    with gevent.Timeout(60):
        while not until(crowd):
            gevent.sleep(0.01)
    runner.quit()
    return {**crowd.summary(), "exceptions": of.exceptions}


def ended_in_time() -> dict[str, Any]:
    """Whether a user ends by itself when the load is over, and may be ended again."""
    crowds: list[Crowd] = []

    def ended(crowd: Crowd) -> bool:
        if not crowds:
            crowds.append(crowd)
            gevent.spawn(crowd.end_in_time)
        return bool(crowd._numbers) and all(user.greenlet.dead for user in crowd._numbers)

    found = crowd_of(session(0.2), ended, Quiet)
    user = next(iter(crowds[0]._numbers))
    user._state = LOCUST_STATE_STOPPING
    return {**found, "stopped": user.stop()}


def main() -> None:
    """Print all of it."""
    found: dict[str, Any] = {}
    for user in (Dies, Nested, Fails):
        of = session()
        found[user.__name__] = crowd_of(of, lambda crowd, of=of: of.exceptions > 0, user)  # type: ignore[misc]
    found["LeavesBadly"] = crowd_of(session(), lambda crowd: bool(crowd._numbers) and not crowd._silent, LeavesBadly)
    of = session()
    found["LeavesASet"] = crowd_of(of, lambda crowd: of.exceptions > 2, LeavesASet)
    found["LeavesWell"] = crowd_of(session(), lambda crowd: bool(crowd._numbers) and not crowd._silent, LeavesWell)
    found["Sends"] = crowd_of(
        session(), lambda crowd: len(crowd._numbers) == 2 and len(crowd._silent) == 1, Sends, Quiet
    )
    found["ended"] = ended_in_time()
    found["paths"] = [
        [client._build_url(SimpleNamespace(base_url=HOST), path) for path in PATHS]  # type: ignore[attr-defined]
        for client in (HttpSession, FastHttpSession)
    ]
    one = {"raised": {"a": 1}, "users": {"Buyer": {"users": 3, "silent": 1}}}
    other = {"raised": {"a": 2}, "users": {"Buyer": {"users": 2, "silent": 0}, "Guest": {"users": 1, "silent": 1}}}
    found["together"] = [_of_users([one, other]), _of_users([{"exceptions": 0}])]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
