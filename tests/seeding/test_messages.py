"""The same seed makes the same pool, and a run begins without the messages of an earlier one."""

import json
import os
import subprocess
import sys
from typing import Any

import psycopg2
import pytest

from harness.errors import DatabaseError, PoolError
from harness.plan.plans import reference
from schema.migrate import migrate
from seeding.messages import check, rows, seed
from systems import ids
from systems.messages import TIMEZONES, pool_digest_sql
from tests.support import commands
from tests.support.plans import STRANGERS, USERS
from tests.support.target_process import ROOT, query

MESSAGE = (
    "INSERT INTO message_logs (user_id, message_type, message_content, scheduled_send_time, idempotency_key) "
    "VALUES (%s, 'BIRTHDAY', 'text', now(), %s)"
)
USER = (
    "INSERT INTO users (id, first_name, last_name, email, timezone, birthday_date, location_city, location_country) "
    "VALUES (%s, 'Some', 'Body', %s, 'Asia/Tokyo', '1990-01-01', 'Ueno', 'JP')"
)


@pytest.fixture
def seeded(database: str) -> str:
    migrate("messages", database)
    seed(database, 1)
    return database


def _digest(database: str) -> Any:
    return query(database, pool_digest_sql(reference("messages", "database")))[0][0]


def _command(database: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return commands.run("seeding", *arguments, environment=os.environ | {"DATABASE_URL": database, "PERF_SEED": "1"})


def test_the_pool_is_ten_thousand_users_numbered_from_one(seeded: str) -> None:
    found = query(seeded, "SELECT id::text, first_name, last_name, email FROM users ORDER BY id")

    assert found == [(ids.uuid_of(n), "PerfUser", str(n), f"perf.user.{n}@test.com") for n in range(1, USERS + 1)]


def test_every_column_is_as_the_contract_has_it(seeded: str) -> None:
    zones = dict(query(seeded, "SELECT timezone, count(*) FROM users GROUP BY 1"))
    assert set(zones) == set(TIMEZONES)
    assert max(zones.values()) - min(zones.values()) <= 1
    ranges = (
        "SELECT min(extract(year FROM birthday_date)), max(extract(year FROM birthday_date)), "
        "min(extract(year FROM anniversary_date)), max(extract(year FROM anniversary_date)), count(anniversary_date), "
        "count(DISTINCT created_at), min(length(location_city)) > 0, min(length(location_country)) > 0 FROM users"
    )
    assert query(seeded, ranges) == [(1980, 2005, 2010, 2023, USERS // 2, 1, True, True)]


def test_the_same_seed_makes_the_same_pool_and_another_seed_another() -> None:
    assert list(rows(1, 100)) == list(rows(1, 100))
    assert list(rows(1, 100)) != list(rows(2, 100))


def test_the_digest_is_that_of_the_lines_that_were_loaded(seeded: str) -> None:
    again = seed(seeded, 1)

    assert again["skipped"] is True
    assert again["digest"] == _digest(seeded)


def test_the_digest_is_the_same_whatever_the_session_shows_dates_as(seeded: str) -> None:
    expected = _digest(seeded)
    query(
        seeded,
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = ''Asia/Tokyo''', current_database()); "
        "EXECUTE format('ALTER DATABASE %I SET datestyle = ''German''', current_database()); END $$",
    )

    assert query(seeded, "SHOW timezone") == [("Asia/Tokyo",)]
    assert _digest(seeded) == expected


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE users SET first_name = 'Renamed' WHERE last_name = '77'",
        "UPDATE users SET anniversary_date = NULL WHERE last_name = '77'",
        "DELETE FROM users WHERE last_name = '10000'",
    ],
)
def test_a_changed_pool_is_seen_and_made_anew(seeded: str, change: str) -> None:
    before = _digest(seeded)
    query(seeded, change)
    assert _digest(seeded) != before

    facts = seed(seeded, 1)

    assert (facts["skipped"], facts["users"], facts["digest"]) == (False, USERS, before)
    assert _digest(seeded) == before


def test_another_seed_replaces_the_pool(seeded: str) -> None:
    before = _digest(seeded)

    assert seed(seeded, 2)["skipped"] is False
    assert _digest(seeded) != before
    check(seeded)


def test_messages_of_earlier_runs_go_even_if_the_pool_stays(seeded: str) -> None:
    for n in range(3):
        query(seeded, MESSAGE, ids.uuid_of(n + 1), f"key-{n}")

    facts = seed(seeded, 1)

    assert (facts["skipped"], facts["cleaned"]) == (True, 3)
    assert query(seeded, "SELECT count(*) FROM message_logs") == [(0,)]


def test_strangers_that_came_to_exist_are_removed_with_their_messages(seeded: str) -> None:
    stranger = ids.uuid_of(USERS + STRANGERS)
    query(seeded, USER, stranger, "stranger@test.com")
    query(seeded, MESSAGE, stranger, "key")
    with pytest.raises(PoolError, match="10,001"):
        check(seeded)

    assert seed(seeded, 1)["cleaned"] == 1
    check(seeded)


def test_users_who_are_not_of_the_pool_keep_all_they_have(seeded: str) -> None:
    somebody = "11111111-2222-4333-8444-555555555555"
    query(seeded, USER, somebody, "somebody@test.com")
    query(seeded, MESSAGE, somebody, "key")

    seed(seeded, 2)

    assert query(seeded, "SELECT user_id::text FROM message_logs") == [(somebody,)]
    check(seeded)


def test_a_pool_that_can_not_be_loaded_leaves_everything_as_it_was(seeded: str) -> None:
    before = _digest(seeded)
    query(seeded, MESSAGE, ids.uuid_of(1), "key")
    query(seeded, "ALTER TABLE users ADD CONSTRAINT early CHECK (created_at < '2000-01-01') NOT VALID")

    with pytest.raises(DatabaseError, match="early"):
        seed(seeded, 2)
    assert _digest(seeded) == before
    assert query(seeded, "SELECT count(*) FROM message_logs") == [(1,)]


def test_without_tables_the_command_that_makes_them_is_named(database: str) -> None:
    with pytest.raises(DatabaseError, match="`python -m schema messages` fixes it"):
        seed(database, 1)
    with pytest.raises(DatabaseError, match="`python -m schema messages` fixes it"):
        check(database)


def test_an_empty_pool_is_missed_with_the_command_that_fills_it(database: str) -> None:
    migrate("messages", database)

    with pytest.raises(PoolError, match=r"0 users, expected 10,000: `make seed-messages`"):
        check(database)


def test_seeding_waits_for_another_seeding(seeded: str) -> None:
    other = psycopg2.connect(seeded)
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('proofload_seeding'))")
        query(
            seeded, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET lock_timeout = 200', current_database()); END $$"
        )
        with pytest.raises(DatabaseError, match="lock timeout"):
            seed(seeded, 1)
    finally:
        other.close()


def test_the_command_says_what_it_did_and_the_facts_as_json(database: str) -> None:
    migrate("messages", database)
    first = _command(database, "messages", "--json")
    second = _command(database, "messages", "--json")

    assert first.stdout.startswith("seeded 10,000 users in ")
    assert second.stdout.startswith("the same pool of 10,000 users is already there")
    facts = [json.loads(done.stdout.splitlines()[-1]) for done in (first, second)]
    assert [fact["skipped"] for fact in facts] == [False, True]
    assert facts[0]["digest"] == facts[1]["digest"] == _digest(database)
    assert facts[0].keys() == {"users", "digest", "skipped", "cleaned", "seconds"}


def test_the_command_can_only_look(database: str) -> None:
    migrate("messages", database)
    missing = _command(database, "messages", "--check")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "make seed-messages" in missing.stderr

    seed(database, 1)
    assert _command(database, "messages", "--check").returncode == 0


def test_the_command_refuses_an_unknown_system_and_a_database_elsewhere(database: str) -> None:
    assert "did you mean 'messages'?" in _command(database, "mesages").stderr
    elsewhere = _command("postgresql://u:secret@db.example.com/shop", "messages")
    assert elsewhere.returncode == 2
    assert "PERF_ALLOW_DATABASES=db.example.com/shop" in elsewhere.stderr
    assert "secret" not in elsewhere.stderr


def test_seeding_never_imports_gevent() -> None:
    program = "import sys, seeding.__main__, seeding.messages; sys.exit('gevent' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
