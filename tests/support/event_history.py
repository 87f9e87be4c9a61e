"""A history of the event store: what clients were told, and what an engine that keeps the contract left of it.

Both are plain lines, to be edited. Each operation takes effect at an instant of its own, in the order in which they are
made; it may end after others did.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd

from harness.outcomes import Outcome
from harness.plan.scenario import Scenario
from systems import event_store as facts
from systems import event_store_pool, ids
from systems.event_store import AT, BATCHES, DELIVERED, GAP_TOKEN, HOT, MISSING, PROCESSORS
from systems.event_store_pool import SNAPSHOT_EVERY
from tests.support.operation import operation
from tests.support.plans import varied
from tests.support.surroundings import around, looked
from verification.divided.keeping import Keeping
from verification.event_store.case import Events, events
from verification.event_store.content import content
from verification.event_store.kept import LINES, SNAPSHOTS, Kept
from verification.event_store.observation import EVENTS, EventStore, source
from verification.event_store.plans import Plans
from verification.event_store.received import LINE, MISSED, Records, lines, processors
from verification.ledger import Ledger

RUN = ids.SAMPLE_RUN
WALL = 1_795_218_901_000_000_000
"""ns that the wall clock is ahead of CLOCK_MONOTONIC."""
STEP_NS = 100_000_000
"""From one effect to the next."""
EVENTS_BEFORE = 10_000
POOL = event_store_pool.pool(EVENTS_BEFORE)
LONG = POOL.long()[0]
OF_ALL, OF_BIG, OF_SMALL, OF_OTHER = 0, 1, 3, PROCESSORS
"""Processors: of all events, of tenant 0, of tenant 5; and of all, of another load process."""
OTHER = next(one for one in POOL.of_tenant(5) if not POOL.finished(one))
"""A stream of tenant 5."""


@cache
def scenario() -> Scenario:
    """The plan of a history."""
    return varied("event-mixed", pool={"events": EVENTS_BEFORE, "largest": POOL.largest})


def text(stream: int, seq: int) -> bytes:
    """Something that stands for an event of a stream that is loaded: how long it is, depends on it."""
    return f"{stream}\t{'é' * (seq % 7)}{seq}".encode()


@dataclass
class History:
    """What was sent, received and loaded, and what is stored."""

    policy: str = GAP_TOKEN
    ops: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    others: list[dict[str, Any]] = field(default_factory=list)
    """Events of others, that processors may have received."""
    records: list[dict[str, Any]] = field(default_factory=list)
    tokens: dict[int, dict[str, Any]] = field(default_factory=dict)
    loaded: list[dict[str, Any]] = field(default_factory=list)
    snapshots: list[dict[str, Any]] = field(default_factory=list)
    seen: dict[str, Any] = field(default_factory=dict)
    """What of the observation is otherwise."""
    versions: dict[int, int] = field(default_factory=dict)
    position: int = EVENTS_BEFORE
    undone: set[int] = field(default_factory=set)
    """The positions of what was rolled back."""

    def __post_init__(self) -> None:
        self.snapshots = [self._snapshot(stream, seq, state) for stream, seq, state in POOL.snapshots()]

    def _snapshot(self, stream: int, seq: int, state: str) -> dict[str, Any]:
        return {"stream": stream, "tenant": POOL.tenant(stream), "seq": seq, "state": state}

    def version(self, stream: int) -> int:
        """How many events a stream has."""
        return self.versions.get(stream, POOL.length(stream))

    def op(self, number: int) -> dict[str, Any]:
        return self.ops[number]

    def rows_of(self, op: int) -> list[dict[str, Any]]:
        return [one for one in self.rows if one["op"] == op]

    def of(self, processor: int, what: int = DELIVERED) -> list[dict[str, Any]]:
        """The records of a processor."""
        return [one for one in self.records if one["processor"] == processor and one["what"] == what]

    def done(
        self, kind: str, subject: int, outcome: Outcome, answer: int, key_of: int | None = None, steps: float = 0.5
    ) -> int:
        """An operation that ended after so many steps; its number."""
        op = len(self.ops)
        start = (op + 1) * STEP_NS
        said = 0 if outcome is Outcome.UNKNOWN else answer
        end = start + int(steps * STEP_NS)
        self.ops.append(operation(op, kind, outcome, start, end, subject=subject, key_of=key_of, answer=said))
        return op

    def append(self, kind: str, stream: int, lost: bool = False, steps: float = 0.5) -> int:
        """Events of a kind that leaves some; `lost`: no answer comes."""
        expected, count, op = self.version(stream), BATCHES.get(kind, 1), len(self.ops)
        subject = facts.subject(stream, expected)
        items = pd.DataFrame({"key": op, "subject": subject, "kind": kind, "item": np.arange(count)})
        said = content(POOL, RUN, items).to_dict("records")
        at = pd.Timestamp(WALL + (op + 1) * STEP_NS + STEP_NS // 4)
        for item, one in enumerate(said):
            self.position += 1
            row = {"op": op, "stray": None, "item": item, "position": self.position, "tx": 1_000 + op, "stored": at}
            self.rows.append({**row, **one})
        self.versions[stream] = expected + count
        return self.done(kind, subject, Outcome.UNKNOWN if lost else Outcome.ACK, self.position, steps=steps)

    def refuse(self, kind: str, stream: int, version: int, key_of: int | None = None) -> int:
        """Events that are refused, or rolled back."""
        if kind == "rollback":
            self.position += 1
            self.undone.add(self.position)
        return self.done(kind, facts.subject(stream, version), Outcome.REJECT, self.version(stream), key_of)

    def repeat(self, first: int) -> int:
        """An append again."""
        one = self.op(first)
        return self.done("repeat", one["subject"], Outcome.REPLAY, one["answer"], first)

    def load(self, kind: str, stream: int, snapshot: int = 0) -> int:
        """All events of a stream, or a snapshot and what came since."""
        last = self.version(stream)
        state = next((one["state"] for one in self._states(stream) if one["seq"] == snapshot), "")
        checksum = crc32(b"\n".join(text(stream, seq) for seq in range(snapshot + 1, last + 1)), crc32(state.encode()))
        op = self.done(kind, facts.subject(stream), Outcome.ACK, last)
        events = last - snapshot
        self.loaded.append({"op": op, "checksum": checksum, "snapshot": snapshot, "last": last, "events": events})
        return op

    def _states(self, stream: int) -> list[dict[str, Any]]:
        return [one for one in self.snapshots if one["stream"] == stream]

    def store_snapshot(self, stream: int) -> int:
        """What a stream adds up to."""
        seq = self.version(stream)
        cents = event_store_pool.total(stream, seq)
        state = event_store_pool.state(seq, cents, POOL.event_type(stream, seq))
        self.snapshots.append(self._snapshot(stream, seq, state))
        return self.done("store_snapshot", facts.subject(stream, seq), Outcome.ACK, 0)

    def read_snapshot(self, stream: int) -> int:
        """The last one."""
        last = max(self._states(stream), key=lambda one: one["seq"], default=None)
        told = facts.seen(crc32(last["state"].encode()), last["seq"]) if last else 0
        return self.done("read_snapshot", facts.subject(stream), Outcome.ACK, told)

    def head(self, tenant: int = -1) -> int:
        """The last position, of all events or of a tenant's."""
        own = [one["position"] for one in self.rows if tenant in (-1, one["tenant"])]
        answer = max([*own, EVENTS_BEFORE if tenant < 0 else heads()[tenant]])
        return self.done("head", tenant + 1, Outcome.ACK, answer)

    def poll(self, processor: int, kind: str = "stream", limit: int = 6) -> int:
        """The next batch of a processor."""
        token = self.tokens.setdefault(processor, {"position": EVENTS_BEFORE, "gaps": "{}", "tx": 0, "batches": 0})
        tenant, before = facts.tenant_of(processor % PROCESSORS), token["position"]
        there = [one for one in (*self.rows, *self.others) if tenant in (-1, one["tenant"])]
        there = sorted((one for one in there if one["position"] > before), key=lambda one: one["position"])[:limit]
        token["batches"] += 1
        batch = {"processor": processor, "batch": token["batches"]}
        for one in there:
            this = {"position": one["position"], "checksum": one["checksum"], "what": DELIVERED}
            self.records.append({**batch, **this})
        if there:
            token["position"], token["tx"] = there[-1]["position"], there[-1]["tx"]
        for gap in sorted(self.undone):
            if before < gap < token["position"]:
                self.records.append({**batch, "position": gap, "checksum": 0, "what": MISSING})
        self.records.append({**batch, "position": token["position"], "checksum": 0, "what": AT})
        return self.done(kind, processor % PROCESSORS, Outcome.ACK, len(there) + 1)

    def finish(self) -> None:
        """Every processor comes to the end."""
        for processor in self.tokens:
            while any(
                one["position"] > self.tokens[processor]["position"]
                for one in (*self.rows, *self.others)
                if facts.tenant_of(processor % PROCESSORS) in (-1, one["tenant"])
            ):
                self.poll(processor)

    def ledger(self) -> Ledger:
        kinds = pd.CategoricalDtype(list(scenario().expected))
        ops = pd.DataFrame(self.ops).astype({"kind": kinds})
        return Ledger(RUN, ops, 0, WALL, scenario())

    def pieces(self) -> Iterator[Records]:
        """What processors left, in two pieces."""
        kind = np.dtype(list(facts.RECEIVED))
        every = np.array([tuple(one[name] for name in kind.names or ()) for one in self.records], kind)
        yield from np.array_split(every, 2)

    def observation(self) -> EventStore:
        names = ["op", "stray", "item", *source().columns]
        rows = pd.DataFrame(self.rows)[names].astype({"stray": "str", "stored": "datetime64[us]"})
        rows = rows.sort_values("position", ignore_index=True)
        tokens = pd.DataFrame(
            [
                {"processor": f"{ids.key(RUN, ids.operation(number // PROCESSORS, 0))}.{number % PROCESSORS:04x}"} | one
                for number, one in self.tokens.items()
            ]
        )
        found = processors(lambda: self.pieces(), tokens, RUN)
        received, missed, first = [np.zeros(0, LINE)], [np.zeros(0, MISSED)], 0
        for piece in self.pieces():
            for to, some in zip((received, missed), lines(piece, first, found), strict=True):
                to.append(some)
            first += len(piece)
        every = pd.concat([rows, pd.DataFrame(self.others)]) if self.others else rows
        streams = sorted({facts.about(self.op(one["op"])["subject"])[0] for one in self.loaded})
        said = [(stream, seq, text(stream, seq)) for stream in streams for seq in range(1, self.version(stream) + 1)]
        seen: dict[str, Any] = {
            "source": source(),
            **looked(WALL),
            "rows": rows,
            "foreign": pd.DataFrame(columns=["stray", *source().columns]),
            **around(WALL),
            "seed": 1,
            "policy": self.policy,
            "events": every[[*EVENTS, "checksum"]].sort_values("position", ignore_index=True),
            "broken": pd.DataFrame(columns=["stream", "tenant", "events", "first", "last"]),
            "streams": POOL.streams,
            "lines": pd.DataFrame(
                {
                    "stream": [one[0] for one in said],
                    "seq": [one[1] for one in said],
                    "checksum": [crc32(one[2]) for one in said],
                    "length": [len(one[2]) for one in said],
                }
            ),
            "snapshots": pd.DataFrame(self.snapshots).sort_values(["stream", "seq"], ignore_index=True),
            "processors": found,
            "pool": (EVENTS_BEFORE, "1"),
            "seeded_pool": (EVENTS_BEFORE, "1"),
            "figures": ({"what": "tenants", "asked": "10", "found": "10", "right": True},),
            "first": 1,
            "noons": {7: 41},
            "heads": heads(),
            "received": np.concatenate(received),
            "missed": np.concatenate(missed),
            "loaded": _structured(self.loaded),
            "plans": Plans((), EVENTS_BEFORE, (), EVENTS_BEFORE, {}),
        }
        return EventStore(**{**seen, **self.seen})

    def case(self) -> Events:
        return events(self.ledger(), self.observation())

    def keep(self, case: Events, keeping: Keeping) -> dict[str, Any]:
        """Keep in parts what was observed, as if it was read piece by piece; what is otherwise observed then."""
        kept, seen = Kept(keeping), case.seen
        middle = len(seen.rows) // 2
        # In no order, as they come.
        for some in (seen.rows.iloc[middle:], seen.rows.iloc[:middle]):
            kept.rows(some.reset_index(drop=True), seen.source.stored)
        kept.loaded(seen.loaded)
        kept.reach(EVENTS_BEFORE, EVENTS_BEFORE)
        own = seen.events["position"].isin(seen.rows["position"])
        kept.others(seen.events[~own])
        kept.received(self.pieces, seen.processors)
        none: dict[str, Any] = {"rows": seen.rows.iloc[:0].drop(columns="item"), "span": kept.span}
        for name, table in (("snapshots", SNAPSHOTS), ("lines", LINES)):
            kept.by_stream(table)(getattr(seen, name))
            none[name] = getattr(seen, name).iloc[:0]
        return none | {name: getattr(seen, name)[:0] for name in ("events", "received", "missed", "loaded")}


def _structured(lines: Iterable[dict[str, Any]]) -> Records:
    kind = np.dtype(list(facts.LOADED))
    return np.array([tuple(one[name] for name in kind.names or ()) for one in lines], kind)


@cache
def heads() -> dict[int, int]:
    """The last seeded position of each tenant."""
    return {tenant: EVENTS_BEFORE - event_store_pool.TENANTS + 1 + tenant for tenant in range(event_store_pool.TENANTS)}


SINGLE, TEN, SLOW, LOST, SENT_AGAIN, REUSED = range(6)
"""The first operations of a clean history."""


def clean(policy: str = GAP_TOKEN) -> History:
    """A history in which all is as it must be, with each kind of operation."""
    made = History(policy)
    going = [one for one in POOL.of_tenant(0) if not POOL.finished(one)][:6]
    made.append("append_1", going[0])
    made.append("append_10", OTHER)
    made.append("slow", going[1], steps=4)
    made.append("append_10", going[2], lost=True)
    made.repeat(SINGLE)
    made.refuse("reuse", OTHER, made.version(OTHER) - 3, key_of=SINGLE)
    for turn in range(4):
        made.refuse("rollback", going[3], made.version(going[3]))
        made.append("append_1", OTHER)
        for hot in (HOT, HOT + 1, HOT):
            made.append("contend", hot)
        made.refuse("contend", HOT, made.version(HOT) - 1)
        made.refuse("stale", going[3], made.version(going[3]) - 1)
        made.append("append_10", going[4 + turn % 2])
        for processor in (OF_ALL, OF_BIG, OF_SMALL, OF_OTHER):
            made.poll(processor)
        made.store_snapshot(HOT)
        made.read_snapshot(HOT)
        made.load("load_snapshot", HOT, made.version(HOT))
        made.append("append_1", HOT)
        made.load("load_snapshot", HOT, made.version(HOT) - 1)
        made.load("load_live", (HOT, OTHER, going[4], going[5])[turn])
        for tenant in (-1, 0, 5, 9):
            made.head(tenant)
    made.append("append_100", going[0])
    made.load("load", LONG)
    made.read_snapshot(LONG)
    made.refuse("early_snapshot", LONG, made.version(LONG) + 3)
    made.done("tail", 0, Outcome.ACK, 1)
    made.done("token_at", 7, Outcome.ACK, 42)
    made.poll(OF_ALL, "follow")
    made.done("restart", OF_BIG, Outcome.ACK, 0)
    assert POOL.length(LONG) >= SNAPSHOT_EVERY
    made.finish()
    return made
