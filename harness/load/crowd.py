"""Other people's users in the time of a plan: they begin with it, and no task begins when it is over.

Locust has no events for the beginning and the death of a user, and would let them begin as they are started: before
second 0 of the plan, and in each load process at another moment.
"""

import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any

import gevent
from gevent import Greenlet
from locust import TaskSet, User
from locust import log as unhandled
from locust.clients import HttpSession, absolute_http_url_regexp
from locust.contrib.fasthttp import FastHttpSession
from locust.env import Environment
from locust.exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser
from locust.user.task import LOCUST_STATE_STOPPING

from harness.load.following import LOOK_S
from harness.load.session import Session

LONGEST_TEXT = 200
"""So many characters of what was raised are kept."""
MOST_TEXTS = 50
"""So many different texts; the others are counted together."""
FLOW = (StopUser, StopTest, InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately)
"""What is raised to end something, and is no error."""
ANCESTORS = 5
"""How many greenlets above the current one are asked whose they are: a user may send from greenlets of its own."""

_first_start, _first_stop, _first_run = User.start, User.stop, TaskSet.run


class Crowd:
    """The users of one process: who there was, who sent something, and what their code raised."""

    def __init__(self, session: Session, environment: Environment) -> None:
        self._session = session
        self._numbers: dict[Any, int] = {}
        self._greenlets: dict[Any, int] = {}
        """The number of the user of each greenlet, also of one that has ended: what it spawned may go on."""
        self._silent: dict[int, str] = {}
        """The users that have sent nothing yet: number and class."""
        self._late: set[int] = set()
        """Those that came in the second half of the load: they may have had no time for it."""
        self._classes: Counter[str] = Counter()
        self._first_ns = 0
        self._unknown = False
        """Whether a request was sent by somebody of whom it is not known which user that was."""
        self._raised: Counter[str] = Counter()
        self._heard: dict[int, BaseException] = {}
        """What each user, by number, raised last."""
        environment.events.user_error.add_listener(self._failed)
        crowd = self

        def start(user: User, group: Any) -> Any:
            crowd._begins(user)
            greenlet = _first_start(user, group)
            crowd._greenlets[greenlet] = crowd._numbers[user]
            greenlet.link_exception(lambda dead: crowd._died(user, dead))
            return greenlet

        def stop(user: User, force: bool = False) -> Any:
            # Those that are ended at the end of the load are ended again by Locust.
            return False if user._state == LOCUST_STATE_STOPPING and not force else _first_stop(user, force)

        def run(tasks: Any) -> None:
            # Locust only logs what a TaskSet raises there.
            tasks.on_stop = crowd._heard_at_its_end(tasks)
            _first_run(tasks)

        User.start, User.stop = start, stop  # type: ignore[method-assign, assignment]
        TaskSet.run = run  # type: ignore[method-assign, misc]
        for session_class in (HttpSession, FastHttpSession):
            _join_paths(session_class)

    def number(self) -> int:
        """The number of the user whose request has just ended; 0 if it is not known."""
        current: Any = gevent.getcurrent()
        for _ in range(ANCESTORS):
            number = self._greenlets.get(current)
            if number is not None:
                self._silent.pop(number, None)
                return number
            current = getattr(current, "spawning_greenlet", lambda: None)()
        self._unknown = True
        return 0

    def end_in_time(self) -> None:
        """A greenlet: when the load is over, each user ends after its task, or at once if it waits."""
        session = self._session
        session.start.wait()
        assert session.scenario is not None
        while session.following is not None and not session.following.over:
            gevent.sleep(LOOK_S)
        end = (session.began or 0) + session.scenario.seconds * 1e9
        while (left := end - time.monotonic_ns()) > 0:
            gevent.sleep(left / 1e9)
        for user in list(self._numbers):
            if user.greenlet is not None and not user.greenlet.dead:
                gevent.spawn(user.stop)

    def summary(self) -> dict[str, Any]:
        """What load.json says of them: what they raised and how often; of each class how many there were, and how many
        of those that came in the first half of the load sent nothing.
        """
        silent = Counter(name for number, name in self._silent.items() if number not in self._late)
        users = {
            name: {"users": count, "silent": 0 if self._unknown else silent[name]}
            for name, count in self._classes.items()
        }
        if not self._raised and unhandled.unhandled_greenlet_exception:
            self._session.exceptions += 1
            self._raised["something in a listener or greenlet of the locustfile"] = 1
        return {"raised": dict(self._raised), "users": users}

    def _begins(self, user: Any) -> None:
        session, now = self._session, time.monotonic_ns()
        self._first_ns = self._first_ns or now
        number = self._numbers[user] = len(self._numbers)
        name = type(user).__name__
        self._classes[name] += 1
        self._silent[number] = name
        if session.began and session.scenario and now > session.began + session.scenario.seconds * 0.5e9:
            self._late.add(number)
        session.users += 1
        run, after = user.run, now - self._first_ns

        def run_in_time() -> None:
            session.start.wait()
            # As far behind the first one as it was started, so that they come in the load as they would by themselves.
            gevent.sleep(max((session.began or 0) + after - time.monotonic_ns(), 0) / 1e9)
            user._cp_last_run = time.perf_counter()  # for constant_throughput its life begins now
            run()

        user.run = run_in_time

    def _failed(self, user_instance: Any, exception: BaseException, tb: TracebackType | None, **_: Any) -> None:
        """Locust's event of an error in a user or one of its task sets."""
        user = getattr(user_instance, "user", user_instance)
        self._heard[self._numbers.get(user, 0)] = exception
        self._raise(user, exception, tb)

    def _heard_at_its_end(self, tasks: TaskSet) -> Callable[[], None]:
        """The on_stop of a TaskSet, whose errors are counted."""
        on_stop = tasks.on_stop

        def heard() -> None:
            try:
                on_stop()
            except Exception as error:
                if not isinstance(error, FLOW):
                    self._raise(tasks.user, error, error.__traceback__)
                raise

        return heard

    def _died(self, user: User, greenlet: "Greenlet[..., Any]") -> None:
        error = greenlet.exception
        # An error in on_start is an event first, and then ends its user.
        heard = self._heard.get(self._numbers.get(user, 0)) is error
        if error is not None and not heard and not isinstance(error, StopUser | StopTest):
            self._raise(user, error, error.__traceback__)

    def _raise(self, user: object, error: BaseException, tb: TracebackType | None) -> None:
        self._session.exceptions += 1
        name = type(user).__name__
        where = next((f"{one} of {name}" for one in ("on_start", "on_stop") if _passed(tb, one)), name)
        text = f"{type(error).__name__} in {where}: {error}".split("\n")[0][:LONGEST_TEXT]
        self._raised[text if text in self._raised or len(self._raised) < MOST_TEXTS else "(others)"] += 1


def _passed(tb: TracebackType | None, function: str) -> bool:
    while tb is not None:
        if tb.tb_frame.f_code.co_name == function:
            return True
        tb = tb.tb_next
    return False


def _join_paths(session_class: Any) -> None:
    """A path without a slash before it is one below the host: Locust would make it a part of the host's name."""
    build = session_class._build_url

    def build_url(self: Any, path: str) -> str:
        joined = path.startswith(("/", "?")) or self.base_url.endswith("/") or absolute_http_url_regexp.match(path)
        url: str = build(self, path if joined or not path else f"/{path}")
        return url

    session_class._build_url = build_url
