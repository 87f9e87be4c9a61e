"""What can't be put on from several machines, refused before anything is started."""

from harness.errors import PlanError
from harness.plan.scenario import Scenario
from harness.plan.services import with_port
from harness.settings import Settings


def refuse(scenario: Scenario, settings: Settings) -> None:
    """PlanError for what can't be put on from several machines."""
    count = f"{settings.workers} load processes on other machines"
    if scenario.rounds:
        raise PlanError(
            f"{scenario.name}, {count}: all its users meet, for which they must be in one process: expected a run on "
            "this machine"
        )
    users_call_it = not settings.target_url and not any(with_port(scenario.services))
    if users_call_it and not settings.database_url:
        raise PlanError(
            f"{scenario.name}, {count}: its users call the engine in the database itself, and the embedded PostgreSQL "
            "listens on this machine only: expected DATABASE_URL, of a database that all machines reach"
        )
