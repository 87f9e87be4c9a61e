"""A run of the orchestrator in plain lines, to be edited: what was sent, and what became of each event."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from harness.journal import REFUSED
from harness.journaled import Lost
from harness.outcomes import Outcome
from harness.plan import reading
from harness.plan.scenario import Scenario
from systems import ids, orchestrator, orchestrator_routes
from systems.orchestrator import DEAD_LETTERS, ENTRIES, REASON, STEPS
from systems.orchestrator_orders import ORDER_CREATED
from systems.orchestrator_routes import FULFILLMENT, INVENTORY, PAYMENT
from tests.support.operation import operation
from tests.support.surroundings import around, looked
from verification.ledger import Ledger
from verification.orchestrator import STORED, work
from verification.orchestrator.case import NONE, Events, Seen, refusals
from verification.orchestrator.drawn import drawn

RUN = "20260101T000000abcdef"
WALL = 1_795_218_901_000_000_000
"""A whole second."""
STEP_NS = 1_000_000
SIZE = 40
"""Events of a request: in a `partial` one each reason to refuse one is there once."""


def _scenario() -> Scenario:
    found = reading.find("orchestrator-load", "smoke")
    effects = {
        kind: {name: replace(one, items=SIZE) if one.items > 2 else one for name, one in stated.items()}
        for kind, stated in found.effects.items()
    }
    return replace(found, effects=effects)


SCENARIO = _scenario()
ORDERS = drawn(SCENARIO)


@dataclass
class History:
    """What was sent, one operation after the other, each a millisecond; and what came of it."""

    ops: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    foreign: list[dict[str, Any]] = field(default_factory=list)
    refused: list[tuple[int, int, int]] = field(default_factory=list)
    partly: list[int] = field(default_factory=list)
    lost: tuple[Lost, ...] = ()
    letters: list[str] = field(default_factory=list)
    queues: dict[str, list[int]] = field(default_factory=dict)
    """Of each how many messages were sent, deleted, and are left."""
    counted: dict[str, float] = field(default_factory=dict)
    uncounted: str = ""
    around: dict[str, Any] = field(default_factory=lambda: around(WALL))

    def send(self, kind: str, outcome: str = "ACK", answer: int = 0, key_of: int | None = None) -> int:
        """An operation; its number."""
        op = len(self.ops)
        start = (op + 1) * STEP_NS
        self.ops.append(
            operation(op, kind, Outcome[outcome], start, start + STEP_NS // 2, key_of=key_of, answer=answer)
        )
        return op

    def submit(self, kind: str, outcome: str = "ACK") -> int:
        """A request whose events went through all services, but for those that are refused or poisoned."""
        op, size = self.send(kind, outcome), SCENARIO.effects[kind]["ACK"].items
        for item in range(size):
            if item not in refusals(kind, size):
                self.store(op, item)
        if places := refusals(kind, size):
            self.refuse(op, *places)
        return op

    def refuse(self, op: int, *items: int) -> None:
        """Of that operation these items, and no others, are refused."""
        self.partly = [one for one in self.partly if one != op] + [op] * bool(items)
        self.refused = [one for one in self.refused if one[0] != op] + [(op, item, len(items)) for item in items]

    def store(self, op: int, item: int) -> None:
        """What becomes of an event."""
        poisoned = self.ops[op]["kind"] == "poison"
        order = ORDERS.place(op, item)
        digest = int((ORDERS.poison_digest if poisoned else ORDERS.digest)[order])
        at = [pd.Timestamp(WALL + (op + 1) * STEP_NS + n * STEP_NS // 8) for n in range(len(SCENARIO.points))]
        times = dict(zip((f"{point}_at" for point in SCENARIO.points), at, strict=True))
        row = {"op": op, "item": item, "stray": None, "type": ORDER_CREATED, "queue": ORDERS.queue[order]}
        row |= {"order_id": ORDERS.order_id[order], "customer_tier": ORDERS.tier[order]}
        row |= {"total_cents": ORDERS.cents[order]}
        row |= {"taken_from": row["queue"], "digest": digest, "last_digest": digest, "course": 1234}
        row |= {"dead_reason": None, **dict.fromkeys(STEPS, 1), **times}
        if poisoned:
            row |= {"last_digest": NONE, "course": 1, "dead_reason": f"inventory: {REASON}", "completed_at": None}
            row |= dict.fromkeys(STEPS[1:], 0)
            self.letters.append(letter(op, item))
        self.rows.append(row)

    def op(self, number: int) -> dict[str, Any]:
        """An operation."""
        return next(one for one in self.ops if one["op"] == number)

    def row(self, op: int, item: int = 0) -> dict[str, Any]:
        """The row of an event."""
        return next(row for row in self.rows if (row["op"], row["item"]) == (op, item))

    def count(self) -> None:
        """Let queues and target count what is there, and was answered."""
        done = Counter(str(row["queue"]) for row in self.rows)
        done |= {queue: sum(row[step] > 0 for row in self.rows) for queue, step in following()}
        self.queues = {queue: [done[queue], done[queue], 0] for queue in orchestrator.QUEUES}
        self.queues[DEAD_LETTERS] = [len(self.letters), 0, len(self.letters)]
        outcomes = Counter(Outcome(one["outcome"]) for one in self.ops)
        answered = [one for one in self.ops if Outcome(one["outcome"]) in (Outcome.ACK, Outcome.REPLAY)]
        sizes = [SCENARIO.leaving.get("bulk" if one["kind"] == "repeat" else one["kind"], 0) for one in answered]
        contract = SCENARIO.contract
        self.counted = {
            contract["counted_processed"]: len(self.rows),
            contract["counted_routed"]: sum(done[queue] for queue in ENTRIES),
            contract["counted_failed"]: len(self.refused),
            contract["counted_shed"]: outcomes[Outcome.SHED],
            f"{contract['counted_routing']}_count": sum(sizes) - len(self.refused),
            f"{contract['counted_routing']}_sum": 1e-6,
        }

    def ledger(self) -> Ledger:
        """What was sent."""
        types = {name: "int64" for name in self.ops[0]} | {"kind": pd.CategoricalDtype(list(SCENARIO.expected))}
        ops = pd.DataFrame(self.ops).astype({**types, "partner": "bool"})
        partly, refused = np.array(self.partly, np.int64), np.array(self.refused, REFUSED)
        return Ledger(RUN, ops, 0, WALL, SCENARIO, self.lost, partly, refused)

    def observation(self) -> Seen:
        """What was read."""
        names = {"name": str, "sent": np.int64, "deleted": np.int64, "left": np.int64}
        lines = [(name, *counts) for name, counts in self.queues.items()]
        return Seen(
            source=STORED.source,
            **looked(WALL),
            rows=_frame(self.rows, ["op", "item", "stray", *STORED.source.columns]),
            foreign=_frame(self.foreign, ["stray", *STORED.source.columns]),
            also={
                "queues": pd.DataFrame(lines, columns=list(names)).astype(names),
                "dead": work.letters(RUN, pd.DataFrame({"body": self.letters})),
            },
            counted=self.counted,
            uncounted=self.uncounted,
            **self.around,
        )

    def case(self) -> Events:
        """Both, side by side."""
        return STORED.case(self.ledger(), self.observation())


Edit = Callable[[History], object]


def following() -> tuple[tuple[str, str], ...]:
    """The queues that services put into, and what was done for an event before."""
    return tuple(zip((INVENTORY, PAYMENT, FULFILLMENT), STEPS, strict=False))


def letter(op: int, item: int, why: str = f"inventory: {REASON} SKU-0000", **otherwise: Any) -> str:
    """The dead letter of an event."""
    event = orchestrator.made("poison", ORDERS.events[ORDERS.place(op, item)], ids.item_key(RUN, op, item))
    return json.dumps({"queue": INVENTORY, "reason": why, "body": json.dumps({**event, **otherwise})})


def _frame(lines: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    types = {"op": "int64", "item": "int64"}
    types |= {name: "datetime64[us]" if of == "moment" else of for name, of in STORED.source.columns.items()}
    frame = pd.DataFrame([{name: line.get(name) for name in columns} for line in lines], columns=columns)
    return frame.astype({name: types.get(name, "object") for name in columns})


BULK, LINES, PARTIAL, SINGLE, POISON, REPEAT, ASKED, LISTED, ROUTES, RELOAD, BAD, OPEN, GONE, SHED, LATER = range(15)
"""The operations of a clean history."""


def clean() -> History:
    """A history in which everything happens."""
    history = History()
    assert [history.submit(kind) for kind in ("bulk", "ndjson", "partial", "single", "poison")] == [*range(REPEAT)]
    history.send("repeat", "REPLAY", key_of=BULK)
    history.send("dry_run", answer=dry_run(ASKED))
    history.send("orchestrations", answer=ids.digest(orchestrator.listed(orchestrator.ORCHESTRATIONS)))
    history.send("config", answer=ids.digest(orchestrator_routes.text([orchestrator_routes.ROUTES])))
    history.send("reload")
    history.send("refused", "REJECT")
    assert history.submit("bulk", "UNKNOWN") == OPEN
    history.send("ndjson", "UNKNOWN")
    history.send("bulk", "SHED")
    assert history.submit("single") == LATER
    history.send("dry_run", answer=dry_run(len(history.ops)))
    history.count()
    return history


def dry_run(op: int) -> int:
    """What a dry run is answered."""
    event, type_ = ORDERS.events[ORDERS.place(op, 0)], orchestrator.dry_run_type(op)
    return ids.digest(orchestrator.dry_run(orchestrator.queue_of(type_, event["context"]), type_))
