"""Messages that are read as numbers are the rows that are there, to the letter; others are read as text."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.verdict import CheckState
from systems import ids, messages
from tests.support.message_scene import ID, KEY, SOURCE, Scene, change, clean_scene, copy_of_1
from tests.support.target_process import query
from verification import rows, text_hashes
from verification.messages import case, coded, observe
from verification.messages.sent import AS_SENT, content_hashes
from verification.reading import reader

TEXTS = [*("é" * n + "x" * m for n in range(3) for m in range(30)), "漢𝄞", "x" * 1_000]
OPS = [*range(120), 999, 1_000, 10**9, 2**40 + 3, 10**18 - 1, 10**18, 2**63 - 1]


@pytest.fixture
def scene(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return clean_scene(database, tmp_path, monkeypatch)


def hash_of(text: str) -> int:
    (found,) = text_hashes.hashes(list(text.encode()), 1).tolist()
    return int(found)


def test_a_hash_is_that_of_postgresql(database: str) -> None:
    sql = f"SELECT {text_hashes.SQL.format(text='sent')} FROM unnest(%s) AS sent"
    assert [found for (found,) in query(database, sql, TEXTS)] == [hash_of(text) for text in TEXTS]
    assert query(database, f"SELECT {text_hashes.SQL.format(text='NULL')}") == [(0,)]


@pytest.mark.parametrize("special", [messages.ALL_TEXTS, (), messages.texts(["quotes"])])
def test_the_hash_of_what_an_operation_sends_is_that_of_its_text(special: tuple[str, ...]) -> None:
    found = content_hashes(np.array(OPS), special)

    assert found.tolist() == [hash_of(messages.content(op, special)) for op in OPS]


SUFFIXES = ("", "é", "0" * 15 + "é", "f" * 16, "0" * 16 + ".00zz", "9" * 14 + "éé")
ODD = (
    *(f"ALTER TABLE message_logs ALTER {name} DROP NOT NULL" for name in ("user_id", "message_type", "status")),
    "ALTER TABLE message_logs ALTER message_content DROP NOT NULL",
    "ALTER TABLE message_logs DROP CONSTRAINT IF EXISTS message_logs_pkey CASCADE",
    "ALTER TABLE message_logs ALTER id DROP NOT NULL",
    "ALTER TABLE message_logs DROP CONSTRAINT message_logs_user_id_fkey",
    # Each row is told by its key, which the copy has: of a run's own, with an item, and of other lengths.
    copy_of_1(f"'{ids.key(ID, 90)}'"),
    copy_of_1(f"'{ids.item_key(ID, 1, 3)}'"),
    *(
        copy_of_1(f"'{ID}-{suffix}'")
        for suffix in ("", "é", "0" * 15 + "é", "f" * 16, "0" * 16 + ".00zz", "9" * 14 + "éé")
    ),
)
CHANGES = (
    "user_id = NULL",
    "user_id = gen_random_uuid()",
    f"user_id = '{ids.uuid_of(3)}'",
    "message_type = NULL",
    "message_type = 'another'",
    "message_content = NULL",
    "message_content = message_content || ' '",
    "message_content = ''",
    "scheduled_send_time = 'infinity'",
    "sent_at = NULL",
    "id = NULL",
)
CONSTRAINTS = """
SELECT format('ALTER TABLE message_logs DROP CONSTRAINT %I', conname) FROM pg_constraint
WHERE conrelid = 'message_logs'::regclass AND contype = 'c'
"""


def odd(scene: Scene) -> None:
    """Make rows of every kind that no operation leaves."""
    for (statement,) in query(scene.url, CONSTRAINTS):
        scene.sql(statement)
    for statement in ODD:
        scene.sql(statement)
    for number, what in enumerate(CHANGES):
        key = f"'{ids.key(ID, 200 + number)}'"
        scene.sql(copy_of_1(key))
        scene.sql(f"UPDATE message_logs SET {what} WHERE idempotency_key = {key}")


def told(scene: Scene, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as people are shown them, by what they are."""
    lines = case(scene.sent, observe(scene.url, scene.run, scene.sent)).shown(frame)
    return [{name: line[name] for name in sorted(line)} for line in lines]


def as_text(scene: Scene) -> list[dict[str, Any]]:
    with reader(scene.url) as session, session.snapshot():
        return told(scene, rows.own(session, ID, SOURCE, SOURCE.columns))


def test_rows_are_the_same_as_if_they_were_read_as_text(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    odd(scene)
    monkeypatch.setattr(coded, "AT_ONCE", 3)
    with reader(scene.url) as session, session.snapshot():
        found = coded.own(session, ID, SOURCE, messages.ALL_TEXTS)()

    assert coded.ID_LOW in found
    assert found["message_content"].tolist().count(AS_SENT) > 3
    assert told(scene, found) == as_text(scene)


def test_piece_by_piece_they_are_the_same(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    odd(scene)
    # Rows of more than one block.
    for number in range(300, 360):
        scene.sql(copy_of_1(f"'{ids.key(ID, number)}'"))
    monkeypatch.setattr(coded, "BLOCKS", 1)
    taken: list[pd.DataFrame] = []
    with reader(scene.url) as session, session.snapshot():
        left = coded.own(session, ID, SOURCE, messages.ALL_TEXTS, lambda piece, _: taken.append(piece))()
    several = any("item" in piece for piece in taken)

    assert len(taken) > 2
    assert left.empty
    assert list(left) == [name for name in taken[0] if name != "item"]
    found = [line for piece in taken for line in told(scene, piece)]
    assert [line if "item" in line or not several else {**line, "item": 0} for line in found] == as_text(scene)


OTHERS = {
    "ids of another type": "ALTER TABLE message_logs ALTER id DROP DEFAULT, ALTER id TYPE text",
    "rows in another table, too": "CREATE TABLE more () INHERITS (message_logs)",
}


@pytest.mark.parametrize("statement", OTHERS.values(), ids=list(OTHERS))
def test_what_can_not_be_read_as_numbers_is_read_as_text(scene: Scene, statement: str) -> None:
    assert observe(scene.url, scene.run, scene.sent).coded
    scene.sql(statement)
    found = scene.judge()

    assert not observe(scene.url, scene.run, scene.sent).coded
    assert {id_ for id_, one in found.items() if one.state == CheckState.VIOLATED} <= {"SCHEMA"}
    assert found["X5"].state == CheckState.HOLDS


def test_a_witness_has_the_text_and_the_id_that_are_there(scene: Scene) -> None:
    scene.sql(change(1, "status = 'FAILED', sent_at = NULL"))
    (id_,) = query(scene.url, f"SELECT id::text FROM message_logs WHERE idempotency_key = '{KEY[1]}'")[0]
    first = scene.judge()["MP3"].first

    assert first["expected"]["message_content"] == messages.content(1)
    assert first["stored"][0]["message_content"] == messages.content(1)
    assert first["stored"][0]["id"] == id_
    assert coded.ID_LOW not in first["stored"][0]
