"""Rows are streamed: a million of them need no more memory than a few."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import count

import psycopg2

from seeding import copy
from seeding.copy import PIECE, Source
from tests.support.target_process import ROOT, query

MANY = 1_000_000
MOST_MEMORY = 150 * 2**20

SEED_AND_MEASURE = f"""
import json, os, re
from pathlib import Path
from seeding.pool import Ours, Rows, seed

def lines():
    return (f"{{n}}\\tuser {{n}}\\t7\\n" for n in range({MANY}))

rows = Rows(Ours("many", "id >= 0"), ("id", "name", "units"), {MANY}, lines)
done = [seed(os.environ["DATABASE_URL"], "many", [rows], []) for _ in range(2)]
# Not getrusage: its peak is that of the process that started this one, if that was larger.
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
print(json.dumps({{"peak": peak, "skipped": [each.skipped for each in done]}}))
"""


def test_a_file_is_read_in_pieces_and_its_digest_is_that_of_all_lines() -> None:
    lines = [f"{n}\n" for n in range(2 * PIECE + 1)]
    told: list[int] = []
    source = Source(iter(lines), told.append)

    pieces = list(iter(source.read, b""))

    assert [piece.count(b"\n") for piece in pieces] == [PIECE, PIECE, 1]
    assert b"".join(pieces) == "".join(lines).encode()
    assert told == [PIECE, 2 * PIECE, 2 * PIECE + 1]
    assert source.digest == hashlib.md5("".join(lines).encode()).hexdigest()


def test_no_more_lines_are_made_than_were_read() -> None:
    made = count()

    Source((f"{next(made)}\n" for _ in range(10 * PIECE)), lambda _: None).read()

    assert next(made) == PIECE


def test_what_is_read_back_has_the_digest_of_what_was_loaded_whatever_the_database_shows_values_as(
    database: str,
) -> None:
    query(database, "CREATE TABLE things (id int PRIMARY KEY, at timestamptz, on_day date, word text, bytes bytea)")
    query(
        database,
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = ''Asia/Tokyo''', current_database()); "
        "EXECUTE format('ALTER DATABASE %I SET datestyle = ''German''', current_database()); "
        "EXECUTE format('ALTER DATABASE %I SET client_encoding = ''LATIN1''', current_database()); END $$",
    )
    lines = [
        "1\t2024-01-01 00:00:00+00\t2024-02-29\ttab \\t, newline \\n, backslash \\\\, é, 東京\t\\\\x00ff\n",
        "2\t\\N\t\\N\t\\N\t\\N\n",
    ]
    columns = "id, at, on_day, word, bytes"

    def rows() -> Iterator[str]:
        return iter(lines)

    connection = psycopg2.connect(database)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(copy.AS_TEXT)
            loaded = copy.load(cursor, f"things ({columns})", rows(), lambda _: None)
            stored = copy.stored(cursor, f"SELECT {columns} FROM things ORDER BY id", lambda _: None)
    finally:
        connection.close()

    assert loaded == stored == copy.digest(rows(), lambda _: None)


def test_a_million_rows_are_seeded_and_compared_in_bounded_memory(database: str) -> None:
    query(database, "CREATE TABLE many (id int PRIMARY KEY, name text NOT NULL, units int NOT NULL)")

    done = subprocess.run(
        [sys.executable, "-c", SEED_AND_MEASURE],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database},
        capture_output=True,
        text=True,
        check=True,
    )

    facts = json.loads(done.stdout)
    assert facts["skipped"] == [False, True]
    assert query(database, "SELECT count(*)::int, sum(units)::int FROM many") == [(MANY, 7 * MANY)]
    assert facts["peak"] < MOST_MEMORY
