"""A user of an engine in PostgreSQL: it calls statements on a connection of its own, and waits in gevent's loop.

psycopg2 waits through a callback, so that no user holds up another. COPY fails under one: a user can't use it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import gevent.socket
import psycopg2
from psycopg2 import extensions
from psycopg2.extensions import connection as Driver
from psycopg2.extensions import cursor as Cursor

from harness import database
from harness.load.transport import NoAnswer, NotSent
from harness.load.user import LoadUser
from harness.outcomes import Failure

T = TypeVar("T")

LOST = ("08", "57P")
"""What an SQLSTATE begins with that tells of a lost connection, after which it is unknown what was committed."""


@dataclass(frozen=True)
class Reply:
    """What a transaction gave: a value, or the SQLSTATE by which PostgreSQL refused it and left nothing of it."""

    value: Any = None
    sqlstate: str = ""


class PostgresUser(LoadUser):
    """Calls the engine in the database of DATABASE_URL."""

    abstract = True
    method = "SQL"
    isolation: int | None = None
    """Of psycopg2.extensions, e.g. ISOLATION_LEVEL_SERIALIZABLE; None: the database's own."""

    def connect(self, environment: Any) -> None:
        """DatabaseError if there is no DATABASE_URL."""
        self._url = database.parse(database.from_environment())
        self._driver: Driver | None = None
        extensions.set_wait_callback(_wait)

    def open(self) -> None:
        """Connect before the load; what fails then fails again when it is needed, and counts."""
        try:
            self._opened()
        except NotSent:
            return

    def close(self) -> None:
        """Drop the connection."""
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.close()

    def transaction(self, work: Callable[[Cursor], T]) -> Reply:
        """Do `work` in a transaction of its own and commit it. NotSent without a connection; NoAnswer if it was lost,
        or took longer than the plan allows: then it is unknown what was committed.
        """
        driver = self._opened()
        _until[driver.fileno()] = time.monotonic() + self.timeout
        try:
            with driver, driver.cursor() as cursor:
                return Reply(work(cursor))
        except psycopg2.Error as error:
            state = error.pgcode or ""
            if not state or state.startswith(LOST) or driver.closed:
                self.close()
                raise NoAnswer(Failure.RESET) from None
            return Reply(sqlstate=state)
        except TimeoutError:
            self.close()
            raise NoAnswer(Failure.READ_TIMEOUT) from None
        except BaseException:
            # Also when the user is ended meanwhile: what the connection was about to say is not for the next one.
            self.close()
            raise

    def _opened(self) -> Driver:
        if self._driver is None or self._driver.closed:
            try:
                self._driver = psycopg2.connect(
                    self._url.set(drivername="postgresql").render_as_string(hide_password=False),
                    connect_timeout=database.CONNECT_TIMEOUT_S,
                    application_name="proofload load",
                )
                if self.isolation is not None:
                    self._driver.set_session(isolation_level=self.isolation)
            except (psycopg2.Error, TimeoutError):
                raise NotSent(Failure.CONNECT_FAILED) from None
        return self._driver


_until: dict[int, float] = {}
"""File descriptor of a connection → when (s, monotonic clock) its transaction must be over."""


def _wait(driver: Driver) -> None:
    """What psycopg2 does instead of blocking."""
    while (state := driver.poll()) != extensions.POLL_OK:
        wait = gevent.socket.wait_read if state == extensions.POLL_READ else gevent.socket.wait_write
        number = driver.fileno()
        limit = _until.get(number, time.monotonic() + database.CONNECT_TIMEOUT_S)
        wait(number, max(limit - time.monotonic(), 0.001), TimeoutError())
