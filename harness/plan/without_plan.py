"""A locustfile as it is, without a plan: what the command line says stands for the plan of its one scenario."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import PlanError
from harness.plan import locustfile, overrides, plans, reading
from harness.plan.overrides import Overrides
from harness.plan.scenario import Scenario
from harness.plan.toml_table import Where

USERS, SECONDS, RULE = 10, "1m", "ratio(errors) < 1%"
"""How many users, for how long and under which rule, where the command line doesn't say it."""


@dataclass(frozen=True)
class Asked:
    """A locustfile and what the command line says of its load."""

    file: Path
    users: int | None = None
    """None: as its own shape says, or else USERS."""
    seconds: str = SECONDS
    """A duration such as "1m"; of a shape the longest."""
    spawn: int | None = None
    rules: Sequence[str] = ()
    tags: Sequence[str] = ()
    exclude_tags: Sequence[str] = ()


def scenario(asked: Asked, profile: str, changes: Overrides) -> Scenario:
    """Its scenario, which is UNCHECKED at best; PlanError for what is wrong with the file or what is asked of it."""
    path = asked.file.resolve()
    name = re.sub(r"[^A-Za-z0-9._-]", "-", path.stem).lstrip("-._") or "locustfile"
    taken = [scenario for system in plans.systems() for scenario in plans.scenarios(system)]
    name = f"file-{name}" if name in taken else name
    where = Where(path, "", name)
    shapes = locustfile.shapes(path, where)
    if shapes and asked.users is not None:
        raise PlanError(
            f"--users {asked.users}: {path.name} has a shape of its own, {shapes[0]}: leave it out to use that"
        )
    stage: dict[str, Any] = {"for": asked.seconds}
    if not shapes:
        stage |= {"users": USERS if asked.users is None else asked.users}
        stage |= {"spawn": asked.spawn} if asked.spawn is not None else {}
    table: dict[str, Any] = {
        "purpose": f"the users of {path.name}, without a plan",
        "locustfile": str(path),
        "unchecked": True,
        "stages": {profile: [stage]},
        "rules": list(asked.rules) or [RULE],
        "tags": list(asked.tags),
        "exclude_tags": list(asked.exclude_tags),
        **({"shape": "theirs"} if shapes else {}),
    }
    tables = overrides.apply({"scenario": {name: table}}, name, changes.sets)
    return reading.changed(reading.resolve(tables, name, profile, where), changes)
