"""What was written once is never written again: PostgreSQL numbers transactions in the order in which they begin to
write, and a row says which one wrote it last.
"""

import numpy as np

from verification.arrays import Array
from verification.authorizations.accounts import Units
from verification.authorizations.moments import NEVER
from verification.case import Found
from verification.quiescence import UNANSWERED


def unchanged(case: Units) -> Found:
    """A10. During the load: a movement that was answered for was written by a transaction which is older than those of
    operations that began afterwards. After it: what was there in the early snapshot was not written since.
    """
    early, rows, keys = case.seen.early, len(case.rows), np.flatnonzero(case.key_row >= 0)
    age = early.age(case.rows["writer"].to_numpy()[case.key_row[keys]])
    begun, done = case.begun[keys], _over(case)[keys]
    order = np.argsort(begun)
    # The oldest transaction of all operations that began at this moment or later.
    oldest = np.append(np.maximum.accumulate(age[order][::-1])[::-1], np.iinfo(np.int64).min)
    later = oldest[np.searchsorted(begun[order], done, "right")]
    answered = done < NEVER
    during = answered & (later > age)
    saw = early.saw(case.rows["writer"].to_numpy())
    after = answered & ~saw[case.key_row[keys]]
    gone = max(early.count - int(saw.sum()) - int(after.sum()), 0)
    detail = (
        f"{int(during.sum()):,} movements were written by a transaction that is younger than one of an operation which "
        f"began after they were answered for; since the early snapshot {int(after.sum()):,} were written again and "
        f"{gone:,} more are gone or were"
    )
    found = case.broken(rows, keys[during | after], detail)
    if found.witnesses or not gone:
        return found
    source = case.seen.source
    return Found(
        rows,
        gone,
        detail,
        {"in the early snapshot": early.count, "of these now": int(saw.sum())},
        sql=f"SELECT xmin, * FROM {source.table} WHERE {source.key} LIKE '{case.ledger.run}-%' ORDER BY age(xmin);",
    )


def _over(case: Units) -> Array:
    """For each key, when the last of its attempts had ended at the latest (ns); NEVER, if one was not answered."""
    status, latest = case.ledger.ops["status"], case.ledger.latest
    open_ = (case.ledger.unknown & status.isin(UNANSWERED).to_numpy()) | (latest == 0)
    over = np.zeros(len(case.ledger.keys), np.int64)
    np.maximum.at(over, case.ledger.key_place, np.where(open_, NEVER, latest))
    return over
