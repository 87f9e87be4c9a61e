"""What was sent and answered beside the events, and what each processor received."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from harness.outcomes import Outcome
from systems import event_store, event_store_pool, ids
from systems.event_store import AT, DELIVERED, PERHAPS, PROCESSORS
from systems.event_store_pool import Pool
from verification.arrays import Array, Mask
from verification.case import Case
from verification.event_store.observation import EventStore
from verification.ledger import find


@dataclass(frozen=True)
class Received:
    """What one processor received, in that order."""

    processor: int
    """Its number, with that of its load process above PROCESSORS."""
    tenant: int
    """-1: it reads the events of all."""
    position: Array
    checksum: Array
    opened: Array
    """The numbers that were missing when it read beyond them."""
    at: Array
    """Where its token was after each batch."""
    stored: int | None
    """Where the token is that is stored; None: it is not known whether the last batch was committed."""
    open_: frozenset[int]
    """The numbers that its token still misses."""
    tx: int
    """With the policy `xmin`: the transaction of the last event."""


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
        """The stream."""
        return self.about[0]

    def asks(self, lines: Array) -> list[str]:
        """Stream and version of an append."""
        appends = self.ledger.ops["kind"].isin(event_store.APPENDS).to_numpy()[lines].tolist()
        each = zip(appends, *(part[lines].tolist() for part in self.about), strict=True)
        return [f"stream {stream:,} at version {version:,}" if append else "" for append, stream, version in each]

    @cached_property
    def row_op(self) -> Array:
        """For each row of the run, the line of its operation; -1 if there is none."""
        place, there = find(self.ledger.ops["op"].to_numpy(), self.rows["op"].to_numpy())
        return np.where(there, place, -1)

    @cached_property
    def row_begun(self) -> Array:
        """For each row of the run, when its operation began at the earliest."""
        return np.where(self.row_op >= 0, self.ledger.earliest[self.row_op], np.iinfo(np.int64).min)

    @cached_property
    def row_done(self) -> Array:
        """For each row of the run, when its operation was acknowledged at the latest; never, if it was not."""
        never = np.iinfo(np.int64).max
        acknowledged = self.ledger.outcome(Outcome.ACK) & (self.ledger.latest > 0)
        times = np.where(acknowledged, self.ledger.latest, never)
        return np.where(self.row_op >= 0, times[self.row_op], never)

    @property
    def policy(self) -> str:
        """How gaps are dealt with."""
        return self.seen.policy

    @cached_property
    def received(self) -> list[Received]:
        """What each processor received in transactions that are committed."""
        records, tokens = self.seen.received, self.seen.tokens
        by_name = {name: place for place, name in enumerate(tokens["processor"].tolist())}
        found = []
        for number in np.unique(records["processor"]).tolist():
            own = records[records["processor"] == number]
            worker, place = divmod(number, PROCESSORS)
            name = f"{ids.key(self.ledger.run, ids.operation(worker, 0))}.{place:04x}"
            line = by_name.get(name, -1)
            batches = int(tokens["batches"].iloc[line]) if line >= 0 else 0
            sure = own["what"] == DELIVERED
            maybe = (own["what"] == PERHAPS) & (own["batch"] <= batches)
            maybe &= ~np.isin(own["batch"], own["batch"][sure])
            got = own[sure | maybe]
            gaps = str(tokens["gaps"].iloc[line]).strip("{}") if line >= 0 else ""
            found.append(
                Received(
                    number,
                    event_store.tenant_of(place),
                    got["position"].astype(np.int64),
                    got["checksum"].astype(np.int64),
                    own["position"][own["what"] == event_store.MISSING].astype(np.int64),
                    own["position"][own["what"] == AT].astype(np.int64),
                    int(tokens["position"].iloc[line]) if line >= 0 and not (own["what"] == PERHAPS).any() else None,
                    frozenset(int(gap) for gap in gaps.split(",") if gap),
                    int(tokens["tx"].iloc[line]) if line >= 0 else 0,
                )
            )
        return found

    def of_tenant(self, tenant: int) -> Mask:
        """Which of the events are those of a tenant; -1: all."""
        tenants = self.seen.events["tenant"].to_numpy()
        of: Mask = tenants == tenant if tenant >= 0 else np.ones(len(tenants), bool)
        return of
