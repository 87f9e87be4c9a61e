"""What was written since the load began is told by transactions, also where their numbers begin again."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.run import Run
from tests.support.target_process import query
from verification.before import STEPPED_NS, Before, before, resolution

BASE = 5 * 2**32


@pytest.mark.parametrize(
    ("began", "now", "writer", "since"),
    [
        (1000, 1010, 999, False),
        (1000, 1010, 1000, True),
        (1000, 1010, 1009, True),
        (1000, 1010, 1010, False),
        (BASE + 2**32 - 5, BASE + 2**32 + 5, 2**32 - 6, False),
        (BASE + 2**32 - 5, BASE + 2**32 + 5, 2**32 - 5, True),
        (BASE + 2**32 - 5, BASE + 2**32 + 5, 4, True),
        (BASE + 2**32 - 5, BASE + 2**32 + 5, 5, False),
        # A row of two milliards of transactions ago is old, though its number is above.
        (BASE + 100, BASE + 200, 2**31 + 50, False),
    ],
)
def test_a_row_is_new_if_its_transaction_began_since(began: int, now: int, writer: int, since: bool) -> None:
    found = Before(began, (0, 0), True)

    assert found.wrote(np.array([writer]), now).tolist() == [since]


def test_the_database_says_the_same(database: str) -> None:
    query(database, "CREATE TABLE t (id int)")
    query(database, "INSERT INTO t VALUES (1)")
    next_one = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text"
    began = Before(int(query(database, next_one)[0][0]), (0, 0), True)
    query(database, "INSERT INTO t VALUES (2)")
    now = int(query(database, next_one)[0][0])

    assert query(database, f"SELECT id FROM t WHERE {began.since(now)}") == [(2,)]


def test_bounds_are_those_of_before_and_after(tmp_path: Path) -> None:
    run = Run(
        tmp_path, {"before": {"xid": 7, "ahead": [10, 20]}, "after": {"ahead": [5, 12]}, "database": {"ours": True}}
    )

    assert before(run) == Before(7, (5, 20), True)
    assert before(Run(tmp_path, {"before": {"xid": 7, "ahead": [10, 20]}, "after": None})) == Before(7, (10, 20), False)
    assert before(Run(tmp_path, {})) is None


def test_a_clock_that_was_set_is_seen() -> None:
    assert Before(1, (0, STEPPED_NS + 1), True).stepped
    assert not Before(1, (0, STEPPED_NS), True).stepped


@pytest.mark.parametrize(
    ("moments", "unit"),
    [
        (["2026-11-26 10:00:00", "2026-11-26 10:00:01"], 10**9),
        (["2026-11-26 10:00:00.001", None], 10**6),
        (["2026-11-26 10:00:00.000001"], 10**3),
        ([None], 10**3),
    ],
)
def test_the_resolution_of_a_column_is_that_of_its_values(moments: list[str | None], unit: int) -> None:
    assert resolution(pd.Series(moments, dtype="datetime64[us]")) == unit
