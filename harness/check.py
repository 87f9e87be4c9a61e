"""A check of the data and what it found: the record that verification writes (integrity.json) and the report shows."""

from dataclasses import asdict, dataclass, field
from typing import Any

from harness.plan.rules import BLOCKER
from harness.verdict import CheckState

SCHEMA = 1
"""The version of integrity.json."""
FILE = "integrity.json"


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    id: str
    """As in the catalogue: X1, MP2, …"""
    title: str
    """The invariant, as a full sentence that is true if the check holds."""
    state: CheckState
    compared: int
    """How many things were compared; 0 makes it UNDECIDED."""
    what: str
    """What these things were, e.g. "acknowledged messages against stored rows"."""
    witnesses: int = 0
    """How many of them break the invariant."""
    detail: str = ""
    """One sentence: the contradiction, or why it is undecided."""
    first: dict[str, Any] = field(default_factory=dict)
    """The first witness, in numbers and ids that a person can look up; empty if there is none."""
    worst: dict[str, Any] = field(default_factory=dict)
    """The worst one, where one can be worse than another; else empty."""
    sql: str = ""
    """The query that shows the first witness, to be run by hand."""
    severity: str = BLOCKER
    """What it makes of the verdict if it is VIOLATED: that of a rule (harness/plan/rules.py)."""
    crashed: bool = False
    """Whether the check itself failed (then UNDECIDED): it could not be run at all."""

    def as_json(self) -> dict[str, Any]:
        """As integrity.json holds it."""
        return asdict(self)


def finding(data: dict[str, Any]) -> Finding:
    """What `as_json` stored."""
    return Finding(**{**data, "state": CheckState(data["state"])})
