"""`python outside_edits.py RUN_FOLDER`, in the project of examples/parcels: what the checks find after each edit.

Each edit is one item lost, doubled, altered or invented in the database of DATABASE_URL, and undone again. Prints JSON:
edit → the ids of the checks that are VIOLATED.
"""

import json
import os
import sys
from pathlib import Path

import psycopg2

from harness import journaled
from harness.check import CheckState
from harness.outcomes import Outcome
from harness.run import Run
from systems import ids
from verification.__main__ import verify

run, url = Run.open(Path(sys.argv[1])), os.environ["DATABASE_URL"]
(read,) = journaled.read_all(run.folder)[:1]
kinds = read.header["kinds"]


def first(kind: str, outcome: Outcome) -> int:
    """The number of the first operation of that kind and outcome."""
    wanted = (read.records["kind"] == kinds.index(kind)) & (read.records["outcome"] == outcome)
    return int(read.numbers[wanted][0])


batch, refused, reading = first("batch", Outcome.ACK), first("refused", Outcome.REJECT), first("read", Outcome.ACK)
item = ids.item_key(run.id, batch, 37)
EDITS = {
    "an item of a batch is lost": ("DELETE FROM entries WHERE key = %s", item),
    "a logged refusal is lost": ("DELETE FROM entries WHERE key = %s", ids.key(run.id, refused)),
    "an item is stored twice": ("INSERT INTO entries SELECT * FROM entries WHERE key = %s", item),
    "an item is altered": ("UPDATE entries SET content = content || '.' WHERE key = %s", item),
    "an item of no operation": ("INSERT INTO entries VALUES (%s, 'x')", ids.key(run.id, 2**40 - 5)),
    "an item that the batch can't have": ("INSERT INTO entries VALUES (%s, 'x')", ids.item_key(run.id, batch, 100)),
    "an item under the key of a read": ("INSERT INTO entries VALUES (%s, 'x')", ids.key(run.id, reading)),
}
found = {}
for name, (statement, key) in EDITS.items():
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE entries DROP CONSTRAINT IF EXISTS entries_pkey")
        cursor.execute("CREATE TABLE before AS SELECT * FROM entries")
        cursor.execute(statement, (key,))
    # SCHEMA sees that the key is gone, which is only there for the edits.
    violated = [each.id for each in verify(run, url) if each.state is CheckState.VIOLATED and each.id != "SCHEMA"]
    with connection, connection.cursor() as cursor:
        cursor.execute("TRUNCATE entries")
        cursor.execute("INSERT INTO entries SELECT * FROM before")
        cursor.execute("DROP TABLE before")
    connection.close()
    found[name] = violated
    print(file=sys.stderr)
print("FOUND " + json.dumps(found))
