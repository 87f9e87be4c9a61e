"""Parcels: a batch of a hundred is stored whole, a refusal is logged, and a read answers what is stored.

What users, services and verification must agree on.
"""

from systems import ids
from systems.effect import Effect

BATCH = 100
"""How many parcels a batch has: items 0 to 99 of its operation."""

MIX = {"batch": 3, "refused": 2, "read": 15}
"""Of every 20 operations, how many are of which kind.

batch    a hundred new parcels
refused  a batch with a parcel that weighs nothing: refused, and the refusal is logged
read     a parcel of an earlier batch, or one that never was
"""

EXPECTED = {"batch": ("ACK",), "refused": ("REJECT",), "read": ("ACK",)}

EFFECTS = {"batch": {"ACK": Effect(BATCH)}, "refused": {"REJECT": Effect(1)}, "read": {}}

POINTS = ("stored",)
ITEMS = "parcels"


def content(op: int, item: int) -> str:
    """What parcel `item` of operation `op` holds."""
    return f"parcel {item} of batch {op}"


def refusal(op: int) -> str:
    """What is logged of the refused operation `op`."""
    return f"batch {op} has a parcel that weighs nothing"


def subject(op: int, item: int) -> int:
    """Parcel `item` of operation `op` as one number, for the journal of a read."""
    return op << 7 | item


def about(subject: int) -> tuple[int, int]:
    """Operation and item of a `subject`; of an array of them too."""
    return subject >> 7, subject & 127


def answer(stored: str | None) -> int:
    """What a read was answered, as the journal has it."""
    return ids.digest(stored) if stored is not None else ids.NOTHING
