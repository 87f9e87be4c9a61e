"""A shop: orders of things, each stored once. What seeding, users, target and verification must agree on."""

from systems import ids
from systems.effect import Effect

MIX = {"order": 8, "repeat": 1, "stranger": 1}
"""Of every 10 operations, how many are of which kind.

order     a new order; must be acknowledged
repeat    an earlier, acknowledged order again, with the same key; must be answered as a replay
stranger  an order of a thing that does not exist; must be refused, and nothing stored
"""

EXPECTED = {"order": ("ACK", "REPLAY"), "repeat": ("REPLAY",), "stranger": ("REJECT",)}

EFFECTS: dict[str, dict[str, Effect]] = {"order": {"ACK": Effect()}, "repeat": {}, "stranger": {}}

ITEMS = "orders"


def quantity(op: int) -> int:
    """How many things operation `op` orders."""
    return 1 + op % 9


def body(run: str, thing: int, op: int) -> dict[str, str | int]:
    """The request of operation `op`."""
    return {"key": ids.key(run, op), "thing": ids.uuid_of(thing), "quantity": quantity(op)}
