"""Exactly the rows of the pool stand in its tables, or nothing was changed."""

import pytest

from harness import steps
from harness.errors import DatabaseError, PoolError
from seeding import copy, pool
from seeding.pool import Ours, Rows
from tests.support.target_process import query

OWNERS = Rows(Ours("owners", "id <= 1000"), ("id", "name"), 10, lambda: (f"{n}\tnumber {n}\n" for n in range(1, 11)))
THINGS = Rows(Ours("things", "id <= 1000"), ("id", "owner"), 20, lambda: (f"{n}\t{n // 2}\n" for n in range(2, 22)))


@pytest.fixture
def tables(database: str) -> str:
    query(
        database,
        "CREATE TABLE owners (id int PRIMARY KEY, name text NOT NULL);"
        "CREATE TABLE things (id int PRIMARY KEY, owner int NOT NULL REFERENCES owners)",
    )
    return database


@pytest.fixture(autouse=True, params=[pool.MANY, 1], ids=["deleted", "truncated"])
def _many(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it holds whether what was there is deleted or its tables are emptied whole."""
    monkeypatch.setattr(pool, "MANY", request.param)


def test_a_table_of_ours_is_not_read_back_and_one_with_a_trigger_is(
    tables: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    stored = copy.stored
    monkeypatch.setattr(copy, "stored", lambda cursor, query, told: read.append(query) or stored(cursor, query, told))
    for table in ("owners", "things"):
        query(tables, f"COMMENT ON TABLE {table} IS 'made by Proofload for shop'")
    query(
        tables,
        "CREATE FUNCTION same() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;"
        "CREATE TRIGGER same BEFORE INSERT ON things FOR EACH ROW EXECUTE FUNCTION same()",
    )
    first = _seed(tables)
    only = list(read)
    again = _seed(tables)

    assert len(only) == 1
    assert '"things"' in only[0]
    assert (first.digests, again.skipped) == (again.digests, True)


def test_many_rows_and_no_others_are_truncated(tables: str, request: pytest.FixtureRequest) -> None:
    _seed(tables)
    query(tables, "UPDATE owners SET name = 'another' WHERE id = 7")
    before = query(tables, "SELECT relfilenode FROM pg_class WHERE relname IN ('owners', 'things') ORDER BY 1")
    _seed(tables)
    after = query(tables, "SELECT relfilenode FROM pg_class WHERE relname IN ('owners', 'things') ORDER BY 1")

    assert (before != after) == request.node.name.endswith("[truncated]")


def test_a_table_that_another_refers_to_is_not_truncated(tables: str) -> None:
    _seed(tables)
    query(tables, "CREATE TABLE notes (owner int REFERENCES owners); UPDATE owners SET name = 'x' WHERE id = 7")

    assert not _seed(tables).skipped
    assert _seed(tables).skipped


def _seed(url: str) -> pool.Seeded:
    return pool.seed(url, "shop", [OWNERS, THINGS], [])


def test_tables_are_filled_in_the_order_of_their_references_and_found_again(tables: str) -> None:
    first, second = _seed(tables), _seed(tables)

    assert (first.skipped, second.skipped) == (False, True)
    assert first.digests == second.digests
    assert query(tables, "SELECT count(*)::int FROM owners JOIN things ON owner = owners.id") == [(20,)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE owners SET name = 'another' WHERE id = 7",
        "UPDATE things SET owner = 1 WHERE id = 21",
        "DELETE FROM things WHERE id = 21",
        "INSERT INTO owners VALUES (999, 'one too many')",
        "UPDATE owners SET id = 999 WHERE id = 10; UPDATE things SET owner = 999 WHERE owner = 10",
    ],
)
def test_whatever_was_changed_is_found_and_replaced(tables: str, change: str) -> None:
    query(tables, "ALTER TABLE things DROP CONSTRAINT things_owner_fkey")
    first = _seed(tables)
    query(tables, change)

    again = _seed(tables)

    assert not again.skipped
    assert again.digests == first.digests
    assert _seed(tables).skipped


def test_rows_that_are_not_of_the_pool_stay(tables: str) -> None:
    query(tables, "INSERT INTO owners VALUES (1001, 'theirs'); INSERT INTO things VALUES (1001, 1001)")

    _seed(tables)
    query(tables, "UPDATE owners SET name = 'another' WHERE id = 7")
    _seed(tables)

    assert query(tables, "SELECT name FROM owners JOIN things ON owner = owners.id WHERE things.id = 1001") == [
        ("theirs",)
    ]


def test_a_table_that_changes_what_is_loaded_is_refused_and_left_as_it_was(tables: str) -> None:
    query(
        tables,
        "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN NEW.name := upper(NEW.name); RETURN NEW; END $$;"
        "CREATE TRIGGER shout BEFORE INSERT ON owners FOR EACH ROW EXECUTE FUNCTION shout()",
    )

    with pytest.raises(PoolError, match=r"table owners: .* expected no trigger"):
        _seed(tables)
    assert query(tables, "SELECT count(*)::int FROM owners") == [(0,)]


def test_a_row_that_refers_to_the_pool_is_named_and_nothing_is_changed(tables: str) -> None:
    _seed(tables)
    query(tables, "INSERT INTO things VALUES (2000, 3); UPDATE owners SET name = 'another' WHERE id = 7")

    with pytest.raises(DatabaseError, match="foreign key"):
        _seed(tables)
    assert query(tables, "SELECT name FROM owners WHERE id = 7") == [("another",)]


def test_steps_tell_of_rows_rate_and_time_left(
    tables: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pool, "TELL_EVERY_S", 0.0)
    monkeypatch.setattr(copy, "PIECE", 5)

    _seed(tables)

    told = [line.removeprefix(steps.MARK) for line in capsys.readouterr().err.splitlines()]
    assert any(line.startswith("seeding owners: 5 of 10 rows · ") for line in told)
    assert any(line.startswith("seeding things: 20 of 20 rows · ") for line in told)
    assert any(line.startswith("reading things: 20 of 20 rows · ") for line in told)
