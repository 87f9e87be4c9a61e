"""A move of units: what is asked, the state it finds and leaves, and what can become of it."""

from enum import StrEnum
from uuid import UUID

import msgspec


class State(msgspec.Struct, frozen=True):
    """An authorization as it is. The fields are in the order of COLUMNS in target/authorizations/strategies.py."""

    id: UUID
    total: int
    used: int
    scheduled: int
    version: int

    @property
    def available(self) -> int:
        """How many units can still be reserved."""
        return self.total - self.used - self.scheduled

    def allows(self, move: "Move") -> bool:
        """Whether there are units enough: a reserve takes available ones, a release or consume scheduled ones."""
        return (self.available if move.kind == "reserve" else self.scheduled) >= move.units

    def after(self, move: "Move") -> "State":
        """What `move` makes of it; every move raises the version by one."""
        used = self.used + (move.units if move.kind == "consume" else 0)
        scheduled = self.scheduled + (move.units if move.kind == "reserve" else -move.units)
        return State(self.id, self.total, used, scheduled, self.version + 1)


class Move(msgspec.Struct, frozen=True):
    """What is asked. The fields are the parameters $1 … $6 of the statements in target/authorizations/strategies.py."""

    authorization: UUID
    organization: UUID
    """That of the practitioner, according to the token."""
    units: int
    key: str
    practitioner: UUID
    kind: str
    """One of systems.authorizations.MOVES."""


class Done(msgspec.Struct, frozen=True):
    """The move is made, now or (a replay) before; `state` is the authorization's after it or, of a replay, now."""

    state: State
    replayed: bool = False


class Refused(StrEnum):
    """Nothing was changed, and why; the values are what answers call it."""

    INSUFFICIENT = "insufficient_units"
    REUSED = "idempotency_key_reused"
    NOT_FOUND = "authorization_not_found"
    FOREIGN = "forbidden"
    NOBODY = "unauthorized"
    EXHAUSTED = "serialization_exhausted"


Outcome = Done | Refused
