"""The sizes of tables and indexes are those of the server, and the question never waits for a lock."""

import psycopg2
import pytest

from harness.monitor import sizes
from harness.monitor.sizes import Sizes


def test_sizes_are_those_of_the_users_tables_and_nothing_while_one_is_locked(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "SHARE", float("inf"))
    with psycopg2.connect(database) as writing, psycopg2.connect(database) as asking:
        asking.autocommit = True
        with writing.cursor() as cursor, asking.cursor() as asked:
            before = Sizes().sample(asked)
            cursor.execute("CREATE TABLE grown AS SELECT n, repeat(md5(n::text), 200) t FROM generate_series(1, 500) n")
            cursor.execute("CREATE INDEX ON grown (n)")
            writing.commit()
            cursor.execute("SELECT pg_table_size('grown') - pg_relation_size('grown', 'fsm'), pg_indexes_size('grown')")
            ((table, index),) = cursor.fetchall()
            after = Sizes().sample(asked)
            cursor.execute("LOCK TABLE grown")
            locked = Sizes().sample(asked)

    assert after["db.index_bytes"] - before["db.index_bytes"] >= index > 0
    assert after["db.table_bytes"] - before["db.table_bytes"] == pytest.approx(table, rel=0.2)
    assert locked == {}


def test_the_question_is_not_asked_again_at_once(database: str) -> None:
    with psycopg2.connect(database) as connection, connection.cursor() as cursor:
        size = Sizes()
        assert size.sample(cursor)
        assert not size.sample(cursor)
