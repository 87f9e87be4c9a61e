"""What surrounds the data of a run whose load was clean: as it is observed, and as run.json has it."""

from typing import Any

import pandas as pd

from harness import before, catalogue
from verification.before import Before
from verification.catalogue import Schema
from verification.durability import Durability

TABLE = "table public.things"


def looked(wall: int) -> dict[str, Any]:
    """Fields of an Observation that was made at rest, at once, when the master's clock was at 0."""
    return {
        "settings": {"server_version": "18.0"},
        "taken": pd.Timestamp(wall, tz="UTC"),
        "clock_offset": 0,
        "drained_seconds": 0.1,
        "disturbance": "",
    }


def around(wall: int, ours: bool = True) -> dict[str, Any]:
    """Fields of an Observation. The database's clock is ahead of the master's by `wall` ns."""
    return {
        "before": Before(1, (wall, wall), ours),
        "durability": Durability(4, ()),
        "schema": Schema([TABLE], [TABLE]),
    }


def recorded(url: str, ours: bool = True, **otherwise: Any) -> dict[str, Any]:
    """Facts of run.json about the database at `url` as it is now; `otherwise`: other ones about it before the load."""
    return {
        "database": {"ours": ours},
        "before": {**before.taken(url), **otherwise},
        "schema": catalogue.lines(url),
    }


def changed_schema(statements: str) -> set[str]:
    """The check that finds that `statements` change the schema; none if they change rows only."""
    words = ("ALTER TABLE", "DROP INDEX", "CREATE UNIQUE INDEX", "CREATE INDEX", "UPDATE pg_", "DROP TABLE")
    return {"SCHEMA"} if any(word in statements for word in words) else set()
