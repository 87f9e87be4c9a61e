"""What a run was and ran on: the `run` of verdict.json, by which runs are identified and found comparable."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from harness.run import Run
from systems import ids

SCHEMA = 4
"""The version of verdict.json; it grows with any change that a reader of the last one would stumble over."""

FACTS = (
    "command",
    "seed",
    "interrupted",
    "aborted",
    "steered",
    "target",
    "database",
    "versions",
    "host",
    "git",
    "seeding",
    "load",
    "scaling",
    "scaling_failed",
    "disturbances",
    "trace",
)
"""What verdict.json repeats of run.json."""

NOT_OF_THE_LOAD = ("title", "purpose", "rules", "locustfile", "validity", "overridden", "profile")
"""What of a scenario may change, and runs still be comparable."""


def about(run: Run) -> dict[str, Any]:
    """What `run` was."""
    scenario = run.scenario
    return {
        "id": run.id,
        "system": scenario.system,
        "title": scenario.title,
        "scenario": scenario.name,
        "profile": scenario.profile,
        "purpose": scenario.purpose,
        "seconds": scenario.seconds,
        "plan": plan_digest(run),
        "overridden": dict(scenario.overridden),
        "folder": run.folder.name,
        "created": ids.born(run.id).isoformat(),
        **{name: run.facts.get(name) for name in FACTS},
    }


def plan_digest(run: Run) -> str:
    """Stands for the load that the plan asks for: a rule or a purpose may change, and runs still be comparable."""
    load = {name: value for name, value in run.facts["plan"].items() if name not in NOT_OF_THE_LOAD}
    # Where files of the user's are is another place in each checkout; a feed has the hash of its contents.
    load["pool"] = _unplaced(load.get("pool", {}))
    load["feeds"] = {name: _unplaced(one) for name, one in load.get("feeds", {}).items()}
    return hashlib.sha256(json.dumps(load, sort_keys=True).encode()).hexdigest()[:16]


def _unplaced(stated: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in stated.items() if name != "file"}
