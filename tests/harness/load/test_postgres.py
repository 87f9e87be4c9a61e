"""A user of an engine in PostgreSQL: what was committed is known or it is unknown, and no user holds up another."""

from collections.abc import Callable, Iterator

import gevent
import pytest
from psycopg2 import extensions
from psycopg2.extensions import cursor as Cursor

from harness.load.postgres import Engine, Reply, wait
from harness.load.transport import NoAnswer, NotSent
from harness.outcomes import Failure
from tests.support.target_process import query


@pytest.fixture
def engine(database: str) -> Iterator[str]:
    """A database with a table, and psycopg2 waiting in gevent's loop as it does in a load process."""
    query(database, "CREATE TABLE things (n int PRIMARY KEY)")
    extensions.set_wait_callback(wait)
    yield database
    extensions.set_wait_callback(None)


def insert(n: int) -> Callable[[Cursor], int]:
    def work(cursor: Cursor) -> int:
        cursor.execute("INSERT INTO things VALUES (%s)", (n,))
        return n

    return work


def stored(url: str) -> list[int]:
    return [n for (n,) in query(url, "SELECT n FROM things ORDER BY 1")]


def test_a_transaction_is_committed_and_gives_its_value(engine: str) -> None:
    one = Engine(engine, 30)

    assert one.transaction(insert(1)) == Reply(1)
    one.close()
    assert stored(engine) == [1]


def test_a_refusal_of_postgresql_is_a_reply_and_leaves_nothing(engine: str) -> None:
    one = Engine(engine, 30)
    one.transaction(insert(1))

    def both(cursor: Cursor) -> None:
        cursor.execute("INSERT INTO things VALUES (2)")
        cursor.execute("INSERT INTO things VALUES (1)")

    assert one.transaction(both) == Reply(sqlstate="23505")
    assert one.transaction(insert(3)) == Reply(3)
    one.close()
    assert stored(engine) == [1, 3]


def test_a_connection_that_is_lost_leaves_the_outcome_unknown(engine: str) -> None:
    one = Engine(engine, 30)

    def killed(cursor: Cursor) -> None:
        cursor.execute("INSERT INTO things VALUES (5)")
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(NoAnswer) as caught:
        one.transaction(killed)
    assert caught.value.failure is Failure.RESET
    assert one.transaction(insert(6)) == Reply(6)
    one.close()


def test_what_takes_longer_than_the_plan_allows_has_no_answer(engine: str) -> None:
    one = Engine(engine, 0.2)

    with pytest.raises(NoAnswer) as caught:
        one.transaction(lambda cursor: cursor.execute("SELECT pg_sleep(60)"))
    assert caught.value.failure is Failure.READ_TIMEOUT


def test_without_a_server_nothing_was_sent(engine: str) -> None:
    one = Engine("postgresql://nobody@127.0.0.1:1/none", 30)

    with pytest.raises(NotSent) as caught:
        one.transaction(insert(1))
    assert caught.value.failure is Failure.CONNECT_FAILED


def test_users_wait_beside_each_other(engine: str) -> None:
    slow = [
        gevent.spawn(Engine(engine, 30).transaction, lambda cursor: cursor.execute("SELECT pg_sleep(1)")) for _ in "abc"
    ]
    turns = 0
    while not all(one.ready() for one in slow):
        gevent.sleep(0.01)
        turns += 1

    assert [one.get() for one in slow] == [Reply(None)] * 3
    assert turns > 5  # the loop went on meanwhile
