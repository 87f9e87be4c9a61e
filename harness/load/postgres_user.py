"""A user of an engine in PostgreSQL: it calls statements on a connection of its own."""

import contextlib
from collections.abc import Callable
from typing import Any

from psycopg2 import extensions
from psycopg2.extensions import cursor as Cursor

from harness import database
from harness.load.postgres import Engine, Reply, wait
from harness.load.transport import NotSent
from harness.load.user import LoadUser


class PostgresUser(LoadUser):
    """Calls the engine in the database of DATABASE_URL."""

    abstract = True
    method = "SQL"
    isolation: int | None = None
    """Of psycopg2.extensions, e.g. ISOLATION_LEVEL_SERIALIZABLE; None: the database's own."""

    def connect(self, environment: Any) -> None:
        """DatabaseError if there is no DATABASE_URL."""
        extensions.set_wait_callback(wait)
        self.engine = Engine(database.from_environment(), self.timeout, self.isolation)

    def open(self) -> None:
        """Connect before the load; what fails then fails again when it is needed, and counts."""
        with contextlib.suppress(NotSent):
            self.engine.open()

    def close(self) -> None:
        """Drop the connection."""
        self.engine.close()

    def transaction(self, work: Callable[[Cursor], Any]) -> Reply:
        """Do `work` in a transaction of its own, as `Engine.transaction` does."""
        return self.engine.transaction(work)
