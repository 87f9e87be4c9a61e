"""Look-ups are found among the statements of a target, and how each of them is done is judged."""

import re
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest

from harness.stack.postgres import Postgres
from verification import plans
from verification.plans import LookUp, Plan
from verification.reading import reader

TABLE = """
CREATE EXTENSION pg_stat_statements;
CREATE TABLE things (id int PRIMARY KEY, code text, kind text, size int, owner text);
INSERT INTO things SELECT n, 'c' || n, 'k' || n % 3, n, 'o' || n % 500 FROM generate_series(1, 5000) AS n;
CREATE INDEX things_code ON things (code) INCLUDE (size);
CREATE INDEX things_owner ON things (owner);
VACUUM ANALYZE things;
"""
BY_CODE = LookUp("things", ("code",), index_only=True)
BY_OWNER = LookUp("things", ("owner", "kind"))


@pytest.fixture(scope="module")
def things(cluster: Postgres) -> Iterator[str]:
    url = cluster.create("plans")
    with closing(psycopg2.connect(url)) as driver:
        driver.autocommit = True
        for statement in TABLE.split(";")[:-1]:
            with driver.cursor() as cursor:
                cursor.execute(statement)
    yield url
    cluster.drop("plans")


def explained(url: str, statement: str, *look_ups: LookUp) -> tuple[Plan, ...]:
    """The plans of a statement that was sent, found as those of a target."""
    with closing(psycopg2.connect(url)) as driver, driver, driver.cursor() as cursor:
        cursor.execute("SELECT pg_stat_statements_reset()")
        # It is kept with its constants as parameters.
        cursor.execute(re.sub(r"\$\d", "'c7'", statement))
    with reader(url) as session:
        return plans.read(session, look_ups)


@pytest.mark.parametrize(
    ("statement", "look_up", "wrong"),
    [
        ("SELECT size FROM things WHERE code = $1", BY_CODE, ""),
        ("SELECT size, kind FROM things WHERE code = $1", BY_CODE, "expected an Index Only Scan"),
        ("SELECT size FROM things WHERE code LIKE $1", BY_CODE, "no condition on code|expected an index"),
        ("SELECT size FROM things WHERE code = $1 AND kind = $2", BY_CODE, "filtered|Index Only"),
        ("SELECT size FROM things WHERE owner = $1 AND kind = $2", BY_OWNER, "no condition on kind"),
        (
            "SELECT size FROM things WHERE kind = $1 AND owner || '' = $2",
            LookUp("things", ("kind",)),
            "expected an index",
        ),
    ],
)
def test_a_look_up_is_by_an_index_on_all_it_asks_for(things: str, statement: str, look_up: LookUp, wrong: str) -> None:
    (plan,) = explained(things, statement, look_up)
    found = plans.by_index([plan])

    assert (found.compared, found.witnesses) == (1, int(bool(wrong)))
    assert plan.calls == 1
    if wrong:
        assert re.search(wrong, found.detail)
        assert found.first["query"] == plan.query
        assert found.sql.startswith("EXPLAIN (GENERIC_PLAN) SELECT")


@pytest.mark.parametrize(
    "statement",
    ["SELECT size FROM things WHERE id = $1", "SELECT count(*) FROM things", "SELECT 'code = ' || $1"],
)
def test_what_looks_nothing_up_is_no_look_up(things: str, statement: str) -> None:
    statement = statement.replace("id = $1", "id::text = $1")
    assert explained(things, statement, BY_CODE) == ()


def test_without_statements_there_is_nothing_to_compare(database: str) -> None:
    with reader(database) as session:
        assert plans.read(session, [BY_CODE]) == ()
    assert plans.by_index(()).compared == 0


def test_a_statement_that_can_not_be_explained_is_told() -> None:
    found = plans.by_index([Plan(BY_CODE, "SELECT 1", 1, why="no such column")])

    assert (found.compared, found.witnesses, found.detail) == (0, 0, "1 could not be explained: no such column")
