"""The shape that the pipeline adds to a locustfile: the plan's users, and the end when the plan is done.

In an open load all users are there from the beginning: how much load there is, and when, is the business of the
arrivals, and users only have to be free for them.
"""

import time
from pathlib import Path
from typing import Any

from locust import LoadTestShape
from locust.env import Environment

from harness.errors import ProofloadError
from harness.load.ending import Ending
from harness.load.plugin import load_of
from harness.load.session import Session
from harness.load.workers import Coordinator
from harness.plan.scenario import Scenario
from harness.run import Run


class PlanShape(LoadTestShape):
    """Has the plan's number of users until the load is over."""

    def __init__(self) -> None:
        super().__init__()
        self._ending = Ending()

    def tick(self) -> Any:
        """(users, spawn rate), or None to end the load; of another's shape what that gives."""
        assert self.runner is not None
        environment = self.runner.environment
        load, options = load_of(environment), environment.parsed_options
        if load is None or load.scenario is None:
            # The first tick of all: it is what starts the load.
            assert options is not None
            scenario = Run.open(Path(options.run_folder)).scenario
            return self._first(scenario)
        load.follow()
        at = (time.monotonic_ns() - load.began) / 1e9 if load.began else 0.0
        users = self._theirs(load, at) if load.scenario.shaped else load.by_hand or _users(load.scenario, at)
        if not self._ending.comes(users, load.over):
            return users
        if isinstance(load, Coordinator):
            # Here and now, for None makes a master quit at once.
            load.finish()
        return None

    def _first(self, scenario: Scenario) -> Any:
        """What starts the load: the first users."""
        if not scenario.shaped:
            return _users(scenario, 0.0)
        assert self.runner is not None
        shape = theirs(self.runner.environment)
        shape.runner = self.runner
        return shape.tick()

    def _theirs(self, load: Session | Coordinator, at: float) -> Any:
        """What the shape of another's locustfile says at second `at` of the plan; the load ends when it says so or asks
        for too many users.
        """
        assert self.runner is not None
        assert load.scenario is not None
        shape = theirs(self.runner.environment)
        if at <= 0:
            shape.reset_time()  # its time is the plan's
        asked, most = shape.tick(), load.scenario.stages[0].users
        if asked is None:
            load.shaped_over = True
        elif most and asked[0] > most:
            load.end(f"{type(shape).__name__}, which asked for {asked[0]} users where the plan has {most} at most")
        return asked


def theirs(environment: Environment) -> Any:
    """The shape of another's locustfile; ProofloadError unless it has exactly one."""
    shapes: Any = (environment.available_shape_classes or {}).values()
    found = [shape for shape in shapes if not isinstance(shape, PlanShape)]
    if len(found) != 1:
        names = ", ".join(sorted(type(shape).__name__ for shape in found)) or "none"
        raise ProofloadError(f'shape = "theirs": expected one LoadTestShape in the locustfile, found {names}')
    return found[0]


def _users(scenario: Scenario, at: float) -> tuple[int, float]:
    """Users and spawn rate at second `at` of the plan."""
    if scenario.open:
        return scenario.max_users, scenario.max_users
    for stage in scenario.stages:
        if at < stage.seconds:
            break
        at -= stage.seconds
    return stage.users, stage.spawn
