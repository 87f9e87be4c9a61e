"""The generators that are compared, as Locust users; BENCH says which one and how, the figures go to BENCH_OUT."""

import json
import os
import time
from typing import Any

import gevent
import numpy as np
import psutil
from locust import FastHttpUser, constant, events, task
from locust.env import Environment

from benchmarks import echo
from harness.journaled import read
from harness.load import health
from harness.load.http import Answer
from harness.load.http_user import HttpUser
from harness.load.plugin import session_of
from harness.load.schedule import Schedule
from harness.load.transport import Meaning
from harness.outcomes import Failure, Outcome
from harness.plan import arrivals
from harness.plan.scenario import Stage

OPTIONS: dict[str, Any] = json.loads(os.environ["BENCH"])
"""kind: ours | without | fast; seconds; paced: one request a second and user; rate: open arrivals a second."""
BODY = json.dumps({"userId": "00000000-0000-4000-8000-000000000001", "messageContent": "x" * 80}).encode()
HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
WARM_UP_S = 1.0
FIRST_S = 1.5
"""After the load has begun, all users of a paced run have done a request by then."""
CONNECTED = 4000
"""So many users a second connect, at least: as in a run, the load begins when all have."""

CONTRACT = {"health": "GET /"}
DONE = [0]
LATENCIES: list[float] = []
"""In a paced run: seconds from the moment when a request was due to its end, …"""
BEGUN: list[float] = []
"""… and to its beginning."""


def judge(answer: Answer) -> Meaning:
    """200 is an acknowledgement; the target's own time, if it tells one, is what the answer says."""
    if answer.status != 200:
        return Outcome.UNKNOWN, Failure.NONE, 0
    return Outcome.ACK, Failure.NONE, int(answer.body[6:-1]) if answer.body.startswith(b'{"us"') else 0


class Paced:
    """One request a second, at a time of its own; late ones don't shift the next."""

    due = 0.0

    def wait_time(self) -> float:
        """Until the next one is due."""
        if not self.due:
            self.due = time.monotonic() + WARM_UP_S + np.random.default_rng(id(self)).random()
        return max(0.0, self.due - time.monotonic())

    def begun(self) -> None:
        """Note how late it is begun."""
        BEGUN.append(time.monotonic() - self.due)

    def done(self) -> None:
        """Note the latency."""
        LATENCIES.append(time.monotonic() - self.due)
        self.due += 1.0


class Ours(HttpUser):
    """What the pipeline runs: journal, outcome, statistics, health."""

    abstract = OPTIONS["kind"] != "ours" or bool(OPTIONS.get("paced"))
    system = echo
    contract = CONTRACT
    wait_time = constant(0)

    @task
    def post(self) -> None:
        """One request."""
        self.send("post", "POST /", 1, lambda number: BODY, judge)


class OursPaced(Paced, Ours):
    """The same, once a second."""

    abstract = OPTIONS["kind"] != "ours" or not OPTIONS.get("paced")

    @task
    def post(self) -> None:
        """One request."""
        self.begun()
        super().post()
        self.done()


class Without(HttpUser):
    """The same run loop and client, without journal, outcome and health."""

    abstract = OPTIONS["kind"] != "without"
    system = echo
    contract = CONTRACT
    wait_time = constant(0)

    @task
    def post(self) -> None:
        """One request."""
        self.connection.exchange(self.connection.origin.request("POST /", BODY))
        DONE[0] += 1


class Fast(FastHttpUser):
    """Locust's own faster user."""

    abstract = OPTIONS["kind"] != "fast" or bool(OPTIONS.get("paced"))
    wait_time = constant(0)

    @task
    def post(self) -> None:
        """One request."""
        self.client.post("/", data=BODY, headers=HEADERS)


class FastPaced(Paced, Fast):
    """The same, once a second."""

    abstract = OPTIONS["kind"] != "fast" or not OPTIONS.get("paced")

    @task
    def post(self) -> None:
        """One request."""
        super().post()
        self.done()

    def wait(self) -> None:
        """Locust waits after a task; the first one has to be waited for too."""
        gevent.sleep(self.wait_time())

    def on_start(self) -> None:
        """Wait for the first."""
        gevent.sleep(self.wait_time())


def count(environment: Environment) -> int:
    """Requests done so far."""
    kind = OPTIONS["kind"]
    if kind == "without":
        return DONE[0]
    return session_of(environment).journal.count if kind == "ours" else environment.stats.total.num_requests


@events.test_start.add_listener
def begin(environment: Environment, **_: Any) -> None:
    """Put health and schedule on, where they belong; measure when all users are there."""
    if OPTIONS["kind"] == "ours":
        session = session_of(environment)
        health.watch(session, session.journal.path.with_name("health-0.jsonl"))
        if OPTIONS.get("paced"):
            session.start.clear()
        if OPTIONS.get("rate"):
            stage = Stage("steady", OPTIONS["seconds"], OPTIONS["rate"], OPTIONS["rate"], None)
            times = (arrivals.times([stage]) * 1e9).astype(int).tolist()
            session.schedule = Schedule(times, [0] * len(times), int(OPTIONS["seconds"] * 1e9))
            session.start.clear()


@events.init.add_listener
def measure(environment: Environment, **_: Any) -> None:
    """Start the measurement when all users are there."""

    def spawned(**_: Any) -> None:
        gevent.spawn(window, environment)

    environment.events.spawning_complete.add_listener(spawned)


def window(environment: Environment) -> None:
    """Measure from a second after the start on; then end."""
    seconds, paced = OPTIONS["seconds"], OPTIONS.get("paced")
    found: dict[str, Any] = {}
    if OPTIONS.get("rate"):
        session = session_of(environment)
        assert session.schedule is not None
        session.begin()
        gevent.sleep(seconds + 1.5)
        records = read(session.journal.path).records
        lag = (records["start"] - records["sched"]) / 1e9
        own = lag - records["waited"] / 1e6
        found = {
            "planned": len(session.schedule.times),
            "begun": len(records),
            "lag_p50": float(np.percentile(lag, 50)),
            "lag_p99": float(np.percentile(lag, 99)),
            "own_p99": float(np.percentile(own, 99)),
            "service": [float(x) for x in np.percentile((records["end"] - records["start"]) / 1e9, [50, 99])],
            "server": [float(x) for x in np.percentile(records["answer"] / 1e6, [50, 99])],
        }
    else:
        if paced and OPTIONS["kind"] == "ours":
            gevent.sleep(len(environment.runner.user_greenlets) / CONNECTED if environment.runner else 0.0)
            session_of(environment).begin()
            gevent.sleep(FIRST_S)
        gevent.sleep(WARM_UP_S)
        LATENCIES.clear()
        BEGUN.clear()
        before, began = count(environment), time.monotonic()
        gevent.sleep(seconds)
        found = {"rate": (count(environment) - before) / (time.monotonic() - began)}
        if LATENCIES:
            found["latency"] = [float(x) for x in np.percentile(LATENCIES, [50, 99, 100])]
        if BEGUN:
            found["late"] = [float(x) for x in np.percentile(BEGUN, [50, 99, 100])]
    found["failures"] = environment.stats.total.num_failures
    found["rss"] = psutil.Process().memory_info().rss
    with open(os.environ["BENCH_OUT"], "w") as file:
        json.dump(found, file)
    os._exit(0)  # measured; the rest would only take time
