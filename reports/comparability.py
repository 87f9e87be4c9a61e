"""Runs are compared only if they ran on the same thing: what they ran on, and where two of them differ."""

from collections.abc import Mapping
from typing import Any

from harness import steered

SAME = (
    "host.cpu",
    "host.cores",
    "host.kernel",
    "host.python",
    "versions",
    "database.server_version",
    "database.settings",
    "seeding.digest",
    "load.processes",
    "scenario",
    "profile",
    "seconds",
    "plan",
)
"""What must be equal, by its place in verdict.json's `run`."""
BY_HAND = "changed by hand"
"""What a person did to the load in the web UI: of a run that has it nothing can be equal."""


def fingerprint(verdict: Mapping[str, Any]) -> dict[str, Any]:
    """What the run of `verdict` (verdict.json) ran on; None where that isn't known."""
    return {name: _at(verdict["run"], name) for name in SAME}


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """In what the runs of two verdict.json differ, so that their figures may not be compared; empty = in nothing."""
    left, right = fingerprint(one), fingerprint(other)
    by_hand = by_person(one), by_person(other)
    return {
        **({BY_HAND: by_hand} if any(by_hand) else {}),
        **{name: (left[name], right[name]) for name in SAME if left[name] != right[name]},
    }


def by_person(verdict: Mapping[str, Any]) -> str:
    """What a person changed in the run of `verdict` as it went on; "" if nothing was."""
    return steered.said(verdict["run"].get("steered") or ())


def _at(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
