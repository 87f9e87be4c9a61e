"""The database that a run reads and writes: connecting to it, and what of it may be shown.

Its URL (harness/database_url.py) travels between processes in DATABASE_URL only: never on a command line or in a file.
"""

import os
import shlex

import psycopg2
from psycopg2.extensions import connection as Driver
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from harness import ambient
from harness.database_url import FORM, Address, parse
from harness.errors import DatabaseError

CONNECT_TIMEOUT_S = 5
MAINTENANCE = "postgres"
"""The database that is on every server, to connect to when it is not about one of them."""


def from_environment() -> str:
    """The URL in DATABASE_URL; DatabaseError if there is none."""
    url = os.environ.get("DATABASE_URL", "")
    if not url:
        raise DatabaseError(f"DATABASE_URL is not set: expected {FORM}")
    return url


def redacted(url: str) -> str:
    """`url` with its password as ***: the only form that may be shown or stored."""
    try:
        return parse(url).shown
    except DatabaseError:
        return "(unreadable database URL)"


def driver(address: Address, name: str) -> Driver:
    """A connection of psycopg2 to exactly `address`, `name` shown in pg_stat_activity; psycopg2.Error if there is none.

    The only place that connects: libpq gets each part by name, and nothing from the environment.
    """
    ambient.forget_libpq()
    given = {"connect_timeout": CONNECT_TIMEOUT_S, **address.parameters()}
    # As libpq sends it when a session begins: psycopg2 would SET it, in a session that a pooler may give to others.
    os.environ["PGDATESTYLE"] = "ISO"
    try:
        found: Driver = psycopg2.connect(**given, client_encoding="UTF8", application_name=f"proofload {name}")
        return found
    finally:
        os.environ.pop("PGDATESTYLE", None)


def connect(url: str | Address, name: str) -> Connection:
    """An open connection, `name` shown in pg_stat_activity; DatabaseError names host and cause, never the password."""
    address = parse(url) if isinstance(url, str) else url
    engine = create_engine("postgresql+psycopg2://", creator=lambda: driver(address, name), poolclass=NullPool)
    try:
        return engine.connect()
    except Exception as error:
        cause = getattr(error, "orig", None) or error
        # The text of a server in another language may be in another encoding, too.
        if not isinstance(cause, psycopg2.Error | UnicodeDecodeError):
            raise
        first_line = (str(cause).strip() or type(cause).__name__).splitlines()[0]
        raise DatabaseError(
            f"no connection to {address.shown}: {first_line}. Expected a PostgreSQL that answers there; "
            "fix DATABASE_URL, or unset it to use the embedded PostgreSQL"
        ) from None


def missing(url: str) -> bool:
    """Whether there is a server at `url` that lets us in, but no database of that name; False too if it is silent."""
    address = parse(url)
    # By the list of databases: the error of a connection has no code, and its text is in the server's language.
    try:
        connection = connect(address.of(MAINTENANCE), "stack")
    except DatabaseError:
        return False
    with connection:
        known = text("SELECT count(*) FROM pg_database WHERE datname = :name")
        return not connection.scalar(known, {"name": address.name})


def create(url: str) -> None:
    """Create the database of `url`, empty; it is no error if somebody else just did. DatabaseError if that fails."""
    address = parse(url)
    with connect(address.of(MAINTENANCE), "stack") as connection:
        name = connection.dialect.identifier_preparer.quote_identifier(address.name)
        try:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(f"CREATE DATABASE {name}")
        except DBAPIError as error:
            if isinstance(error.orig, psycopg2.errors.DuplicateDatabase):
                return
            first_line = str(error.orig).strip().splitlines()[0]
            raise DatabaseError(
                f"{address.shown} can't be created: {first_line}. Expected a user who may, or `{createdb(url)}` by one"
            ) from None


def createdb(url: str) -> str:
    """The command that creates the database of `url`, for a shell."""
    address = parse(url)
    words = ["createdb", "-h", address.host.strip("[]"), "-p", str(address.port), "-U", address.user, address.name]
    return shlex.join(words)
