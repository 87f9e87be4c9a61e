"""A system of another shape: a read, a batch of a hundred items, of which some may be refused, and a refusal that is
logged. What was sent and what is stored are plain lines, to be edited.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from harness.check import Finding
from harness.journal import REFUSED
from harness.outcomes import Outcome
from harness.plan import reading
from harness.plan.scenario import Scenario
from systems import ids
from systems.effect import Effect
from tests.support.operation import operation
from tests.support.surroundings import around, looked
from verification import reads
from verification.case import Case
from verification.ledger import Ledger
from verification.reading import MOMENT
from verification.rows import Source
from verification.stored import Rows, Stored

RUN = "20261120T235501a1b2c3"
WALL = 1_795_218_901_000_000_000
STEP_NS = 1_000_000
BATCH = 100

EXPECTED = {"look": ("ACK",), "append": ("ACK",), "again": ("REPLAY",), "reject": ("REJECT",)}
EFFECTS: dict[str, dict[str, Effect]] = {
    "look": {},
    "append": {"ACK": Effect(BATCH)},
    "again": {},
    "reject": {"REJECT": Effect()},
}


def scenario() -> Scenario:
    """Its plan."""
    mix = dict.fromkeys(EXPECTED, 1)
    points = ("stored", "routed")
    return replace(
        reading.find("sustained", "smoke"), mix=mix, expected=EXPECTED, effects=EFFECTS, points=points, items="events"
    )


def body(op: int, item: int) -> str:
    """What stands in item `item` of operation `op`."""
    return f"event {item} of {op}"


def content(_run: str, keys: pd.DataFrame) -> pd.DataFrame:
    """What must be stored."""
    lines = zip(keys["key"].tolist(), keys["item"].tolist(), strict=True)
    return pd.DataFrame({"body": [body(op, item) for op, item in lines], "subject": keys["subject"].to_numpy()})


def versions(case: Case) -> pd.DataFrame:
    """A subject is what its latest batch made it."""
    ledger = case.ledger
    written = np.flatnonzero((case.copies > 0) & (ledger.keys["kind"] == "append").to_numpy())
    begun = np.full(len(ledger.keys), reads.NEVER)
    np.minimum.at(begun, ledger.key_place, ledger.earliest)
    done = np.full(len(ledger.keys), reads.NEVER)
    certain = np.flatnonzero(ledger.outcome(Outcome.ACK))
    np.minimum.at(done, ledger.key_place[certain], ledger.latest[certain])
    key = ledger.keys["key"].to_numpy()[written]
    digest = np.array([ids.digest(body(op, 0)) for op in key.tolist()], np.int64)
    return reads.versions(ledger.keys["subject"].to_numpy()[written], key, digest, begun[written], done[written])


STORED = Stored(
    thing="event",
    source=Source(
        "events",
        "event_key",
        {"stored": "created_at", "routed": "routed_at"},
        {"body": "str", "subject": "int64", "created_at": MOMENT, "routed_at": MOMENT},
    ),
    content=content,
    versions=versions,
)


@dataclass
class History:
    """What was sent, one operation after the other, each a millisecond; and what is stored."""

    ops: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    foreign: list[dict[str, Any]] = field(default_factory=list)
    refused: list[tuple[int, int, int]] = field(default_factory=list)
    partly: list[int] = field(default_factory=list)

    def send(self, kind: str, outcome: str, subject: int = 1, answer: int = 0, key_of: int | None = None) -> int:
        """An operation; its number."""
        op = len(self.ops)
        start = (op + 1) * STEP_NS
        end = start + STEP_NS // 2
        self.ops.append(
            operation(op, kind, Outcome[outcome], start, end, subject=subject, key_of=key_of, answer=answer)
        )
        return op

    def append(self, outcome: str = "ACK", items: int = BATCH, subject: int = 1, refused: tuple[int, ...] = ()) -> int:
        """A batch of which so many items are stored, but for those that are refused."""
        op = self.send("append", outcome, subject)
        if refused:
            self.refuse(op, refused)
        for item in range(items):
            if item not in refused:
                self.store(op, item)
        return op

    def refuse(self, op: int, items: tuple[int, ...]) -> None:
        """Of that operation these items are refused."""
        self.partly.append(op)
        self.refused += [(op, item, len(items)) for item in items]

    def look(self, answer: int, subject: int = 1) -> int:
        """A read that was answered with that."""
        return self.send("look", "ACK", subject, answer)

    def store(self, op: int, item: int, subject: int | None = None, **otherwise: Any) -> None:
        """The row of an item."""
        about = self.ops[op]["subject"] if subject is None else subject
        at = pd.Timestamp(WALL + (op + 1) * STEP_NS)
        row = {"op": op, "item": item, "stray": None, "body": body(op, item), "subject": about}
        self.rows.append({**row, "created_at": at, "routed_at": at + pd.Timedelta("1ms"), **otherwise})

    def row(self, op: int, item: int = 0) -> dict[str, Any]:
        """The row of an item."""
        return next(row for row in self.rows if (row["op"], row["item"]) == (op, item))

    def ledger(self) -> Ledger:
        """What was sent."""
        types = {name: "int64" for name in self.ops[0]} | {"kind": pd.CategoricalDtype(list(EXPECTED))}
        ops = pd.DataFrame(self.ops).astype({**types, "partner": "bool"})
        partly = np.array(self.partly, np.int64)
        return Ledger(RUN, ops, 0, WALL, scenario(), (), partly, np.array(self.refused, REFUSED))

    def observation(self) -> Rows:
        """What is stored."""
        return Rows(
            source=STORED.source,
            **looked(WALL),
            rows=_frame(self.rows, ["op", "item", "stray", *STORED.source.columns]),
            foreign=_frame(self.foreign, ["stray", *STORED.source.columns]),
            also={},
            **around(WALL),
        )

    def case(self) -> Case:
        """Both, side by side."""
        return STORED.case(self.ledger(), self.observation())

    def judge(self) -> dict[str, Finding]:
        """What the checks find."""
        return {finding.id: finding for finding in STORED.judge(self.case())}


def _frame(lines: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    types = {"op": "int64", "item": "int64", "subject": "int64"} | dict.fromkeys(
        ("created_at", "routed_at"), "datetime64[us]"
    )
    frame = pd.DataFrame([{name: line.get(name) for name in columns} for line in lines], columns=columns)
    return frame.astype({name: types.get(name, "object") for name in columns})


FIRST, OTHER, PARTLY, LOST, ANSWERED = range(5)


def clean() -> History:
    """A history in which everything happens."""
    history = History()
    assert history.append() == FIRST
    assert history.append(subject=2) == OTHER
    assert history.append(refused=(3, 99)) == PARTLY
    assert history.append("UNKNOWN", 37, subject=3) == LOST
    assert history.append("UNKNOWN", 0, subject=4) == ANSWERED
    history.send("again", "REPLAY", key_of=FIRST)
    refusal = history.send("reject", "REJECT", 5)
    history.store(refusal, 0)
    history.send("reject", "NOT_SENT", 5)
    history.send("append", "REJECT", 6)
    history.look(ids.digest(body(PARTLY, 0)))
    history.look(ids.digest(body(OTHER, 0)), 2)
    history.look(ids.NOTHING, 6)
    # It may have been written only now.
    history.look(ids.NOTHING, 3)
    history.look(ids.digest(body(LOST, 0)), 3)
    return history
