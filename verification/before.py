"""The database before the load: what was written since is told by transactions, not by a clock of the target."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.run import Run
from verification.arrays import Array, Mask
from verification.reading import Reader

XIDS = 2**32
"""The modulus of the numbers of transactions that rows have."""
STEPPED_NS = 10**9
"""A clock whose distance to ours changed by more than this was set meanwhile."""


@dataclass(frozen=True)
class Before:
    """What run.json holds of the database before and after the load."""

    xid: int
    """The next transaction at that time (64 bits)."""
    ahead: tuple[int, int]
    """By how many ns the database's clock is ahead of the master's during the load: at least, and at most."""
    ours: bool
    """Whether the database is that of the run alone: then only its load may write there."""

    @property
    def stepped(self) -> bool:
        """Whether the database's clock was set during the load."""
        return self.ahead[1] - self.ahead[0] > STEPPED_NS

    def since(self, now: int) -> str:
        """SQL: whether a row was written by a transaction from `xid` on; `now` is the next one at the snapshot."""
        # A row has the lower half of the number only, so that one of very long ago could look new: not if only those
        # numbers count that were given since.
        return f"mod(xmin::text::bigint - {self.xid % XIDS} + {XIDS}, {XIDS}) < {now - self.xid}"

    def wrote(self, writers: Array, now: int) -> Mask:
        """The same, for the `writers` (xmin) of rows that were read."""
        since: Mask = (writers - self.xid % XIDS) % XIDS < now - self.xid
        return since


def before(run: Run) -> Before | None:
    """What is known of the database before the load of `run`; None if that is not on record."""
    known, after = run.facts.get("before"), run.facts.get("after")
    if not known:
        return None
    bounds = [known["ahead"], *([after["ahead"]] if after else [])]
    ours = bool((run.facts.get("database") or {}).get("ours"))
    return Before(known["xid"], (min(low for low, _ in bounds), max(high for _, high in bounds)), ours)


def next_transaction(reader: Reader) -> int:
    """The number of the next transaction as of the snapshot."""
    return int(reader.row("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")[0])


def resolution(moments: pd.Series) -> int:
    """ns to which `moments` (datetime64[us]) are given: a second, a ms or a µs; each may be cut off or rounded."""
    whole = moments.dropna().to_numpy().astype("datetime64[us]").astype(np.int64)
    return next((unit * 1000 for unit in (1_000_000, 1_000) if len(whole) and not (whole % unit).any()), 1_000)
