"""What stands in a real database is seen as it stands: each damage done to it by hand is found by its check."""

import time
from pathlib import Path

import pytest

from harness.verdict import CheckState
from systems import ids, messages
from tests.support.message_scene import (
    ID,
    KEY,
    NO_FOREIGN_KEY,
    NO_INDEX,
    SOURCE,
    USERS,
    Scene,
    change,
    clean_scene,
    copy_of_1,
    put,
)
from tests.support.surroundings import changed_schema
from tests.support.target_process import query, with_users
from tests.support.waits import skip_waits
from verification import reading
from verification.messages import case, observe
from verification.messages.sent import AS_SENT
from verification.reading import reader
from verification.rows import own


@pytest.fixture
def scene(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return clean_scene(database, tmp_path, monkeypatch)


HOUR_NS = 3_600 * 10**9


NO_PRIMARY_KEY = "ALTER TABLE message_logs DROP CONSTRAINT message_logs_pkey;"
ORPHAN = """
INSERT INTO message_logs (user_id, message_type, message_content, scheduled_send_time, idempotency_key)
VALUES (gen_random_uuid(), 'BIRTHDAY', 'to nobody', now(), 'an earlier one');
"""


def test_everything_holds_on_what_a_clean_target_left(scene: Scene) -> None:
    found = scene.judge()

    assert {id_: finding.detail for id_, finding in found.items() if finding.state != CheckState.HOLDS} == {}


def test_unknown_outcomes_are_resolved(scene: Scene) -> None:
    seen = observe(scene.url, scene.run, scene.sent)

    assert case(scene.sent, seen).resolved() == {"unknown": 2, "committed": 1, "absent": 1, "share": 2 / 10}


DAMAGES: dict[str, tuple[str, set[str]]] = {
    "a row is deleted": (f"DELETE FROM message_logs WHERE idempotency_key = '{KEY[1]}'", {"X1"}),
    "all messages are gone": ("TRUNCATE message_logs", {"X1"}),
    "everything is gone": ("TRUNCATE users, message_logs", {"X1", "POOL"}),
    "a key of ours that nobody sent": (copy_of_1(f"'{ids.key(ID, 99)}'"), {"X2"}),
    "a key of a refused message": (change(1, f"idempotency_key = '{KEY[4]}'"), {"X1", "X3"}),
    "a key that begins as ours": (copy_of_1(f"'{KEY[1]}0'"), {"X2"}),
    "a key that is ours in capitals": (copy_of_1(f"'{ID}-00000000000000AB'"), {"X2"}),
    "a key of somebody else": (copy_of_1("'somebody'"), {"X2"}),
    "no key": (f"ALTER TABLE message_logs ALTER idempotency_key DROP NOT NULL;{copy_of_1('NULL')}", {"X2"}),
    "a key of somebody else, long ago": (
        copy_of_1("'somebody'") + ";UPDATE message_logs SET created_at = created_at - interval '1 minute' "
        "WHERE idempotency_key = 'somebody'",
        {"X2"},
    ),
    "a key of somebody else, afterwards": (
        copy_of_1("'somebody'") + ";UPDATE message_logs SET created_at = created_at + interval '5 minutes', "
        "sent_at = sent_at + interval '5 minutes' WHERE idempotency_key = 'somebody'",
        {"X2"},
    ),
    "a second row": (NO_INDEX + copy_of_1(f"'{KEY[1]}'"), {"X4", "MP1", "MP1I"}),
    "a second row of an earlier run": (
        f"{NO_INDEX}{NO_FOREIGN_KEY}{ORPHAN}{ORPHAN}",
        {"X2", "MP1", "MP1I", "MP2", "MP2F"},
    ),
    "no index": (NO_INDEX, {"MP1I"}),
    "another index": (NO_INDEX + "CREATE UNIQUE INDEX ON message_logs (idempotency_key)", set()),
    "an index on part of it": (
        NO_INDEX + "CREATE UNIQUE INDEX ON message_logs (idempotency_key) WHERE status = 'SENT'",
        {"MP1I"},
    ),
    "an index on more than it": (NO_INDEX + "CREATE UNIQUE INDEX ON message_logs (idempotency_key, id)", {"MP1I"}),
    "an index on something made of it": (
        NO_INDEX + "CREATE UNIQUE INDEX ON message_logs (lower(idempotency_key))",
        {"MP1I"},
    ),
    "an index that is not unique": (NO_INDEX + "CREATE INDEX ON message_logs (idempotency_key)", {"MP1I"}),
    "an index that is not valid": (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'message_logs_idempotency_key_key'::regclass",
        {"MP1I"},
    ),
    "no foreign key and an orphan": (NO_FOREIGN_KEY + ORPHAN, {"X2", "MP2", "MP2F"}),
    "no foreign key and a user deleted": (
        f"{NO_FOREIGN_KEY} DELETE FROM users WHERE id = '{ids.uuid_of(2)}'",
        {"MP2", "MP2F", "POOL"},
    ),
    "an orphan past the foreign key": (f"SET session_replication_role = replica; {ORPHAN}", {"X2", "MP2"}),
    "a message to no user": (
        f"ALTER TABLE message_logs ALTER user_id DROP NOT NULL; {change(1, 'user_id = NULL')}",
        {"X5", "MP2"},
    ),
    "no foreign key": (NO_FOREIGN_KEY, {"MP2F"}),
    "a foreign key that was never validated": (
        NO_FOREIGN_KEY + "ALTER TABLE message_logs ADD FOREIGN KEY (user_id) REFERENCES users NOT VALID",
        {"MP2F"},
    ),
    "a foreign key that is not enforced": (
        "ALTER TABLE message_logs ALTER CONSTRAINT message_logs_user_id_fkey NOT ENFORCED",
        {"MP2F"},
    ),
    "a foreign key to something else": (
        NO_FOREIGN_KEY + "CREATE TABLE others AS TABLE users; ALTER TABLE others ADD PRIMARY KEY (id);"
        "ALTER TABLE message_logs ADD FOREIGN KEY (user_id) REFERENCES others",
        {"MP2F"},
    ),
    "triggers of messages disabled": ("ALTER TABLE message_logs DISABLE TRIGGER ALL", {"MP2F"}),
    "triggers of users disabled": ("ALTER TABLE users DISABLE TRIGGER ALL", {"MP2F"}),
    "another content": (change(1, "message_content = left(message_content, -1)"), {"X5"}),
    "no content": (
        f"ALTER TABLE message_logs ALTER message_content DROP NOT NULL; {change(1, 'message_content = NULL')}",
        {"X5"},
    ),
    "a content that looks like none": (change(1, r"message_content = '\N'"), {"X5"}),
    "another user": (change(1, f"user_id = '{ids.uuid_of(3)}'"), {"X5"}),
    "another type": (change(7, "message_type = 'BIRTHDAY'"), {"X5"}),
    "another time": (change(1, "scheduled_send_time = scheduled_send_time + interval '1 microsecond'"), {"X5"}),
    "no time": (
        f"ALTER TABLE message_logs ALTER scheduled_send_time DROP NOT NULL; {change(1, 'scheduled_send_time = NULL')}",
        {"X5"},
    ),
    "a time without end": (change(1, "scheduled_send_time = 'infinity'"), {"X5"}),
    "no id": (
        f"{NO_PRIMARY_KEY} ALTER TABLE message_logs ALTER id DROP NOT NULL; {change(1, 'id = NULL')}",
        {"X5"},
    ),
    "no id, read as text": (
        f"{NO_PRIMARY_KEY} ALTER TABLE message_logs ALTER id DROP NOT NULL, ALTER id DROP DEFAULT, "
        f"ALTER id TYPE text; {change(1, 'id = NULL')}",
        {"X5"},
    ),
    "another id": (change(1, "id = gen_random_uuid()"), {"X5"}),
    "another id under a replay": (change(0, "id = gen_random_uuid()"), {"X5", "MP4"}),
    "the other body": (
        change(1, f"message_content = '{messages.content(3)}', message_type = '{messages.message_type(3)}'"),
        {"X5", "MP5"},
    ),
    "SENT without a time": (change(1, "sent_at = NULL"), {"X6"}),
    "sent before it was stored": (change(1, "sent_at = created_at - interval '1 microsecond'"), {"X6"}),
    "never sent": (change(1, "status = 'SCHEDULED', sent_at = NULL"), {"MP3"}),
    "sent before it was due": (change(9, "status = 'SENT', sent_at = clock_timestamp()"), {"MP8"}),
    "failed": (change(1, "status = 'FAILED', sent_at = NULL"), {"MP3"}),
    "a user renamed": (f"UPDATE users SET first_name = 'Renamed' WHERE id = '{ids.uuid_of(9)}'", {"POOL"}),
    "a user too many": (f"UPDATE users SET id = '{ids.uuid_of(USERS + 1)}' WHERE id = '{ids.uuid_of(9)}'", {"POOL"}),
}


@pytest.mark.parametrize(("statements", "violated"), DAMAGES.values(), ids=list(DAMAGES))
def test_a_damage_is_found_by_exactly_these_checks(scene: Scene, statements: str, violated: set[str]) -> None:
    scene.sql(statements)
    found = scene.judge()

    # What was taken from the schema is a finding of its own.
    violated = violated | changed_schema(statements)
    assert {id_ for id_, finding in found.items() if finding.state == CheckState.VIOLATED} == violated
    assert not any(finding.crashed for finding in found.values())
    # People are shown texts, not what stands for them.
    assert ascii(AS_SENT)[1:-1] not in ascii(found)
    for id_ in violated:
        query(scene.url, found[id_].sql)


def test_a_text_is_read_as_it_stands(scene: Scene) -> None:
    texts = ["", "NULL", "NA", "nan", ",", '"', "a\nb", "a\r\nb", "\ta\\", " ", "é漢𝄞"]
    for number, text in enumerate(texts):
        key = f"{ID}-{number}"
        scene.sql(copy_of_1(f"'{key}'"))
        query(scene.url, "UPDATE message_logs SET message_content = %s WHERE idempotency_key = %s", text, key)
    with reader(scene.url) as session:
        stray = own(session, ID, SOURCE, SOURCE.columns).query("op < 0")

    assert dict(zip(stray["stray"], stray["message_content"], strict=True)) == {
        f"{ID}-{number}": text for number, text in enumerate(texts)
    }


def test_keys_are_counted_in_the_rows_and_not_in_an_index_that_could_be_broken(scene: Scene) -> None:
    with reader(scene.url) as session, session.snapshot():
        steps = session.rows(
            "EXPLAIN SELECT idempotency_key, count(*) FROM message_logs WHERE idempotency_key > '' GROUP BY 1"
        )

    assert any("Seq Scan on message_logs" in step for (step,) in steps)
    assert not any("Index" in step for (step,) in steps)


def test_the_clocks_of_load_and_database_may_differ(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_waits(monkeypatch)
    monkeypatch.setattr(reading, "time_ns", lambda: time.time_ns() - HOUR_NS)
    before = time.monotonic_ns()
    scene = put(with_users(database, USERS), tmp_path, wall_offset=-HOUR_NS)
    after = time.monotonic_ns()
    scene.sql(copy_of_1("'somebody'"))
    seen = observe(scene.url, scene.run, scene.sent)
    stored = case(scene.sent, seen).effects()

    # The local clock is known to half a round trip: to a second, however busy the machine.
    assert abs(seen.clock_offset - HOUR_NS) < 10**9
    assert stored["op"].tolist() == [0, 1, 5, 7, 9]
    assert (stored["stored"] > before - 10**9).all()
    assert (stored["sent"] < after + 10**9).all()
    assert len(seen.foreign) == 1
