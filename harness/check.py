"""A check of the data and what it found: the record that verification writes (integrity.json) and the report shows."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from harness.plan.rules import BLOCKER
from harness.verdict import CheckState

SCHEMA = 2
"""The version of integrity.json."""
READABLE = (1, SCHEMA)
"""The versions that are read: one of version 1 has neither groups nor sentences."""
FILE = "integrity.json"


class Group(StrEnum):
    """What an invariant keeps: the headings under which a report sums findings up, in this order."""

    LOST = "nothing lost"
    INVENTED = "nothing invented"
    TWICE = "nothing twice"
    DONE = "work done"
    CONTENT = "as it was sent"
    WHOLE = "all or nothing"
    COUNTED = "counters agree"
    LIMITS = "limits kept"
    ISOLATION = "isolation"
    ANSWERS = "answers true"
    ORDER = "in order and in time"
    PROTECTED = "schema, indexes, durability"
    POOL = "seeded data kept"
    EXERCISED = "exercised"
    OTHER = "further promises"
    """Of a check that states none: those of a plan, and of a system of the user's own."""


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
    """One sentence: the contradiction in numbers, or why it is undecided."""
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
    group: Group = Group.OTHER
    """What the invariant keeps."""
    said: str = ""
    """If it is violated: the first witness in one sentence, in the words of the domain."""

    def as_json(self) -> dict[str, Any]:
        """As integrity.json holds it."""
        return asdict(self)


def finding(data: dict[str, Any]) -> Finding:
    """What `as_json` stored."""
    words = {"state": CheckState(data["state"]), "group": Group(data.get("group", Group.OTHER))}
    return Finding(**{**data, **words})
