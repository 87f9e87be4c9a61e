"""What the suite left in a database goes on request; what is not its own stays, and what this refers to."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from harness.plan import reading
from harness.run import Run
from harness.stack.postgres import Postgres
from schema.migrate import migrate
from seeding import authorizations, messages
from seeding.clean import clean, counts
from systems import ids
from tests.seeding.test_messages import MESSAGE, USER
from tests.support import commands
from tests.support.plans import USERS
from tests.support.target_process import ROOT, query

RUN = "20261120T235501a1b2c3"
STRANGER = "11111111-2222-4333-8444-555555555555"
MOVEMENT = (
    "INSERT INTO unit_movements (authorization_id, kind, units, idempotency_key, practitioner_id) "
    "VALUES (%s, 'reserve', 7, %s, %s)"
)


@pytest.fixture
def seeded(database: str) -> str:
    """A database with the pool of the messages, three messages of a run, and a user with a message of theirs."""
    migrate("messages", database)
    messages.seed(database, 1)
    for n in range(1, 4):
        query(database, MESSAGE, ids.uuid_of(n), ids.key(RUN, n))
    query(database, USER, STRANGER, "stranger@test.com")
    query(database, MESSAGE, STRANGER, "a key of theirs")
    return database


def _command(database: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return commands.run(
        "harness", "clean", *arguments, environment=os.environ | {"DATABASE_URL": database} | environment
    )


def _left(database: str) -> list[tuple[object, ...]]:
    return query(database, "SELECT (SELECT count(*) FROM message_logs), (SELECT count(*) FROM users)")


def test_counts_are_shown_then_the_rows_go_and_a_second_time_there_is_nothing(seeded: str) -> None:
    first, second = _command(seeded, "messages"), _command(seeded, "messages")

    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert [line.split() for line in first.stdout.splitlines()[1:]] == [
        ["3", "rows", "in", "message_logs"],
        [f"{USERS:,}", "rows", "in", "users"],
        ["deleted", f"{USERS + 3:,}", "rows;", "the", "tables", "stay"],
    ]
    assert second.stdout.startswith("nothing to clean")
    assert query(seeded, "SELECT user_id::text, idempotency_key FROM message_logs") == [(STRANGER, "a key of theirs")]
    assert query(seeded, "SELECT id::text FROM users") == [(STRANGER,)]


def test_what_no_run_stored_stays_and_so_does_the_user_it_is_about(seeded: str) -> None:
    for key in ("mine", f"{ids.key(RUN, 1)}0", f"x{ids.key(RUN, 1)}"):
        query(seeded, MESSAGE, ids.uuid_of(7), key)

    done = _command(seeded, "messages")

    assert done.returncode == 0
    assert "1 rows in users stay: rows that are not the suite's refer to them" in done.stdout
    assert _left(seeded) == [(4, 2)]


def test_what_a_run_stored_goes_even_if_it_is_about_another(seeded: str) -> None:
    query(seeded, MESSAGE, STRANGER, ids.key(RUN, 99))

    clean(seeded, "messages", messages.ours())

    assert _left(seeded) == [(1, 1)]


def test_a_table_of_theirs_that_would_be_cascaded_into_keeps_its_rows(seeded: str) -> None:
    query(
        seeded,
        'CREATE SCHEMA theirs; CREATE TABLE theirs."Orders" ("userId" uuid REFERENCES users ON DELETE CASCADE);'
        f"INSERT INTO theirs.\"Orders\" VALUES ('{ids.uuid_of(5)}')",
    )

    done = clean(seeded, "messages", messages.ours())

    assert [(ours.table, deleted, kept) for ours, deleted, kept in done] == [
        ("message_logs", 3, 0),
        ("users", USERS - 1, 1),
    ]
    assert query(seeded, 'SELECT count(*)::int FROM theirs."Orders"') == [(1,)]


def test_authorizations_go_before_those_that_they_refer_to(database: str, tmp_path: Path) -> None:
    scenario = reading.find("mixed", "smoke")
    migrate("authorizations", database)
    authorizations.seed(database, 1, scenario, tmp_path / "test-data.json")
    for n in range(1, 4):
        query(database, MOVEMENT, ids.uuid_of(31), ids.key(RUN, n), ids.uuid_of(1))
    parts = authorizations.ours(None)
    counted = {ours.table: count for ours, count in counts(database, "authorizations", parts)}

    clean(database, "authorizations", parts)

    assert counted == {
        "unit_movements": 3,
        "authorizations": 55 + scenario.pool["spread"],
        "patients": 20,
        "practitioners": 10,
        "organizations": 3,
    }
    assert [count for _, count in counts(database, "authorizations", parts)] == [0] * 5


def test_tables_are_called_as_the_run_says(database: str, tmp_path: Path) -> None:
    plan = tmp_path / "mine.toml"
    shipped = (ROOT / "systems" / "authorizations.toml").read_text()
    changed = shipped.replace('authorizations = "authorizations"', 'authorizations = "Grants"')
    plan.write_text(f'system = "authorizations"\n{changed}')
    run = Run.create(tmp_path, reading.find("mixed", "smoke", plan), seed=1, command=[], interrupted=None)
    scenario = run.scenario
    migrate("authorizations", database, scenario.database)
    authorizations.seed(database, 1, scenario, tmp_path / "test-data.json")

    done = _command(database, "authorizations", str(run.folder))

    assert done.returncode == 0, done.stderr
    assert f"{55 + scenario.pool['spread']:,} rows in Grants" in done.stdout
    assert query(database, 'SELECT count(*)::int FROM "Grants"') == [(0,)]


def test_without_tables_or_without_movements_there_is_nothing_to_clean(database: str) -> None:
    assert _command(database, "messages").stdout.startswith("nothing to clean")
    scenario = reading.find("mixed", "smoke")
    bare = replace(scenario, database={**scenario.database, "movements": ""})
    assert "unit_movements" not in [ours.table for ours in authorizations.ours(bare)]


def test_a_database_elsewhere_is_counted_and_cleaned_only_when_it_is_said_again(seeded: str, cluster: Postgres) -> None:
    name = seeded.rsplit("/", 1)[1]
    # This machine, under a name that doesn't say so.
    elsewhere = f"postgresql://postgres@db.example.com:{cluster.port}/{name}?hostaddr=127.0.0.1"
    refused = _command(elsewhere, "messages")
    allowed = {"PERF_ALLOW_DATABASES": f"db.example.com/{name}"}
    counted = _command(elsewhere, "messages", **allowed)

    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"PERF_ALLOW_DATABASES=db.example.com/{name}" in refused.stderr
    assert counted.returncode == 2
    assert f"{USERS:,} rows in users" in counted.stdout
    assert "make clean-messages YES=1" in counted.stderr
    assert _left(seeded) == [(4, USERS + 1)]

    assert _command(elsewhere, "messages", "--yes", **allowed).returncode == 0
    assert _left(seeded) == [(1, 1)]


def test_the_embedded_database_is_not_cleaned_row_by_row() -> None:
    done = _command("", "messages")

    assert done.returncode == 2
    assert "DATABASE_URL is not set" in done.stderr
    assert "`make clean`" in done.stderr
