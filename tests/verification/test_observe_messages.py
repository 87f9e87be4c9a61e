"""What stands in a real database is seen as it stands: each damage done to it by hand is found by its check."""

import copy
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import pandas as pd
import psycopg2
import pytest

from harness import check, effects
from harness.check import Finding
from harness.errors import DatabaseError, JournalError
from harness.journal import PARTNER, Journal, read_all
from harness.monitor import LOOKS
from harness.outcomes import Failure, Outcome
from harness.plan.reading import reference
from harness.quantities import seconds
from harness.run import FORMAT, Run
from harness.verdict import CheckState
from systems import ids, messages
from systems.effect import Effect
from systems.messages import pool_digest_sql
from tests.support.message_body import body
from tests.support.plans import varied
from tests.support.surroundings import changed_schema, recorded
from tests.support.target_process import ROOT, query, with_users
from tests.support.waits import skip_waits
from verification import quiescence, reading
from verification.__main__ import verify
from verification.ledger import Ledger, ledger
from verification.messages import case, judge, observe, source
from verification.reading import reader
from verification.rows import own

ID = "20261120T235501a1b2c3"
NAMES = reference("messages", "database")
SOURCE = source(NAMES)
HOUR_NS = 3_600 * 10**9
USERS = 500
POOL = {"users": USERS, "strangers": 100}
KEY = {number: ids.key(ID, number) for number in range(10)}

STORE = """
INSERT INTO message_logs (id, user_id, message_type, scheduled_send_time, message_content, idempotency_key, status,
    created_at, sent_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, clock_timestamp(), CASE %s WHEN 'SENT' THEN clock_timestamp() END)
"""
COPY_OF_1 = """
INSERT INTO message_logs (user_id, message_type, scheduled_send_time, message_content, idempotency_key, status,
    created_at, sent_at)
SELECT user_id, message_type, scheduled_send_time, message_content, {key}, status, created_at, sent_at
FROM message_logs WHERE idempotency_key = '{first}'
"""
NO_INDEX = "ALTER TABLE message_logs DROP CONSTRAINT message_logs_idempotency_key_key;"
NO_FOREIGN_KEY = "ALTER TABLE message_logs DROP CONSTRAINT message_logs_user_id_fkey;"
ORPHAN = """
INSERT INTO message_logs (user_id, message_type, message_content, scheduled_send_time, idempotency_key)
VALUES (gen_random_uuid(), 'BIRTHDAY', 'to nobody', now(), 'an earlier one');
"""


def copy_of_1(key: str) -> str:
    return COPY_OF_1.format(key=key, first=KEY[1])


def change(number: int, what: str) -> str:
    return f"UPDATE message_logs SET {what} WHERE idempotency_key = '{KEY[number]}';"


@dataclass
class Scene:
    """A run whose load is over, and its database."""

    url: str
    run: Run

    def sql(self, statements: str) -> None:
        query(self.url, statements)

    @property
    def sent(self) -> Ledger:
        return ledger(self.run.id, read_all(self.run.folder), self.run.clock, self.run.scenario)

    def judge(self) -> dict[str, Finding]:
        seen = observe(self.url, self.run, self.sent)
        return {finding.id: finding for finding in judge(case(self.sent, seen))}

    def violated(self) -> set[str]:
        return {id_ for id_, finding in self.judge().items() if finding.state == CheckState.VIOLATED}


@pytest.fixture
def scene(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A clean run: every kind of operation once or twice, and the database as a clean target leaves it."""
    skip_waits(monkeypatch)
    return put(with_users(database, USERS), tmp_path)


def put(url: str, folder: Path, wall_offset: int = 0) -> Scene:
    (digest,) = query(url, pool_digest_sql(NAMES))[0]
    plan = varied("sustained", "smoke", {"drain": "200ms", "timeout": "100ms"}, pool=POOL).as_json()
    run = Run(folder, {})
    clock = {"wall_ns": time.time_ns() + wall_offset, "mono_ns": time.monotonic_ns()}
    run.record(format=FORMAT, run=ID, plan=plan, profile="smoke", seeding={"digest": digest}, clock=clock)
    run.record(**recorded(url))
    header = {"run": ID, "worker": 0, "kinds": list(messages.MIX), "mono_ns": clock["mono_ns"]}
    with Journal(folder / "journal-0.bin", header) as journal:
        for number, (kind, outcome, user, key_of) in enumerate(
            [
                ("process", Outcome.ACK, 1, None),
                ("process", Outcome.ACK, 2, None),
                ("repeat", Outcome.REPLAY, 1, 0),
                ("conflict", Outcome.REJECT, 2, 1),
                ("stranger", Outcome.REJECT, USERS + 1, None),
                ("race", Outcome.ACK, 5, None),
                ("race", Outcome.REPLAY, 5, 5),
                ("process", Outcome.UNKNOWN, 6, None),
                ("process", Outcome.UNKNOWN, 7, None),
                ("later", Outcome.ACK, 8, None),
            ]
        ):
            started, code = time.monotonic_ns(), list(messages.MIX).index(kind)
            partner = PARTNER if kind == "race" and key_of is not None else 0
            assert journal.begin(code, started, started, 1, 0, user, key_of, partner) == number
            key, stored = number if key_of is None else key_of, ids.uuid_of(500_000 + number)
            if key_of is None and (outcome is Outcome.ACK or number == 7):
                later = kind == "later"
                status = messages.SCHEDULED if later else messages.SENT
                request = body(ID, number, user, number, later=later)
                query(url, STORE, stored, *request.values(), status, status)
            answer = ids.digest(ids.uuid_of(500_000 + key)) if outcome in (Outcome.ACK, Outcome.REPLAY) else 0
            # Long enough for the halves of the race to overlap.
            journal.end(number, outcome, 0, Failure.NONE, answer, started + 60 * 10**9)
    return Scene(url, run)


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


def test_a_session_that_reads_cannot_write(scene: Scene) -> None:
    with reader(scene.url) as session, pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
        session.rows("DELETE FROM message_logs")


def test_it_waits_until_all_is_delivered(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.sql(change(1, "status = 'SCHEDULED', sent_at = NULL"))
    skip_waits(monkeypatch, lambda: scene.sql(change(1, "status = 'SENT', sent_at = clock_timestamp()")), lambda: None)
    seen = observe(scene.url, with_drain(scene, "1h"), scene.sent)

    assert seen.drained_seconds is not None
    assert seen.disturbance == ""
    assert {finding.state for finding in judge(case(scene.sent, seen))} == {CheckState.HOLDS}


def with_drain(scene: Scene, drain: str) -> Run:
    """The run of `scene` with so much time to drain: an hour, where a test must not depend on how fast it is."""
    facts = copy.deepcopy(scene.run.facts)
    facts["plan"]["drain_seconds"] = seconds(drain)
    return Run(scene.run.folder, facts)


def test_what_is_never_delivered_is_waited_for_only_so_long(scene: Scene) -> None:
    scene.sql(change(1, "status = 'SCHEDULED', sent_at = NULL"))
    seen = observe(scene.url, scene.run, scene.sent)

    assert seen.drained_seconds is None
    assert seen.disturbance == ""


def test_a_message_that_is_sent_again_during_the_drain_went_back(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_waits(monkeypatch, lambda: scene.sql(change(1, "sent_at = clock_timestamp()")), lambda: None)

    assert scene.violated() == {"MP3"}


def test_who_has_written_and_not_ended_leaves_it_undecided(scene: Scene) -> None:
    with writing(scene):
        found = scene.judge()

    assert {finding.state for finding in found.values()} == {CheckState.UNDECIDED}
    assert "the writer (pid " in found["X1"].detail
    assert {finding.state for finding in scene.judge().values()} == {CheckState.HOLDS}


def test_who_has_written_is_no_excuse_for_what_is_lost(scene: Scene) -> None:
    scene.sql(f"DELETE FROM message_logs WHERE idempotency_key = '{KEY[1]}'")
    with writing(scene):
        assert scene.violated() == {"X1"}


@contextmanager
def writing(scene: Scene) -> Iterator[None]:
    """Somebody who has written and neither committed nor gone."""
    connection = psycopg2.connect(scene.url, application_name="the writer")
    try:
        with connection.cursor() as cursor:
            cursor.execute(copy_of_1("'somebody'"))
            yield
    finally:
        connection.close()


def test_who_only_reads_disturbs_nobody(scene: Scene) -> None:
    connection = psycopg2.connect(scene.url)
    try:
        connection.cursor().execute("SELECT * FROM message_logs")

        assert {finding.state for finding in scene.judge().values()} == {CheckState.HOLDS}
    finally:
        connection.close()


def test_a_database_that_goes_on_changing_leaves_it_undecided(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.sql(NO_FOREIGN_KEY)
    skip_waits(monkeypatch, lambda: scene.sql("UPDATE users SET location_city = location_city"))
    found = scene.judge()

    assert found["X1"].state == CheckState.UNDECIDED
    assert "message_logs or users changed within" in found["X1"].detail
    assert found["MP2F"].state == CheckState.VIOLATED


def test_a_database_that_comes_to_rest_is_waited_for(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_waits(monkeypatch, lambda: scene.sql("UPDATE users SET location_city = location_city"), lambda: None)
    seen = observe(scene.url, with_drain(scene, "1h"), scene.sent)

    assert seen.disturbance == ""


@pytest.mark.parametrize(("now", "wait"), [(1, 5.0), (11, 4.0), (14, 1.0), (15, 0.0), (16, 0.0)])
@pytest.mark.parametrize("status", [0, 502, 504])
def test_a_late_commit_is_waited_for_as_long_as_its_request_could_last(
    monkeypatch: pytest.MonkeyPatch, status: int, now: int, wait: float
) -> None:
    monkeypatch.setattr(quiescence, "time_ns", lambda: now * 10**9)
    unanswered, answered = (Outcome.UNKNOWN, status, 10), (Outcome.ACK, 201, 99)

    assert quiescence.late(ledger_of(unanswered, answered), 5.0) == wait


def test_nothing_is_waited_for_if_the_target_has_answered_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiescence, "time_ns", lambda: 0)

    assert quiescence.late(ledger_of((Outcome.ACK, 201, 1), (Outcome.UNKNOWN, 500, 1)), 5.0) == 0.0


Effects = Mapping[str, Mapping[str, Effect]]


def ledger_of(*ops: tuple[Outcome, int, int], effects: Effects = MappingProxyType({})) -> Ledger:
    """Operations of outcome, status and second of start, a second each, by a plan whose kinds have `effects`."""
    lines = [
        {"outcome": int(outcome), "status": status, "start": s * 10**9, "end": (s + 1) * 10**9, "doubt": 0}
        for outcome, status, s in ops
    ]
    plan = replace(varied("sustained"), effects=effects, drain_seconds=20.0)
    return Ledger("r", pd.DataFrame(lines), 0, 0, plan)


@pytest.mark.parametrize(
    ("within", "now", "wait"),
    [(0.0, 5, 0.0), (10.0, 5, 6.0), (10.0, 1, 10.0), (10.0, 11, 0.0), (10.0, 99, 0.0), (30.0, 1, 20.0)],
    ids=["at once", "soon", "just now", "over", "long over", "not longer than the drain"],
)
def test_effects_that_come_later_are_waited_for(
    monkeypatch: pytest.MonkeyPatch, within: float, now: int, wait: float
) -> None:
    """The last operation ended at second 1."""
    monkeypatch.setattr(quiescence, "time_ns", lambda: now * 10**9)
    effects = {"process": {"ACK": Effect(within=1.0), "REJECT": Effect(within=within)}, "repeat": {}}
    if not within:
        effects = {"process": {"ACK": Effect()}}

    assert quiescence.due(ledger_of((Outcome.ACK, 201, 0), effects=effects)) == wait


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


def test_a_database_that_was_cleaned_for_a_later_run_is_not_judged(scene: Scene) -> None:
    later = ids.key("20991231T000000abcdef", 1)
    scene.sql(copy_of_1(f"'{later}'"))
    assert scene.judge()["X1"].state == CheckState.HOLDS
    scene.sql(f"DELETE FROM message_logs WHERE idempotency_key LIKE '{ID}-%'")

    with pytest.raises(DatabaseError, match=f"nothing of run {ID}, but rows of run 20991231"):
        observe(scene.url, scene.run, scene.sent)


def test_rows_of_an_earlier_run_are_no_sign_that_it_was_cleaned(scene: Scene) -> None:
    earlier = ids.key("20001231T000000abcdef", 1)
    scene.sql(
        copy_of_1(f"'{earlier}'") + f";UPDATE message_logs SET created_at = '2001-01-01' WHERE idempotency_key = "
        f"'{earlier}'; DELETE FROM message_logs WHERE idempotency_key LIKE '{ID}-%'"
    )

    assert scene.violated() == {"X1", "X2"}


def command(scene: Scene, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "verification", str(scene.run.folder)],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_tells_each_check_and_leaves_what_it_found_in_the_folder(scene: Scene) -> None:
    scene.sql(f"DELETE FROM message_logs WHERE idempotency_key = '{KEY[1]}'")
    said = command(scene, scene.url)

    assert (said.returncode, said.stderr) == (0, "")
    first, second, *_ = said.stdout.splitlines()
    assert first.startswith(
        "VIOLATED   X1    every acknowledged message is stored: 1 of 4 compared; 1 were acknowledged"
    )
    assert second == "HOLDS      X2    every stored message was sent: 4 compared"
    written = scene.run.read(check.FILE)
    assert list(written) == [
        "schema",
        "run",
        "system",
        "judged",
        "checks",
        "outcomes",
        "resolved",
        "observation",
        "weakened",
        "seconds",
    ]
    assert (written["schema"], written["run"], written["system"]) == (check.SCHEMA, ID, "messages")
    assert check.finding(written["checks"][0]).state == CheckState.VIOLATED
    assert written["outcomes"]["race"] == {"ACK": 1, "REPLAY": 1}
    assert written["outcomes"]["process"] == {"ACK": 2, "UNKNOWN": 2}
    assert written["resolved"] == {"unknown": 2, "committed": 1, "absent": 1, "share": 2 / 10}
    assert written["observation"]["quiescent"] is True
    assert written["weakened"] == []
    assert written["observation"]["rows"] == 4
    assert set(reading.SETTINGS) == set(written["observation"]["settings"])
    stored = effects.read(scene.run.folder, messages.POINTS)
    assert stored is not None
    assert stored["op"].tolist() == [0, 5, 7, 9]


def test_a_database_that_fails_is_told_for_each_check(scene: Scene) -> None:
    assert verify(scene.run, scene.url)
    scene.sql("DROP TABLE message_logs")
    said = command(scene, scene.url)

    assert said.returncode == 0
    written = json.loads((scene.run.folder / check.FILE).read_text())
    findings = [check.finding(one) for one in written["checks"]]
    assert {(finding.state, finding.crashed) for finding in findings} == {(CheckState.UNDECIDED, True)}
    assert 'relation "message_logs" does not exist' in findings[0].detail
    assert written["observation"] is None
    assert effects.read(scene.run.folder, messages.POINTS) is None


def test_a_database_that_cannot_be_reached_is_an_error_of_usage(scene: Scene) -> None:
    said = command(scene, "postgresql://nobody@127.0.0.1:1/nothing")

    assert said.returncode == 2
    assert said.stderr.startswith("error: no connection to postgresql://nobody@127.0.0.1:1/nothing")
    assert not (scene.run.folder / check.FILE).exists()


def test_journals_of_another_run_are_refused(scene: Scene) -> None:
    scene.run.record(run="20261120T235501ffffff")

    with pytest.raises(JournalError, match="expected run 20261120T235501ffffff"):
        verify(scene.run, scene.url)


def test_looks_of_the_monitor_are_judged(scene: Scene) -> None:
    after = max(int(one.records["end"].max()) for one in read_all(scene.run.folder)) + 1
    where = {"table": SOURCE.table, "key": SOURCE.key}
    look = {"at": after, "asked": ["0.0", "1.0"], "missing": ["1.0"]}
    (scene.run.folder / LOOKS).write_text(f"{json.dumps(where)}\n{json.dumps(look)}\n")
    found = scene.judge()["X9"]

    assert (found.state, found.witnesses, found.first["key"]) == (CheckState.VIOLATED, 1, KEY[1])


def test_what_somebodys_database_lacks_of_the_stated_schema_is_a_weakness(scene: Scene) -> None:
    scene.sql(NO_INDEX)
    scene.run.record(**recorded(scene.url, ours=False))
    verify(scene.run, scene.url)
    judged = scene.run.read(check.FILE)

    assert "Table message_logs has no unique key on idempotency_key" in judged["weakened"][0]
    assert {one["id"]: one["state"] for one in judged["checks"]}["SCHEMA"] == "HOLDS"
