"""What was written once is never written again: PostgreSQL numbers transactions in the order in which they begin to
write, and a row says which one wrote it last.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from verification.arrays import Array
from verification.authorizations.accounts import Units
from verification.authorizations.moments import NEVER
from verification.found import Found, Part, Witness
from verification.ledger import Ledger, find
from verification.quiescence import UNANSWERED

BEGUN = np.dtype([("begun", "<i8"), ("age", "<i8")])
"""Of a key with a movement, when it was first sent (ns), and the age of the transaction that wrote it."""
OVER = np.dtype([("done", "<i8"), ("age", "<i8"), ("key", "<i8"), ("again", "?")])
"""Of one that was answered for, when the last answer had come, that age, the operation that made it, and whether it
was written again after the early snapshot."""
NONE = np.iinfo(np.int64).min
"""Younger than any transaction."""


@dataclass(frozen=True)
class Written:
    """The keys that have a movement, of a window of time or of the whole run."""

    ledger: Ledger
    seen: Any
    begun: npt.NDArray[np.void]
    over: npt.NDArray[np.void]
    rows: int
    """How many movements the run has, …"""
    saw: int
    """… and how many of them the early snapshot saw."""
    later: int = NONE
    """The age of the oldest transaction of all operations that began after the window."""


def written(case: Units) -> Written:
    """Those of a case."""
    early, keys = case.seen.early, np.flatnonzero(case.key_row >= 0)
    writer = case.rows["writer"].to_numpy()
    age, saw = early.age(writer), early.saw(writer)
    begun, over = np.zeros(len(keys), BEGUN), np.zeros(len(keys), OVER)
    begun["begun"], begun["age"] = case.begun[keys], age[case.key_row[keys]]
    over["done"], over["age"], over["key"] = _over(case)[keys], begun["age"], case.ledger.keys["key"].to_numpy()[keys]
    over["again"] = ~saw[case.key_row[keys]]
    over = over.take(np.flatnonzero(over["done"] < NEVER))
    return Written(case.ledger, case.seen, begun, over, len(case.rows), int(saw.sum()))


def unchanged(case: Units | Written) -> Part:
    """A10. During the load: a movement that was answered for was written by a transaction which is older than those of
    operations that began afterwards. After it: what was there in the early snapshot was not written since.
    """
    own = written(case) if isinstance(case, Units) else case
    begun, over = own.begun.take(np.argsort(own.begun["begun"])), own.over
    # The oldest transaction of all operations that began at this moment or later.
    oldest = np.append(np.maximum.accumulate(begun["age"][::-1])[::-1], NONE)
    later = oldest[np.searchsorted(begun["begun"], over["done"], "right")]
    during = np.maximum(later, own.later) > over["age"]
    wrong = np.sort(over["key"][during | over["again"]])
    source = own.seen.source
    sql = f"SELECT xmin, * FROM {source.table} WHERE {source.key} LIKE '{own.ledger.run}-%' ORDER BY age(xmin);"
    return Part(
        partial(_unchanged, rows=own.rows, early=own.seen.early.count, saw=own.saw, sql=sql),
        0,
        len(wrong),
        _witness(case, int(wrong[0])) if len(wrong) else None,
        sums={"during": int(during.sum()), "after": int(over["again"].sum())},
    )


def _witness(case: Units | Written, key: int) -> Witness | None:
    if isinstance(case, Written):
        return Witness((key,), {}, key=key)
    return case.breaking(find(case.ledger.keys["key"].to_numpy(), np.array([key]))[0])


def _unchanged(part: Part, rows: int, early: int, saw: int, sql: str) -> Found:
    during, after = part.sums["during"], part.sums["after"]
    gone = max(early - saw - after, 0)
    detail = (
        f"{during:,} movements were written by a transaction that is younger than one of an operation which "
        f"began after they were answered for; since the early snapshot {after:,} were written again and "
        f"{gone:,} more are gone or were"
    )
    if part.witnesses or not gone:
        return replace(part, compared=rows).found(detail)
    return Found(rows, gone, detail, {"in the early snapshot": early, "of these now": saw}, sql=sql)


def _over(case: Units) -> Array:
    """For each key, when the last of its attempts had ended at the latest (ns); NEVER, if one was not answered."""
    status, latest = case.ledger.ops["status"], case.ledger.latest
    open_ = (case.ledger.unknown & status.isin(UNANSWERED).to_numpy()) | (latest == 0)
    over = np.zeros(len(case.ledger.keys), np.int64)
    np.maximum.at(over, case.ledger.key_place, np.where(open_, NEVER, latest))
    return over
