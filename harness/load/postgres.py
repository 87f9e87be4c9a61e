"""A connection of one user to an engine in PostgreSQL: psycopg2 that waits in gevent's loop, so that no user holds up
another. It waits through a callback, under which COPY fails: a user can't use it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import gevent.socket
import psycopg2
from psycopg2 import extensions
from psycopg2.extensions import connection as Driver
from psycopg2.extensions import cursor as Cursor

from harness import database, database_url
from harness.load.transport import NoAnswer, NotSent
from harness.outcomes import Failure

T = TypeVar("T")

LOST = ("08", "57P")
"""What an SQLSTATE begins with that tells of a lost connection, after which it is unknown what was committed."""


@dataclass(frozen=True)
class Reply:
    """What a transaction gave: a value, or the SQLSTATE by which PostgreSQL refused it and left nothing of it."""

    value: Any = None
    sqlstate: str = ""


class Engine:
    """A connection to the database at `url`, opened when first needed; a transaction may take `timeout` seconds."""

    def __init__(self, url: str, timeout: float, isolation: int | None = None) -> None:
        """`isolation`: of psycopg2.extensions; None: the database's own. DatabaseError for what is no URL."""
        self._address = database_url.parse(url)
        self._timeout, self._isolation = timeout, isolation
        self._driver: Driver | None = None

    def open(self) -> Driver:
        """Connect, unless there is an open connection; NotSent if that fails."""
        if self._driver is None or self._driver.closed:
            try:
                self._driver = database.driver(self._address, "load")
                if self._isolation is not None:
                    self._driver.set_session(isolation_level=self._isolation)
            except (psycopg2.Error, TimeoutError):
                raise NotSent(Failure.CONNECT_FAILED) from None
        return self._driver

    def transaction(self, work: Callable[[Cursor], T]) -> Reply:
        """Do `work` in a transaction of its own and commit it. NotSent without a connection; NoAnswer if it was lost,
        or took longer than it may: then it is unknown what was committed.
        """
        driver = self.open()
        until = _until[driver] = time.monotonic() + self._timeout
        try:
            with driver, driver.cursor() as cursor:
                return Reply(work(cursor))
        except psycopg2.Error as error:
            state = error.pgcode or ""
            if not state or state.startswith(LOST) or driver.closed:
                self.close()
                # What a time-out in the callback leaves is a closed connection, as a lost one is.
                late = time.monotonic() >= until
                raise NoAnswer(Failure.READ_TIMEOUT if late else Failure.RESET) from None
            return Reply(sqlstate=state)
        except BaseException:
            # Also when the user is ended meanwhile: what the connection was about to say is not for the next one.
            self.close()
            raise

    def close(self) -> None:
        """Drop the connection."""
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.close()


_until: WeakKeyDictionary[Driver, float] = WeakKeyDictionary()
"""When (s, monotonic clock) the transaction of a connection must be over."""


def wait(driver: Driver) -> None:
    """What psycopg2 is to do instead of blocking: `extensions.set_wait_callback(wait)`."""
    while (state := driver.poll()) != extensions.POLL_OK:
        ready = gevent.socket.wait_read if state == extensions.POLL_READ else gevent.socket.wait_write
        limit = _until.get(driver, time.monotonic() + database.CONNECT_TIMEOUT_S)
        ready(driver.fileno(), max(limit - time.monotonic(), 0.001), TimeoutError())
