"""The shape that the pipeline adds to a locustfile: the plan's users, and the end when the plan is done.

In an open load all users are there from the beginning: how much load there is, and when, is the business of the
arrivals, and users only have to be free for them.
"""

import time
from pathlib import Path

from locust import LoadTestShape

from harness.load.plugin import load_of
from harness.load.workers import Coordinator
from harness.plan.scenario import Scenario
from harness.run import Run


class PlanShape(LoadTestShape):
    """Has the plan's number of users until the load is over."""

    def tick(self) -> tuple[int, float] | None:
        """(users, spawn rate), or None to end the load."""
        assert self.runner is not None
        environment = self.runner.environment
        load, options = load_of(environment), environment.parsed_options
        if load is None or load.scenario is None:
            # The first tick of all: it is what starts the load.
            assert options is not None
            return _users(Run.open(Path(options.run_folder)).scenario, 0.0)
        users = _users(load.scenario, (time.monotonic_ns() - load.began) / 1e9 if load.began else 0.0)
        if not load.over():
            return users
        if isinstance(load, Coordinator):
            # Here and now, for None makes a master quit at once.
            load.finish()
        return None


def _users(scenario: Scenario, at: float) -> tuple[int, float]:
    """Users and spawn rate at second `at` of the plan."""
    if scenario.open:
        return scenario.max_users, scenario.max_users
    for stage in scenario.stages:
        if at < stage.seconds:
            break
        at -= stage.seconds
    return stage.users, stage.spawn
