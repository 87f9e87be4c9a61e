"""Several load processes as one load: the master begins and ends it for all; each worker has its share and its journal.

Locust's own ending loses the last seconds: its master quits while workers still drain. Here the master
stops the users, waits until each worker has closed its journal and sent its last statistics, and only then ends.
"""

import json
import os
import time
from collections import Counter as Sums
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import gevent
from locust import log
from locust.env import Environment
from locust.rpc import Message
from locust.runners import STATE_MISSING, MasterRunner, WorkerRunner

from harness import steered
from harness.errors import ProofloadError
from harness.journal import labels
from harness.load.following import Following
from harness.load.leases import Counter
from harness.machines import clocks
from harness.machines.code import imported
from harness.plan.scenario import Scenario
from harness.run import Run

SHARE = "PERF_LOAD_PROCESS"
"""Which load process this is, of how many: "0/2", "1/2". Set by the pipeline."""

FOLDER = "PERF_RUN_FOLDER"
"""The run folder of a load process on another machine. Set by its agent."""

HEAD_START_NS = 1_000_000_000
"""Between the master's word and second 0 of the plan: for the word to arrive, and for the last users to start."""

JOIN_TIMEOUT_S = 30.0
DONE_TIMEOUT_S = 30.0

BEGIN, ENDED, STOP, DONE = "proofload_begin", "proofload_ended", "proofload_stop", "proofload_done"
CHANGED = "proofload_changed"


def share() -> tuple[int, int]:
    """The number of this process, and how many there are."""
    number, _, count = os.environ.get(SHARE, "0/1").partition("/")
    return int(number), int(count)


class Coordinator:
    """The master's part in a load: when it began, when it is over, and what its workers say at the end."""

    alone = False
    lead = 2.0
    """How many seconds ahead a change is for: all load processes must have heard of it."""

    def __init__(
        self,
        environment: Environment,
        run: Run,
        joined: Mapping[str, tuple[str, int]],
        other: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`joined` and `other` grow: what each worker says of itself, its run and its number; and of those that have
        imported another module of the project than the master, or have another fact, which.
        """
        self.run, self.joined, self._other = run, joined, other
        self.scenario: Scenario = run.scenario
        self.following = Following(run.folder, run.scenario) if run.scenario.search else None
        self.count = share()[1]
        self.leases = Counter(run.folder, self.count)
        self.began: int | None = None
        self.ended_by = "plan"
        self.by_hand: tuple[int, float] | None = None
        """Users and spawn rate, once a person has changed them: they take the place of the plan's."""
        self.shaped_over = False
        """Whether another's shape has ended the load."""
        self.ended: set[str] = set()
        """The workers that have done all that a plan bounded by a number has for them."""
        self.done: dict[str, dict[str, Any]] = {}
        self.closed = False
        self._environment = environment

    def is_ours(self, run: str, number: int) -> bool:
        """Whether a worker that says this of itself is one of this run's."""
        return run == self.run.id and 0 <= number < self.count

    def await_workers(self) -> None:
        """Wait until all workers are known; ProofloadError unless they are exactly those of this run."""
        runner = self._runner()
        deadline = time.monotonic() + JOIN_TIMEOUT_S
        expected = sorted((self.run.id, number) for number in range(self.count))
        while sorted(self.joined.values()) != expected or len(runner.clients) != self.count:
            if time.monotonic() > deadline or len(runner.clients) > self.count:
                raise ProofloadError(
                    f"load processes {sorted(self.joined.values())} of {len(runner.clients)} connected ones joined: "
                    f"expected exactly {expected}"
                )
            gevent.sleep(0.05)
        for client, module in self._other.items():
            raise ProofloadError(
                f"load process {self.joined[client][1]} has another {module} than the master: expected the same files "
                "of the project and the same variables on all machines"
            )

    @property
    def timeout(self) -> float:
        """How many seconds an answer may take."""
        return self.scenario.timeout_seconds

    def begin(self) -> None:
        """Say when second 0 of the plan is."""
        if self.began is None:
            trips = (machine["round_trip_ns"] for machine in self.run.facts.get("machines", ()))
            self.began = time.monotonic_ns() + max(HEAD_START_NS, 4 * max(trips, default=0))
            for client in list(self._runner().clients):
                self._runner().send_message(BEGIN, {"began": self.began}, client)

    def over(self) -> bool:
        """Whether the load is done: the plan's time is up, with a second for arrivals that are late."""
        if self.ended_by != "plan" or self.shaped_over or len(self.ended) == self.count:
            return True
        if self.following is not None and not self.following.over:
            return False
        return self.began is not None and time.monotonic_ns() > self.began + self.scenario.seconds * 1e9 + 1e9

    def follow(self) -> None:
        """In a search, take over what has been decided meanwhile."""
        if self.following is not None and self.following.look():
            self.scenario = self.following.scenario

    def change(self, change: steered.Change) -> None:
        """Have all do what a person changed: users are started and ended here, arrivals are planned by each of them."""
        if "users" in change:
            self.by_hand = change["users"], change["spawn"]
            return
        for client in list(self._runner().clients):
            self._runner().send_message(CHANGED, dict(change), client)

    def end(self, why: str) -> None:
        """End the load before its time."""
        self.ended_by = why

    def clients(self) -> Container[str]:
        """The ids of the workers that are connected."""
        clients: Container[str] = self._runner().clients
        return clients

    def expel(self, client_id: str) -> None:
        """A worker that is not of this run has joined: send it away, and end the load, which it has disturbed."""
        runner = self._runner()
        runner.server.send_to_client(Message("quit", None, client_id))
        del runner.clients[client_id]
        self.end("a load process joined that is not of this run")

    def finish(self) -> None:
        """End the load in order: users, journals, statistics. Then the master may quit.

        Only from the greenlet of the shape: Locust ends that one first, and then itself.
        """
        runner = self._runner()
        runner.stop()
        deadline = time.monotonic() + DONE_TIMEOUT_S
        while time.monotonic() < deadline and any(
            client.id not in self.done for client in runner.clients.all if client.state != STATE_MISSING
        ):
            gevent.sleep(0.05)
        self._sum_up()
        self.closed = True

    def _sum_up(self) -> None:
        """Store what all processes counted, as one does alone; `requests` is Locust's own count, here."""
        summaries = list(self.done.values())
        told = {each["ended_by"] for each in summaries} - {"plan"}
        ended_by = self.ended_by if self.ended_by != "plan" or not told else ", ".join(sorted(told))
        names = counted(self._environment)
        sums = {key: sum(each[key] for each in summaries) for key in ("planned", "taken", "dropped", "exceptions")}
        users = _of_users(summaries)
        if "users" in users and not sums["exceptions"] and log.unhandled_greenlet_exception:
            sums["exceptions"], users["raised"] = 1, {"something in a listener of the locustfile, at the master": 1}
        self.run.write(
            "load.json",
            {
                "requests": sum(count for count, _ in names.values()),
                "failures": sum(failed for _, failed in names.values()),
                "names": names,
                **sums,
                "finished": ended_by == "plan"
                and len(summaries) == self.count
                and all(each["finished"] for each in summaries),
                "ended_by": ended_by,
                **users,
            },
        )

    def _runner(self) -> MasterRunner:
        runner = self._environment.runner
        assert isinstance(runner, MasterRunner)
        return runner


def counted(environment: Environment) -> dict[str, tuple[int, int]]:
    """Locust's own counts of requests and failures, by what the kinds are called; also of what RESET took away."""
    entries = list(environment.stats.entries.items())
    called = labels([(method, name) for (name, method), _ in entries])
    found = {name: (one.num_requests, one.num_failures) for name, (_, one) in zip(called, entries, strict=True)}
    for name, (requests, failures) in _before_reset(environment).items():
        since = found.get(name, (0, 0))
        found[name] = since[0] + requests, since[1] + failures
    return found


def keep_counts(environment: Environment) -> None:
    """Locust's statistics are about to be reset: what they have counted is not forgotten."""
    environment.proofload_before_reset = counted(environment)  # type: ignore[attr-defined]


def _before_reset(environment: Environment) -> dict[str, tuple[int, int]]:
    return getattr(environment, "proofload_before_reset", {})


def _of_users(summaries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What all processes say of another's users, together; of users of ours what ended the load, if something did."""
    raised: Sums[str] = Sums()
    users: dict[str, Sums[str]] = {}
    for each in summaries:
        raised.update(each.get("raised", {}))
        for name, numbers in each.get("users", {}).items():
            users.setdefault(name, Sums()).update(numbers)
    found: dict[str, Any] = {"raised": dict(raised)} if users or raised else {}
    return found | ({"users": {name: dict(sums) for name, sums in users.items()}} if users else {})


def elsewhere() -> bool:
    """Whether we are a load process on another machine than the master."""
    return bool(os.environ.get(FOLDER))


def folder_of(environment: Environment) -> str:
    """Our run folder; "" = there is none. Locust gives a worker the options of its master, whose folder is elsewhere
    if that is another machine.
    """
    options = environment.parsed_options
    return os.environ.get(FOLDER, "") or (options.run_folder if options else "")


def on_own_clock(said: Mapping[str, int], folder: str) -> dict[str, int]:
    """As a worker: when the load begins by our clock, and how much the master's is ahead, to within which doubt.

    That is 0 on the master's machine; elsewhere our agent has written it into our run folder.
    """
    path = Path(folder) / clocks.NOW
    distance = json.loads(path.read_text()) if path.exists() else {"shift": 0, "doubt": 0}
    return {"began": said["began"] - distance["shift"], **distance}


def introduce(data: dict[str, Any]) -> None:
    """As a worker: say in a report to the master who we are."""
    data["proofload"] = [os.environ.get("PERF_RUN", ""), share()[0], imported() if elsewhere() else {}]


def send_done(runner: WorkerRunner, summary: dict[str, Any]) -> None:
    """As a worker: the journal is closed; here are the last statistics, and what was counted."""
    runner._send_stats()
    runner.send_message(DONE, summary)
