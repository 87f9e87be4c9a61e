"""The final snapshot is taken at quiescence; otherwise it records what was still active."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, sleep, time_ns

import pandas as pd

from harness import database
from harness.errors import DatabaseError
from systems import ids
from verification.ledger import Ledger
from verification.reading import Reader

POLL_S = 0.1
STILL_S = 0.3
"""How long nothing may change before the final snapshot."""


@dataclass(frozen=True)
class Stillness:
    """How quiescent the database was at the final snapshot."""

    drained_seconds: float | None
    """After how long nothing was pending any more; None if something still was."""
    disturbance: str
    """Who or what still wrote; "" = nothing: the database was quiescent."""
    prints: Mapping[str, tuple[int, int]]
    """Of each table its fingerprint (`Reader.fingerprint`) in the final snapshot."""


UNANSWERED = (0, 502, 504)
"""No answer, or that of a proxy which waits no longer: the target may still be at work. After its own 500 it isn't."""


def late(ledger: Ledger, timeout_seconds: float) -> float:
    """For how many seconds from now on an operation that was not answered may still have its effect."""
    unknown = ledger.ops[ledger.unknown & ledger.ops["status"].isin(UNANSWERED).to_numpy()]
    if unknown.empty:
        return 0.0
    last = int((unknown["start"] + unknown["doubt"]).max()) + ledger.clock
    return min(max((last - time_ns()) / 1e9 + timeout_seconds, 0.0), timeout_seconds)


def due(ledger: Ledger) -> float:
    """For how many seconds from now on what was answered may still be stored: as the facts allow, within the drain."""
    scenario = ledger.scenario
    if not scenario.eventual:
        return 0.0
    passed = (time_ns() - ledger.ended - ledger.clock) / 1e9
    return min(max(scenario.eventual - passed, 0.0), scenario.drain_seconds)


@contextmanager
def still(reader: Reader, ledger: Ledger, pending: str, tables: Sequence[str]) -> Iterator[Stillness]:
    """One snapshot, when `pending` (SQL for a count) and what the plan awaits is 0 and no client writes to `tables`, or
    the drain is over.
    """
    own = ledger.scenario.quiesce
    drain = max(ledger.scenario.drain_seconds, own.seconds if own else 0.0)
    began = monotonic()
    settled = began + max(late(ledger, ledger.scenario.timeout_seconds), due(ledger))
    limit = settled + drain
    drained: float | None = None
    while True:
        awaited = reader.asked(own.sql, own.seconds) if own else None
        if reader.row(pending)[0] or awaited:
            drained = None
        elif drained is None:
            drained = monotonic() - began
        over = monotonic() >= limit
        if not over and (drained is None or reader.writers() or monotonic() < settled):
            sleep(POLL_S)
            continue
        before = reader.fingerprint(tables)
        sleep(STILL_S)
        with reader.snapshot():
            prints = reader.fingerprint(tables)
            changed, writers = prints != before, reader.writers()
            if over or not (changed or writers):
                disturbances = [f"{', '.join(writers)} had not ended"] if writers else []
                disturbances += [f"{' or '.join(tables)} changed within {STILL_S} s"] if changed else []
                disturbances += [f"the query of [quiesce] still gave {awaited!r}"] if awaited else []
                yield Stillness(drained, "; ".join(disturbances), dict(zip(tables, prints, strict=True)))
                return


def require_own_rows(reader: Reader, ledger: Ledger, url: str, table: str, key: str) -> None:
    """DatabaseError if `table` holds no row of this run, but some of a run that began after this one had ended."""
    ended = pd.Timestamp(ledger.ended + ledger.clock).strftime(ids.BORN)
    (later,) = reader.row(
        f"""
        SELECT min(left({key}, strpos({key}, '-') - 1)) FROM {table}
        WHERE {key} {ids.KEY_SQL} AND left({key}, {ids.BORN_LENGTH}) > %(ended)s
        AND NOT EXISTS (SELECT FROM {table} WHERE {key} LIKE %(ours)s)
        """,
        {"ended": ended, "ours": f"{ledger.run}-%"},
    )
    if later:
        raise DatabaseError(
            f"{database.redacted(url)} holds nothing of run {ledger.run}, but rows of run {later}: it was cleaned. "
            "Expected the database as the run left it; run the load again"
        )
