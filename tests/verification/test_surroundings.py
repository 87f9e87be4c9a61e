"""X10 and SCHEMA: each setting that gives durability up, and each change of the schema, is found by name."""

from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psycopg2
import pytest

from harness import before, catalogue
from harness.run import Run
from tests.support.target_process import eventually, query
from verification import catalogue as now
from verification import durability, surroundings
from verification.before import Before
from verification.reading import reader

TABLES = """
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (
    id int PRIMARY KEY, parent int NOT NULL REFERENCES parent (id),
    state text DEFAULT 'new' CHECK (state <> ''), key text UNIQUE
);
CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER guarded BEFORE UPDATE ON child FOR EACH ROW EXECUTE FUNCTION guard();
"""
CHANGES = {
    "a check": ("ALTER TABLE child DROP CONSTRAINT child_state_check", "child_state_check"),
    "a check that is not enforced for old rows": (
        "ALTER TABLE child DROP CONSTRAINT child_state_check;"
        "ALTER TABLE child ADD CONSTRAINT child_state_check CHECK (state <> '') NOT VALID",
        "NOT VALID",
    ),
    "a foreign key": ("ALTER TABLE child DROP CONSTRAINT child_parent_fkey", "child_parent_fkey"),
    "what deletes too much": (
        "ALTER TABLE child DROP CONSTRAINT child_parent_fkey;"
        "ALTER TABLE child ADD CONSTRAINT child_parent_fkey FOREIGN KEY (parent) REFERENCES parent ON DELETE CASCADE",
        "ON DELETE CASCADE",
    ),
    "the triggers of a foreign key": ("ALTER TABLE child DISABLE TRIGGER ALL", "triggers disabled"),
    "a unique key": ("ALTER TABLE child DROP CONSTRAINT child_key_key", "child_key_key"),
    "not null": ("ALTER TABLE child ALTER parent DROP NOT NULL", "child.parent integer"),
    "a default": ("ALTER TABLE child ALTER state SET DEFAULT 'old'", "DEFAULT 'old'"),
    "a type": ("ALTER TABLE child ALTER key TYPE varchar(10)", "character varying(10)"),
    "a trigger": ("DROP TRIGGER guarded ON child", "guarded"),
    "a trigger that is disabled": ("ALTER TABLE child DISABLE TRIGGER guarded", "that is disabled"),
    "what a trigger does": (
        "CREATE OR REPLACE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "guarded",
    ),
    "a trigger more": (
        "CREATE TRIGGER more AFTER INSERT ON child FOR EACH ROW EXECUTE FUNCTION guard()",
        "more",
    ),
    "a rule": ("CREATE RULE nothing AS ON DELETE TO child DO INSTEAD NOTHING", "nothing"),
    "a table": ("DROP TABLE child", "table public.child"),
    "the log": ("ALTER TABLE child SET UNLOGGED", "UNLOGGED"),
    "row security": ("ALTER TABLE child ENABLE ROW LEVEL SECURITY", "row security"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_the_schema_is_found(name: str, database: str, tmp_path: Path) -> None:
    query(database, TABLES)
    run = Run(tmp_path, {"schema": catalogue.lines(database)})
    with reader(database) as session:
        kept = now.read(session, run)
    statements, named = CHANGES[name]
    query(database, statements)
    with reader(database) as session:
        found = now.read(session, run)

    assert kept is not None
    assert found is not None
    assert not kept.missing
    assert not kept.new
    assert named in "\n".join([*found.missing, *found.new])


@pytest.mark.parametrize(("ours", "witnesses"), [(True, 1), (False, 0)])
def test_a_change_is_a_finding_in_our_own_database_and_told_in_one_of_somebodys(ours: bool, witnesses: int) -> None:
    seen = SimpleNamespace(schema=now.Schema(["constraint a", "table b"], ["table b"]), before=Before(1, (0, 0), ours))
    found = surroundings.same(cast(Any, SimpleNamespace(seen=seen)))

    assert found.witnesses == witnesses
    assert "gone: constraint a" in found.detail


def looked(database: str, folder: Path) -> durability.Durability:
    with reader(database) as session:
        return durability.read(session, Run(folder, {"after": before.compared(database)}), ["child"])


def test_durable_settings_give_nothing_up(database: str, tmp_path: Path) -> None:
    query(database, TABLES)

    assert looked(database, tmp_path).given_up in ((), ("fsync is off",))
    assert looked(database, tmp_path).looked >= 4


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (
            "ALTER DATABASE {name} SET synchronous_commit = off",
            "every role in this database has synchronous_commit=off",
        ),
        ("ALTER ROLE {role} SET synchronous_commit = 'off'", "{role} has synchronous_commit=off"),
        ("ALTER ROLE {role} IN DATABASE {name} SET synchronous_commit = off", "{role} in this database has"),
        ("ALTER TABLE child SET UNLOGGED", "table child is UNLOGGED"),
    ],
)
def test_a_setting_that_gives_durability_up_is_named(statement: str, named: str, database: str, tmp_path: Path) -> None:
    query(database, TABLES)
    name = database.rpartition("/")[2]
    role = f"role_{name}"
    query(database, f"CREATE ROLE {role}")
    try:
        query(database, statement.format(name=name, role=role))

        assert named.format(role=role) in "; ".join(looked(database, tmp_path).given_up)
    finally:
        query(database, f"ALTER ROLE {role} IN DATABASE {name} RESET ALL; DROP ROLE {role}")


def test_what_another_role_has_set_for_itself_is_no_matter_of_the_service(database: str, tmp_path: Path) -> None:
    query(database, TABLES)
    role = f"role_{database.rpartition('/')[2]}"
    query(database, f"CREATE ROLE {role}; ALTER ROLE {role} SET synchronous_commit = off")
    try:
        with reader(database) as session:
            found = [
                durability.read(session, Run(tmp_path, {"after": {"roles": roles}}), ["child"]).given_up
                for roles in (["service"], ["service", role])
            ]
    finally:
        query(database, f"DROP ROLE {role}")

    assert role not in "; ".join(found[0])
    assert role in "; ".join(found[1])


def test_a_session_that_never_waits_for_the_disk_is_named(database: str, tmp_path: Path) -> None:
    query(database, TABLES)
    with closing(psycopg2.connect(database, application_name="hasty")) as session:
        session.autocommit = True
        cursor = session.cursor()
        cursor.execute("SET synchronous_commit = off")
        for n in range(durability.SURE_RECORDS):
            cursor.execute("INSERT INTO parent VALUES (%s)", (n,))
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT 1")

        eventually(lambda: any("hasty wrote" in line for line in looked(database, tmp_path).given_up))
