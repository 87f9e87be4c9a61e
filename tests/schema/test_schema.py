"""The tables of a system are made once, and what is there is never altered."""

import os
import subprocess
import uuid
from collections.abc import Iterator
from urllib.parse import quote

import psycopg2
import pytest

from harness import database, guard
from harness.errors import DatabaseError, PlanError
from harness.plan import plans
from harness.settings import Settings
from harness.stack.postgres import Postgres
from schema.migrate import migrate
from tests.support import commands
from tests.support.target_process import query

A_USER = (
    "INSERT INTO users (id, first_name, last_name, email, timezone, birthday_date, location_city, location_country) "
    "VALUES ('00000000-0000-4000-8000-000000000001', 'A', 'B', 'a@test.com', 'Asia/Tokyo', '1990-01-01', 'C', 'D')"
)
PLURALS = ("organizations", "practitioners", "patients", "authorizations", "movements")
A_MESSAGE = (
    "INSERT INTO message_logs (user_id, message_type, message_content, scheduled_send_time, idempotency_key) "
    "VALUES ('00000000-0000-4000-8000-000000000001', 'BIRTHDAY', 'text', now(), %s)"
)


def _command(database: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return commands.run("schema", *arguments, environment=os.environ | {"DATABASE_URL": database})


def test_an_empty_database_gets_the_tables_and_a_record_of_their_version(database: str) -> None:
    said = migrate("messages", database)

    assert said == "created the tables of messages, version 1: users, message_logs"
    assert query(database, "SELECT * FROM proofload_schema") == [("messages", 1)]


def test_a_second_time_changes_nothing(database: str) -> None:
    migrate("messages", database)
    query(database, A_USER)

    assert migrate("messages", database) == "the tables of messages are already there, version 1"
    assert query(database, "SELECT count(*) FROM users") == [(1,)]


def test_a_message_begins_as_scheduled_with_an_id_and_a_moment_of_its_own(database: str) -> None:
    migrate("messages", database)
    query(database, A_USER)
    query(database, A_MESSAGE, "key")

    found = query(
        database, "SELECT id IS NOT NULL, status, retry_count, created_at <= now(), sent_at FROM message_logs"
    )
    assert found == [(True, "SCHEDULED", 0, True, None)]


def test_the_database_itself_keeps_keys_unique_users_existing_and_states_known(database: str) -> None:
    migrate("messages", database)
    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        query(database, A_MESSAGE, "key")
    query(database, A_USER)
    query(database, A_MESSAGE, "key")

    with pytest.raises(psycopg2.errors.UniqueViolation):
        query(database, A_MESSAGE, "key")
    with pytest.raises(psycopg2.errors.CheckViolation):
        query(database, "UPDATE message_logs SET status = 'LOST'")


def test_another_version_is_refused_with_both_numbers_and_the_fix(database: str) -> None:
    migrate("messages", database)
    query(database, "UPDATE proofload_schema SET version = 7")

    with pytest.raises(
        DatabaseError, match=r"version 7, expected version 1\. To fix it: .*DROP TABLE users, message_logs"
    ):
        migrate("messages", database)


SOMEBODYS = 'CREATE TABLE "Person" (id uuid)'


def test_only_tables_that_we_made_are_ever_to_be_dropped(database: str) -> None:
    names = {**plans.reference("authorizations", "database"), "patients": "Person", "organizations": "Clinic"}
    query(database, "CREATE TABLE message_logs (id uuid)")
    query(database, SOMEBODYS)
    for system, named in (("messages", None), ("authorizations", names)):
        with pytest.raises(DatabaseError) as refused:
            migrate(system, database, named)
        assert "DROP" not in str(refused.value)
        assert "Proofload did not make them" in str(refused.value)
    assert "names in [database]" in str(refused.value)


def test_tables_of_other_names_are_somebody_elses_though_we_made_ours_beside_them(database: str) -> None:
    names = plans.reference("authorizations", "database")
    migrate("authorizations", database, names)
    query(database, SOMEBODYS)
    with pytest.raises(DatabaseError) as refused:
        migrate("authorizations", database, {**names, **dict.fromkeys(("patients",), "Person")})
    assert "DROP" not in str(refused.value)

    query(database, 'DROP TABLE "Person"')
    mine = {**names, **{table: table.title() for table in PLURALS}}
    assert "created the tables" in migrate("authorizations", database, mine)
    query(database, 'ALTER TABLE "Movements" DROP COLUMN units')
    with pytest.raises(
        DatabaseError, match='DROP TABLE "Organizations", "Practitioners", "Patients", "Authorizations"'
    ):
        migrate("authorizations", database, mine)
    assert "already there" in migrate("authorizations", database, names)


def test_a_table_of_ours_that_somebody_made_anew_is_theirs(database: str) -> None:
    migrate("messages", database)
    query(database, "DROP TABLE message_logs; CREATE TABLE message_logs (id uuid)")
    with pytest.raises(DatabaseError) as refused:
        migrate("messages", database)
    assert "DROP" not in str(refused.value)


def test_tables_of_ours_that_somebody_dropped_are_made_again(database: str) -> None:
    migrate("messages", database)
    query(database, "DROP TABLE message_logs, users")
    assert "created the tables" in migrate("messages", database)


def test_tables_of_before_they_were_marked_are_still_held_to_their_constraints(database: str) -> None:
    migrate("messages", database)
    query(database, "COMMENT ON TABLE users IS NULL; COMMENT ON TABLE message_logs IS NULL")
    assert "already there" in migrate("messages", database)
    query(database, "ALTER TABLE message_logs DROP CONSTRAINT message_logs_user_id_fkey")
    with pytest.raises(DatabaseError, match="foreign key") as refused:
        migrate("messages", database)
    assert "DROP" not in str(refused.value)


def test_tables_of_somebody_else_will_do_if_they_have_all_columns(database: str) -> None:
    migrate("messages", database)
    query(database, "DROP TABLE proofload_schema")
    query(database, "ALTER TABLE users ADD COLUMN shoe_size integer")

    assert "not ours" in migrate("messages", database)
    assert query(database, "SELECT to_regclass('proofload_schema')") == [(None,)]


def test_all_columns_that_somebody_else_lacks_are_named_and_nothing_is_touched(database: str) -> None:
    query(database, "CREATE TABLE users (id uuid, first_name text)")

    with pytest.raises(DatabaseError) as error:
        migrate("messages", database)
    for column in ("users.email", "users.timezone", "message_logs.id", "message_logs.idempotency_key"):
        assert column in str(error.value)
    assert "users.first_name" not in str(error.value)
    assert query(database, "SELECT to_regclass('message_logs')") == [(None,)]


@pytest.mark.parametrize(
    ("constraint", "named"),
    [
        ("message_logs_idempotency_key_key", "unique constraint on message_logs.idempotency_key"),
        ("message_logs_user_id_fkey", "foreign key on message_logs.user_id"),
    ],
)
def test_a_constraint_that_a_faulty_target_dropped_is_missed(database: str, constraint: str, named: str) -> None:
    migrate("messages", database)
    query(database, f"ALTER TABLE message_logs DROP CONSTRAINT {constraint}")

    with pytest.raises(DatabaseError, match=named):
        migrate("messages", database)


def test_an_unknown_system_is_refused_with_the_nearest_one(database: str) -> None:
    with pytest.raises(PlanError, match="did you mean 'messages'"):
        migrate("mesages", database)
    with pytest.raises(PlanError):
        migrate("migrate", database)


def test_the_command_says_what_it_did(database: str) -> None:
    done = _command(database, "messages")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "created the tables of messages, version 1: users, message_logs\n"


def test_the_command_tells_a_mistake_in_one_line_and_exits_with_2(database: str) -> None:
    done = _command(database, "mesages")

    assert (done.returncode, done.stdout) == (2, "")
    known = ", ".join(plans.systems())
    assert done.stderr == f"error: no system 'mesages': did you mean 'messages'? known: {known}\n"


def test_the_command_leaves_a_database_elsewhere_alone() -> None:
    done = _command("postgresql://u:secret@db.example.com:5432/shop", "messages")

    assert done.returncode == 2
    assert "PERF_ALLOW_DATABASES=db.example.com/shop" in done.stderr
    assert "secret" not in done.stderr


@pytest.fixture
def missing(cluster: Postgres) -> Iterator[str]:
    """The name of a database that is not there."""
    name = f"missing-{uuid.uuid4().hex[:12]}:%x"
    yield name
    cluster.drop(name)


def _url(cluster: Postgres, name: str, host: str = "127.0.0.1") -> str:
    return f"postgresql://postgres@{host}:{cluster.port}/{quote(name)}"


def test_a_database_that_is_missing_on_this_machine_is_created(cluster: Postgres, missing: str) -> None:
    url = _url(cluster, missing)
    first, second = _command(url, "messages"), _command(url, "messages")

    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.startswith("created the database postgresql://postgres@127.0.0.1:")
    assert "created the tables of messages" in first.stdout
    assert second.stdout == "the tables of messages are already there, version 1\n"


def test_a_database_that_is_missing_elsewhere_is_not_created_and_the_command_is_printed(
    cluster: Postgres, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # This machine, under a name that doesn't say so.
    url = _url(cluster, missing, "db.example.com") + "?hostaddr=127.0.0.1"
    monkeypatch.setenv("PERF_ALLOW_DATABASES", f"db.example.com/{missing}")

    done = _command(url, "messages")

    assert (done.returncode, done.stdout) == (2, "")
    assert f"`createdb -h db.example.com -p {cluster.port} -U postgres {missing}`" in done.stderr
    assert missing not in cluster.databases()
    with pytest.raises(DatabaseError, match="createdb"):
        guard.must_answer(url, Settings())


def test_a_user_who_may_not_create_databases_is_told_so(cluster: Postgres, missing: str) -> None:
    query(cluster.url("postgres"), "CREATE ROLE small LOGIN")
    try:
        done = _command(_url(cluster, missing).replace("postgres@", "small@"), "messages")
    finally:
        query(cluster.url("postgres"), "DROP ROLE small")

    assert done.returncode == 2
    assert "permission denied to create database" in done.stderr
    assert "createdb -h 127.0.0.1" in done.stderr


def test_a_server_that_is_silent_has_no_missing_database() -> None:
    assert not database.missing("postgresql://u:secret@127.0.0.1:1/shop")
    with pytest.raises(DatabaseError, match="no connection to postgresql://u:"):
        guard.must_answer("postgresql://u:secret@127.0.0.1:1/shop", Settings())
