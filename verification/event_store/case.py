"""What was sent and answered beside the events, and what each processor received."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from harness.outcomes import Outcome
from systems import event_store, event_store_pool
from systems.event_store_pool import Pool
from verification.arrays import Array, Mask
from verification.case import Case
from verification.event_store.content import content
from verification.event_store.delivery import NEVER, Delivery, by_processor
from verification.event_store.ends import End
from verification.event_store.observation import EventStore
from verification.event_store.received import Records
from verification.found import Found, Part, Witness
from verification.ledger import Ledger, find

ALWAYS = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Events(Case):
    """The appends of a run, beside the events."""

    seen: EventStore

    @cached_property
    def pool(self) -> Pool:
        """The events as they were seeded."""
        sizes = self.ledger.scenario.pool
        return event_store_pool.pool(sizes["events"], sizes["largest"], self.seen.seed)

    @cached_property
    def about(self) -> tuple[Array, Array]:
        """For each operation the stream, and the version that it expects."""
        stream, version = event_store.about(self.ledger.ops["subject"].to_numpy())
        return stream, version

    def thing_of(self) -> Array:
        """The stream; what reads the events of several is about none."""
        several = self.ledger.ops["kind"].isin((*event_store.STREAMS, *event_store.TOKENS)).to_numpy()
        return np.where(several, -1, self.about[0])

    def asks(self, lines: Array) -> list[str]:
        """Stream and version of an append."""
        appends = self.ledger.ops["kind"].isin(event_store.APPENDS).to_numpy()[lines].tolist()
        each = zip(appends, *(part[lines].tolist() for part in self.about), strict=True)
        return [f"stream {stream:,} at version {version:,}" if append else "" for append, stream, version in each]

    @cached_property
    def row_op(self) -> Array:
        """For each row of the run, the line of the operation that made and sent its key; -1 if there is none."""
        ops = self.ledger.ops["op"].to_numpy()
        place, there = find(ops, self.rows["op"].to_numpy())
        if len(ops):
            there &= self.ledger.ops["key_of"].to_numpy()[place] == ops[place]
        return np.where(there, place, -1)

    @cached_property
    def row_begun(self) -> Array:
        """For each row of the run, when its operation began at the earliest."""
        return _of_each(self.row_op, self.ledger.earliest, ALWAYS)

    @cached_property
    def row_done(self) -> Array:
        """For each row of the run, when its operation was acknowledged at the latest; never, if it was not."""
        acknowledged = self.ledger.outcome(Outcome.ACK) & (self.ledger.latest > 0)
        return _of_each(self.row_op, np.where(acknowledged, self.ledger.latest, NEVER), NEVER)

    @cached_property
    def last(self) -> Array:
        """For each operation the position of its last event; -1 where it has none."""
        found = np.full(len(self.ledger.ops), -1, np.int64)
        known = self.row_op >= 0
        np.maximum.at(found, self.row_op[known], self.rows["position"].to_numpy()[known])
        return found

    @property
    def policy(self) -> str:
        """How gaps are dealt with."""
        return self.seen.policy

    @cached_property
    def delivery(self) -> Delivery:
        """The events beside what processors received of them."""
        position = self.rows["position"].to_numpy()
        order = np.argsort(position)
        seen = self.seen
        return Delivery(
            self.policy,
            self.ledger.ended,
            seen.events,
            position[order],
            self.row_done[order],
            by_processor(seen.processors, seen.received, seen.missed),
        )

    @cached_property
    def ends(self) -> tuple[End, End]:
        """How far the events had come for sure by a time, and at most."""
        position, tenant = (self.rows[name].to_numpy() for name in ("position", "tenant"))
        return End(self.row_done, position, tenant), End(self.row_begun, position, tenant)

    def has_streams(self, streams: Array) -> Mask:
        """Which streams are those of this case: all, unless it is of a part of them."""
        return np.ones(len(streams), bool)

    def here(self, times: Array) -> Mask:
        """Which times are those of this case: all, unless it is of a part of the time."""
        return np.ones(len(times), bool)

    @property
    def counted_once(self) -> bool:
        """Whether what is of no part of the operations is counted here."""
        return True

    def of_operations(self, tell: Callable[[Part], Found], compared: int, lines: Array) -> Part:
        """What is found if these operations break the invariant, whose keys are the witnesses."""
        return self.part(tell, compared, np.unique(self.ledger.key_place[lines]))


def _of_each(row_op: Array, of_op: Array, otherwise: int) -> Array:
    """What there is of the operation of each row."""
    found = np.full(len(row_op), otherwise, np.int64)
    known = row_op >= 0
    found[known] = of_op[row_op[known]]
    return found


@dataclass(frozen=True, kw_only=True)
class Elsewhere(Events):
    """A part of a run that has not all of the keys of its operations."""

    several: Mask
    """Which operations have a key that other parts have, too."""

    def of_operations(self, tell: Callable[[Part], Found], compared: int, lines: Array) -> Part:
        """The same, of keys by the operations that made them; what is shown of them, others know."""
        keys = self.ledger.ops["key_of"].to_numpy()[lines]
        shared = frozenset(keys[self.several[lines]].tolist())
        number = int(keys.min(initial=NEVER))
        witness = Witness((number,), {}, key=number) if len(keys) else None
        return Part(tell, compared, len(np.unique(keys[~self.several[lines]])), witness, shared=shared)


@dataclass(frozen=True, kw_only=True)
class OfStreams(Elsewhere):
    """Those about some of the streams; its rows are theirs."""

    begun: Array
    done: Array
    """Of its rows, as `row_begun` and `row_done` have it."""
    ends_at: Array
    """Of its operations, as `last` has it."""
    mine: Callable[[Array], Mask]
    """Which streams are those of this part."""
    received: Records
    """What processors received first of their events (`order.IN_STREAM`)."""

    def has_streams(self, streams: Array) -> Mask:
        """Which streams are those of this part."""
        return self.mine(streams)

    @cached_property
    def row_begun(self) -> Array:
        """As the part of its key had it."""
        return self.begun

    @cached_property
    def row_done(self) -> Array:
        """As the part of its key had it."""
        return self.done

    @cached_property
    def last(self) -> Array:
        """As the part of its key had it."""
        return self.ends_at


@dataclass(frozen=True, kw_only=True)
class OfTimes(Elsewhere):
    """Those that asked for positions, in a part of the time."""

    within: Callable[[Array], Mask]
    """Which times are in this part."""
    reached: tuple[End, End]
    first: bool
    """Whether it is the first one."""

    @cached_property
    def ends(self) -> tuple[End, End]:
        """By the rows of this part of the time, and what had been reached before it."""
        return self.reached

    def here(self, times: Array) -> Mask:
        """Which times are in this part."""
        return self.within(times)

    @property
    def counted_once(self) -> bool:
        """In the first part."""
        return self.first


def events(ledger: Ledger, seen: EventStore) -> Events:
    """What was appended and answered beside the events."""
    found: list[Events] = []

    def stated(run: str, items: pd.DataFrame) -> pd.DataFrame:
        return content(found[0].pool, run, items)

    found.append(Events(ledger, seen, stated, thing="event"))
    return found[0]
