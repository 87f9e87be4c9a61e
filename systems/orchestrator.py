"""Events that go in by batches, are routed by rules to queues, and are taken from there by one service after the other.

What users, target and verification must agree on; the wire format is in `systems/orchestrator.toml`, the orders in
`systems/orchestrator_orders.py`. Event number = operation × 128 + place in its request: what it says follows from that.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

from systems import ids
from systems.effect import Effect
from systems.orchestrator_orders import EXAMPLES, ORCHESTRATION, ORDER_CREATED, PREMIUM, VIP, Event, order
from systems.orchestrator_routes import (
    EXPRESS,
    FULFILLMENT,
    INVENTORY,
    INVENTORY_RESERVED,
    ORDER_VALIDATED,
    PAYMENT,
    PAYMENT_SUCCEEDED,
    REVIEW,
    VALIDATION,
)

VARIABLE = "EVENTS_PER_REQUEST"
PLACES = 128
"""So many events a request can have, or their numbers would be those of others."""


def _size(said: str) -> int:
    if not said.isdecimal() or not 1 <= int(said) <= PLACES:
        raise ValueError(f"{VARIABLE}={said}: expected how many events a request has, 1 to {PLACES}; unset it for 100")
    return int(said)


SIZE = _size(os.environ.get(VARIABLE) or "100")
"""How many events a request has, when the plan is read; later it is in the effects of the run."""

DEAD_LETTERS = "orchestrator-dead-letter-queue"
ENTRIES = (VALIDATION, EXPRESS, REVIEW)
"""The queues that what clients submit is routed to."""
QUEUES = (*ENTRIES, INVENTORY, PAYMENT, FULFILLMENT, DEAD_LETTERS)

STEPS = ("validated", "reserved", "paid", "fulfilled")
"""What the services do to an order, in this order; each is counted in a column of its own."""
WORK: Mapping[str, tuple[tuple[str, ...], str, str]] = {
    "validation": (ENTRIES, "validated", ORDER_VALIDATED),
    "inventory": ((INVENTORY,), "reserved", INVENTORY_RESERVED),
    "payment": ((PAYMENT,), "paid", PAYMENT_SUCCEEDED),
    "fulfillment": ((FULFILLMENT,), "fulfilled", ""),
}
"""Of each service its queues, what it does, and the event that it emits then."""

REVIEWED_FROM = 1_000
"""Orders of so much are reviewed."""
FIRST_CLASS = (PREMIUM, VIP)
UNKNOWN_SKU = "SKU-0000"
"""An item that no stock has: the inventory fails at it each time, so that the order ends as a dead letter."""
REASON = "unknown SKU"
"""What stands in the reason of such a one."""
MESSAGE_BYTES = 16_384
"""A longer message a queue does not take."""

MIX = {
    "bulk": 58,
    "ndjson": 18,
    "single": 5,
    "partial": 5,
    "poison": 2,
    "repeat": 4,
    "dry_run": 3,
    "refused": 2,
    "reload": 1,
    "orchestrations": 1,
    "config": 1,
}
"""Of every 100 operations, how many are of which kind.

bulk            a request of EVENTS_PER_REQUEST events
ndjson          likewise, an event a line
single          one event
partial         a request of which some events are refused: each tenth, for one of four reasons
poison          events that a service can't do its work for: they end as dead letters
repeat          a request that was accepted, sent again: no event may have its effects twice
dry_run         where an event would be routed to; nothing is enqueued
refused         a body that is not JSON: all of it is refused
reload          the routes are read again while events come in
orchestrations  which orchestrations there are
config          by which routes, of all of them or of one
"""

POISONED = 2
"""So many events a request of the kind `poison` has."""
SINGLE = 1

_DONE = ("ACK", "REPLAY")
EXPECTED = {
    # Something on the way may have sent it twice: then the second answer is a replay.
    **dict.fromkeys(("bulk", "ndjson", "single", "partial", "poison"), _DONE),
    "repeat": ("REPLAY",),
    **dict.fromkeys(("dry_run", "reload", "orchestrations", "config"), ("ACK",)),
    "refused": ("REJECT",),
}
"""The outcomes that an operation of each kind may have. One that is shed is an error, which rules tell from others."""

NEEDS = {"repeat": ("bulk",)}

EFFECTS: dict[str, dict[str, Effect]] = {
    **{kind: {"ACK": Effect(SIZE)} for kind in ("bulk", "ndjson", "partial")},
    "single": {"ACK": Effect(SINGLE)},
    "poison": {"ACK": Effect(POISONED, until="consumed")},
    **{kind: {} for kind in ("repeat", "dry_run", "refused", "reload", "orchestrations", "config")},
}
"""What each leaves: an event by the time of the answer, which goes through all services during the run."""

POINTS = ("accepted", "routed", "enqueued", "consumed", "completed")
"""Moments of an event: the API took it, knew its queue, put it there; the first service did its work, the last one."""
ITEMS = "events"
ROWS = ("orchestrator_events", "correlation_id")
QUEUES_ROUTE = "queues"
"""The key of [contract] with the route that tells how full each queue is: sampled each second during the load."""

BAD_EVERY = 10
UNROUTED, UNORCHESTRATED, WITHOUT_CONTEXT, TOO_LONG = BAD = (
    "no route for its type",
    "no such orchestration",
    "no context",
    "too long for a queue",
)
"""Why an event of a request may be refused though others are not."""


def bad(place: int, size: int) -> str:
    """Why the event at `place` of a `partial` request of so many is refused; "": it is not."""
    if place % BAD_EVERY != BAD_EVERY - 1 and not (size < BAD_EVERY and 0 < place == size - 1):
        return ""
    return BAD[place // BAD_EVERY % len(BAD)]


def refused_places(size: int) -> list[int]:
    """The places of the events that are refused, of a `partial` request of so many."""
    return [place for place in range(size) if bad(place, size)]


def event_number(op: Any, place: Any) -> Any:
    """The number of an event, or of each of an array."""
    return op * PLACES + place


def order_number(op: Any, place: Any, of: int = EXAMPLES) -> Any:
    """Which of so many orders (from 1) the event at that place of a request is."""
    return event_number(op, place) % of + 1


def made(kind: str, base: Event, key: str, place: int = 0, size: int = SIZE) -> Event:
    """The event as it is sent: the order `base` under a key of its own; as its kind and place in the request say."""
    event = {**base, "correlationId": key}
    context = dict(event["context"])
    if kind == "poison":
        context["items"] = [{**context["items"][0], "sku": UNKNOWN_SKU}, *context["items"][1:]]
    event["context"] = context
    why = bad(place, size) if kind == "partial" else ""
    if why == UNROUTED:
        event["type"] = "OrderVanished"
    elif why == UNORCHESTRATED:
        event["orchestrationName"] = "no-such-orchestration"
    elif why == WITHOUT_CONTEXT:
        event["context"] = None
    elif why == TOO_LONG:
        context["note"] = "x" * MESSAGE_BYTES
    return event


def queue_of(type_: str, context: Mapping[str, Any]) -> str:
    """Where an event belongs: what the reference's routes say, said again; "": nowhere."""
    if type_ == ORDER_CREATED:
        if context["orderTotal"] >= REVIEWED_FROM:
            return REVIEW
        return EXPRESS if context["customerTier"] in FIRST_CLASS else VALIDATION
    following = {ORDER_VALIDATED: INVENTORY, INVENTORY_RESERVED: PAYMENT, PAYMENT_SUCCEEDED: FULFILLMENT}
    return following.get(type_, "")


def cents(amount: float) -> int:
    """An amount of a context in cents."""
    return round(amount * 100)


def digest(context: Mapping[str, Any]) -> int:
    """63 bits that stand for all of a context, whatever the order of its keys."""
    text = json.dumps(context, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


DRY_RUN_TYPES = (*[ORDER_CREATED] * 5, ORDER_VALIDATED, INVENTORY_RESERVED, PAYMENT_SUCCEEDED)


def dry_run_type(op: int) -> str:
    """The type of the event that dry run `op` asks about: not only of those that clients submit."""
    return DRY_RUN_TYPES[op % len(DRY_RUN_TYPES)]


def dry_run(target: object, type_: object) -> str:
    """What a dry run was answered, as text: its digest is in the journal."""
    return f"{type_} to {target}"


def listed(names: Any) -> str:
    """What orchestrations there are, as text."""
    return "\n".join(sorted(map(str, names)))


ORCHESTRATIONS = (ORCHESTRATION,)


def unsent(contract: Mapping[str, Any], _given: Any, _database: Any) -> frozenset[str]:
    """The kinds that a service with this contract is not sent."""
    return frozenset() if contract["duplicates"] else frozenset({"repeat"})


def sample(
    contract: Mapping[str, Any], _pool: Mapping[str, Any], _mix: Mapping[str, int]
) -> tuple[str, Mapping[str, str], Any, Mapping[str, str]]:
    """A request as it is sent, with one of its events: route, headers, body, and no words to be filled."""
    op = 1
    event = made("bulk", order(order_number(op, 0)), ids.item_key(ids.SAMPLE_RUN, op, 0))
    return contract["bulk"], {}, {contract["events"]: [event]}, {}


def answers(contract: Mapping[str, Any]) -> list[tuple[int, str]]:
    """The answers that are understood: status, and what it means."""
    replayed = f"; a replay if {contract['duplicates']} is as many" if contract["duplicates"] else ""
    return [
        (contract["accepted"], f"{contract['successful']} of {contract['total']} events are enqueued{replayed}"),
        (contract["accepted"], f"the others, in {contract['failures']}, are refused: nothing of them is enqueued"),
        (contract["rejected"], "all of it is refused: nothing is enqueued"),
        (contract["shed"], "too much at a time: nothing is enqueued"),
    ]


def events_each(effects: Mapping[str, Mapping[str, Effect]], kind: str) -> int:
    """How many events a request of `kind` has in a run with these effects."""
    effect = effects.get(kind, {}).get("ACK")
    return effect.items if effect else SINGLE
