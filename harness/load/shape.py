"""The shape that the pipeline adds to a locustfile: all users at once, and the end when the plan is done.

How much load there is, and when, is the business of the arrivals: users only have to be free for them.
"""

from pathlib import Path

from locust import LoadTestShape

from harness.load.session import Session
from harness.run import Run


class PlanShape(LoadTestShape):
    """Holds the plan's number of users until its schedule is over."""

    def tick(self) -> tuple[int, float] | None:
        """(users, spawn rate), or None to end the load."""
        assert self.runner is not None
        environment = self.runner.environment
        session: Session | None = getattr(environment, "proofload", None)
        if session is not None and session.scenario is not None:
            users = session.scenario.max_users
            return None if session.over() else (users, users)
        # The first tick of all: it is what starts the session.
        options = environment.parsed_options
        assert options is not None
        users = Run.open(Path(options.run_folder)).scenario.max_users
        return users, users
