"""A database that was cleaned for a later run has lost nothing of this one: it can't be judged by it any more."""

import pandas as pd

from harness import database
from harness.errors import DatabaseError
from verification.ledger import Ledger
from verification.reading import Reader

RUN_KEY = "^[0-9]{8}T[0-9]{6}[0-9a-f]{6}-[0-9a-f]{16}$"
"""Keys of runs: harness.run makes the id, systems.ids the key."""


def require(reader: Reader, ledger: Ledger, url: str, table: str, key: str) -> None:
    """DatabaseError if `table` holds no row of this run, but some of a run that began after this one had ended."""
    ended = pd.Timestamp(ledger.ended).strftime("%Y%m%dT%H%M%S")
    (later,) = reader.row(
        f"""
        SELECT min(left({key}, strpos({key}, '-') - 1)) FROM {table}
        WHERE {key} ~ %(run_key)s AND left({key}, 15) > %(ended)s
        AND NOT EXISTS (SELECT FROM {table} WHERE {key} LIKE %(ours)s)
        """,
        {"run_key": RUN_KEY, "ended": ended, "ours": f"{ledger.run}-%"},
    )
    if later:
        raise DatabaseError(
            f"{database.redacted(url)} holds nothing of run {ledger.run}, but rows of run {later}: it was cleaned. "
            "Expected the database as the run left it; run the load again"
        )
