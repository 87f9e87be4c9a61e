"""Two transactions that wait for each other."""

import contextlib
import threading

import psycopg2
from psycopg2 import errors

from tests.support.target_process import query


def deadlock(database: str) -> None:
    """Make one in `database`; PostgreSQL ends one of the two after deadlock_timeout."""
    query(database, "CREATE TABLE locked AS SELECT n FROM generate_series(1, 2) n")
    both = threading.Barrier(2)

    def lock(first: int, second: int) -> None:
        connection = psycopg2.connect(database)
        with (
            contextlib.closing(connection),
            contextlib.suppress(errors.DeadlockDetected),
            connection.cursor() as cursor,
        ):
            cursor.execute("SET deadlock_timeout = '20ms'; UPDATE locked SET n = n WHERE n = %s", (first,))
            both.wait(30)
            cursor.execute("UPDATE locked SET n = n WHERE n = %s", (second,))

    threads = [threading.Thread(target=lock, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
