"""There is no pool: orders follow from their numbers. Nothing of an earlier run is left, in no queue either."""

import time
from hashlib import md5
from pathlib import Path
from typing import Any

from harness.plan.scenario import Scenario
from seeding import pool
from seeding.pool import Ours
from systems import ids

SYSTEM = "orchestrator"


def seed(url: str, seed: int, scenario: Scenario | None = None, fixtures: Path | None = None) -> dict[str, Any]:
    """Leave no event and no message of an earlier run; what was done, for run.json. Users need no fixtures."""
    began = time.perf_counter()
    done = pool.seed(url, SYSTEM, [], ours(scenario))
    return {
        "digest": md5(b"", usedforsecurity=False).hexdigest(),
        "skipped": done.skipped,
        "cleaned": done.cleaned,
        "seconds": round(time.perf_counter() - began, 3),
    }


def sentence(facts: dict[str, Any]) -> str:
    """What `seed` did, for a terminal."""
    cleaned = f"{facts['cleaned']:,} rows of earlier runs deleted" if facts["cleaned"] else "nothing to clean"
    return f"no pool is needed; {cleaned} in {facts['seconds']:.2f} s"


def check(url: str, scenario: Scenario | None = None) -> None:
    """There is nothing that must be there."""


def ours(scenario: Scenario | None = None) -> list[Ours]:
    """What runs leave in a database; the queues are the suite's as a whole, as their counts are."""
    return [
        Ours("orchestrator_events", f"correlation_id {ids.KEY_SQL}"),
        Ours("queue_messages", "true"),
        Ours("queue_counts", "true"),
    ]
