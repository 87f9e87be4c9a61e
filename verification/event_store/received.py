"""What processors received, as the load left it beside its journal: read piece by piece, however much it is."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from systems import event_store, ids
from systems.event_store import AT, DELIVERED, MISSING, PERHAPS, PROCESSORS

Records = npt.NDArray[np.void]
LINE = np.dtype([("place", "<i8"), ("position", "<i8"), ("checksum", "<u4"), ("processor", "<u4")])
"""An event that a processor received in a transaction that is committed; its place among all records of the run."""
MISSED = np.dtype([("position", "<i8"), ("processor", "<u4")])
"""A number that was missing when a processor read beyond it."""
AT_ONCE = 1 << 20
"""So many records are read at a time."""


@dataclass(frozen=True)
class Processor:
    """How far a processor came."""

    number: int
    """With that of its load process above PROCESSORS."""
    batches: int
    """How often it went on with a token, …"""
    back: int
    """… how often with one that is behind the one before, …"""
    at: int
    """… and where the last one was."""
    stored: int | None
    """Where the token is that is stored; None: it is not known whether the last batch was committed."""
    open_: frozenset[int]
    """The numbers that its token still misses."""
    tx: int
    """With the policy `xmin`: the transaction of the last event."""
    committed: frozenset[int]
    """The batches of which only the token tells that they were committed."""

    @property
    def tenant(self) -> int:
        """The tenant whose events it reads; -1: all of them."""
        return event_store.tenant_of(self.number % PROCESSORS)


@dataclass
class _Course:
    """What is known of a processor so far."""

    batches: int = 0
    back: int = 0
    at: int = 0
    perhaps: set[int] = field(default_factory=set)
    """Batches of which it is not known whether they were committed, …"""
    sure: set[int] = field(default_factory=set)
    """… and those of them of which it is."""


def pieces(folder: Path, name: str, fields: Iterable[tuple[str, str]]) -> Iterator[Records]:
    """The records of that name of all load processes, in their order; a torn one at the end of a file is left out."""
    kind = np.dtype(list(fields))
    for path in sorted(folder.glob(f"{name}-*.bin")):
        with path.open("rb") as file:
            while len(found := np.fromfile(file, kind, AT_ONCE)):
                yield found


def processors(read: Callable[[], Iterable[Records]], tokens: pd.DataFrame, run: str) -> tuple[Processor, ...]:
    """Those that left records, by number; `read` gives these, each time anew."""
    found: dict[int, _Course] = {}
    for records in read():
        for number in pd.unique(records["processor"]).tolist():
            found.setdefault(number, _Course())
        _follow(found, records)
    if any(one.perhaps for one in found.values()):
        for records in read():
            delivered = records.compress(records["what"] == DELIVERED)
            for number, one in found.items():
                batches = delivered["batch"][delivered["processor"] == number] if one.perhaps else ()
                one.sure |= one.perhaps.intersection(np.unique(batches).tolist())
    by_name = {name: place for place, name in enumerate(tokens["processor"].tolist())}
    return tuple(_processor(number, found[number], tokens, by_name, run) for number in sorted(found))


def _follow(found: dict[int, _Course], records: Records) -> None:
    tokens, perhaps = (records.compress(records["what"] == what) for what in (AT, PERHAPS))
    for number, one in found.items():
        if len(at := tokens["position"][tokens["processor"] == number]):
            one.back += int((np.diff(at) < 0).sum()) + int(one.batches > 0 and at[0] < one.at)
            one.batches, one.at = one.batches + len(at), int(at[-1])
        one.perhaps.update(np.unique(perhaps["batch"][perhaps["processor"] == number]).tolist())


def _processor(number: int, one: _Course, tokens: pd.DataFrame, by_name: dict[str, int], run: str) -> Processor:
    worker, place = divmod(number, PROCESSORS)
    line = by_name.get(f"{ids.key(run, ids.operation(worker, 0))}.{place:04x}")
    token: dict[Any, Any] = {} if line is None else tokens.iloc[line].to_dict()
    gaps, batches = str(token.get("gaps", "")).strip("{}"), int(token.get("batches", 0))
    return Processor(
        number,
        one.batches,
        one.back,
        one.at,
        int(token["position"]) if token and not one.perhaps else None,
        frozenset(int(gap) for gap in gaps.split(",") if gap),
        int(token.get("tx", 0)),
        frozenset(batch for batch in one.perhaps - one.sure if batch <= batches),
    )


def lines(records: Records, first: int, of: Sequence[Processor]) -> tuple[Records, Records]:
    """What of these records is LINE, and MISSED; `first`: the place of the first of them."""
    what = records["what"]
    received = what == DELIVERED
    for one in of:
        if one.committed:
            own = (what == PERHAPS) & (records["processor"] == one.number)
            received |= own & np.isin(records["batch"], list(one.committed))
    places = np.flatnonzero(received)
    found, missed = np.zeros(len(places), LINE), np.zeros(int((what == MISSING).sum()), MISSED)
    found["place"] = first + places
    for name in ("position", "checksum", "processor"):
        found[name] = records[name][places]
    for name in ("position", "processor"):
        missed[name] = records[name][what == MISSING]
    return found, missed
