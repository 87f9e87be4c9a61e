"""Takes what is read of a run of the event store beside its journal, and keeps it in parts: by key, by position, by
stream.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from systems import event_store
from verification.arrays import Array
from verification.divided.columns import packing, unpacked
from verification.divided.division import table_of
from verification.divided.keeping import Keeping
from verification.divided.ranges import ranges
from verification.divided.splitting import read
from verification.event_store.received import Processor, Records, lines

POSITION, STREAM, TIME, RECEIPT = "position", "stream", "time", "receipt"
"""The divisions, as `Check.of` calls them."""
LOADED = "loaded"
"""The table by key of what loads answered; and those of other divisions."""
OTHERS, RECEIVED, MISSED = (table_of(POSITION, name) for name in ("others", "received", "missed"))
SNAPSHOTS, LINES = (table_of(STREAM, name) for name in ("snapshots", "lines"))
EVENT = np.dtype([(name, "<i8") for name in ("position", "stream", "tenant", "seq", "tx", "checksum")])


@dataclass(frozen=True)
class Span:
    """By what a run is divided."""

    first: int
    last: int
    """The positions of its events; another one is in the first range or the last."""
    records: int
    """How many records there are of what processors received."""


@dataclass
class Kept:
    """What takes it."""

    keeping: Keeping
    span: Span = Span(0, 0, 0)
    _own: list[int] = field(default_factory=list)

    def rows(self, rows: pd.DataFrame, stored: str) -> None:
        """Some more events of the run."""
        if len(rows):
            self._own += [int(rows["position"].min()), int(rows["position"].max())]
        if "item" in rows and not rows["item"].any():
            rows = rows.drop(columns="item")
        self.keeping.take_rows(rows, stored)

    def reach(self, begin: int, pool: int) -> None:
        """All events of the run were taken; processors began at a position in a pool of so many events."""
        self.span = Span(min([begin + 1, *self._own]), max([pool, *self._own]), 0)

    def others(self, events: pd.DataFrame) -> None:
        """Some events that are not of the run, and may have been received."""
        self._by_position(OTHERS, structured(events))

    def received(self, read: Callable[[], Iterable[Records]], of: Sequence[Processor]) -> None:
        """All that processors received."""
        first = 0
        for records in read():
            for table, some in zip((RECEIVED, MISSED), lines(records, first, of), strict=True):
                self._by_position(table, some)
            first += len(records)
        self.span = Span(self.span.first, self.span.last, first)

    def _by_position(self, table: str, some: Records) -> None:
        to = ranges(some["position"], self.span.first, self.span.last, self.keeping.store.parts)
        self.keeping.store.spread(table, to, lambda places: {"": some.take(places)})

    def loaded(self, records: Records) -> None:
        """Some of what loads answered."""
        columns = pd.DataFrame({name: records[name] for name in records.dtype.names or ()})
        self.keeping.store.divide(LOADED, records["op"], packing(columns))

    def by_stream(self, table: str) -> Callable[[pd.DataFrame], None]:
        """What takes lines of a table of streams."""

        def take(frame: pd.DataFrame) -> None:
            streams = frame["stream"].to_numpy()
            self.keeping.store.divide(table, streams, packing(frame))

        return take

    def streams_loaded(self) -> set[int]:
        """The streams of the loads that were taken."""
        store, found = self.keeping.store, set[int]()
        for number in range(store.parts):
            if answered := store.read(LOADED, number):
                kept = read(store, number)
                own = np.isin(kept["numbers"], unpacked(answered)["op"].to_numpy())
                found |= streams_of(kept["records"]["subject"][own].astype(np.int64))
        return found


def streams_of(subjects: Array) -> set[int]:
    """The streams that these operations are about."""
    return set(np.unique(event_store.about(subjects)[0]).tolist())


def structured(events: pd.DataFrame) -> Records:
    """Events as lines of EVENT."""
    found = np.zeros(len(events), EVENT)
    for name in EVENT.names or ():
        found[name] = events[name].to_numpy()
    return found
