"""Runs of a scenario at several volumes: what each measured is made up, and all else is a run's that is given."""

import copy
from typing import Any

from reports.compare.volumes import found

FACTS = {"schema": 1, "scenario": "scale", "profile": "smoke", "of": "events"}


def rule(value: float, wide: float, limit: float, state: str = "PASS") -> dict[str, Any]:
    return {
        "measures": "p95(service_time{op=load})",
        "kind": "duration",
        "value": value,
        "interval": [value / wide, value * wide],
        "limit": limit,
        "state": state,
    }


def run(record: dict[str, Any], volume: int, value: float, wide: float = 1.02, **more: Any) -> dict[str, Any]:
    made = copy.deepcopy(record)
    made["run"] |= {"plan": f"of {volume}", "overridden": {"--set pool.events": f"{volume}"}}
    made["run"]["seeding"] = {"events": volume, "sizes": {"events": volume * 300, "index": volume * 100}}
    made["rules"] = [rule(value, wide, 0.02)]
    return {**made, "folder": "nowhere", "verdict": "GO", "causes": [], **more}


def three(record: dict[str, Any], *values: float, wide: float = 1.02) -> dict[str, Any]:
    volumes = (1_000_000, 3_000_000, 10_000_000)
    return found(FACTS, [run(record, *pair, wide) for pair in zip(volumes, values, strict=True)])
