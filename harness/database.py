"""The database that a run reads and writes: its URL, connecting to it, and what of it may be shown.

A URL is libpq's, `postgresql://user:password@host:port/name`, and travels between processes in
DATABASE_URL only: never on a command line, never in a file.
"""

import os
import shlex

import psycopg2
from sqlalchemy import URL, Connection, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from harness.errors import DatabaseError

CONNECT_TIMEOUT_S = 5
MAINTENANCE = "postgres"
"""The database that is on every server, to connect to when it is not about one of them."""


def from_environment() -> str:
    """The URL in DATABASE_URL; DatabaseError if there is none."""
    url = os.environ.get("DATABASE_URL", "")
    if not url:
        raise DatabaseError("DATABASE_URL is not set: expected postgresql://user@host:port/name")
    return url


def parse(url: str) -> URL:
    """`url` taken apart, for SQLAlchemy on psycopg2; DatabaseError if it isn't one of PostgreSQL with host and name."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # a port that is no number is a ValueError
        raise DatabaseError("the database URL can't be read: expected postgresql://user@host:port/name") from None
    if parsed.get_backend_name() not in ("postgresql", "postgres") or not parsed.host or not parsed.database:
        raise DatabaseError(f"database URL {redacted(url)}: expected postgresql://user@host:port/name")
    for word in ("host", "dbname"):
        if word in parsed.query:  # which would be the one that is connected to
            raise DatabaseError(
                f"database URL {redacted(url)}: {word} in its query: expected postgresql://user@host:port/name"
            )
    return parsed.set(drivername="postgresql+psycopg2")


def redacted(url: str) -> str:
    """`url` with its password as ***: the only form that may be shown or stored."""
    try:
        # Whatever follows in the query may hold a password too (sslpassword, …).
        return make_url(url).set(query={}).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return "(unreadable database URL)"


def connect(url: str, name: str) -> Connection:
    """An open connection, `name` shown in pg_stat_activity; DatabaseError names host and cause, never the password."""
    parsed = parse(url)
    engine = create_engine(
        parsed,
        poolclass=NullPool,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "application_name": f"proofload {name}"},
    )
    try:
        return engine.connect()
    except Exception as error:
        cause = getattr(error, "orig", None) or error
        if not isinstance(cause, psycopg2.Error):
            raise
        first_line = (str(cause).strip() or type(cause).__name__).splitlines()[0]
        raise DatabaseError(
            f"no connection to {redacted(url)}: {first_line}. Expected a PostgreSQL that answers there; "
            "fix DATABASE_URL, or unset it to use the embedded PostgreSQL"
        ) from None


def missing(url: str) -> bool:
    """Whether there is a server at `url` that lets us in, but no database of that name; False too if it is silent."""
    parsed = parse(url)
    # By the list of databases: the error of a connection has no code, and its text is in the server's language.
    try:
        connection = connect(parsed.set(database=MAINTENANCE).render_as_string(hide_password=False), "stack")
    except DatabaseError:
        return False
    with connection:
        known = text("SELECT count(*) FROM pg_database WHERE datname = :name")
        return not connection.scalar(known, {"name": parsed.database})


def create(url: str) -> None:
    """Create the database of `url`, empty; it is no error if somebody else just did. DatabaseError if that fails."""
    parsed = parse(url)
    with connect(parsed.set(database=MAINTENANCE).render_as_string(hide_password=False), "stack") as connection:
        name = connection.dialect.identifier_preparer.quote_identifier(parsed.database or "")
        try:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(f"CREATE DATABASE {name}")
        except DBAPIError as error:
            if isinstance(error.orig, psycopg2.errors.DuplicateDatabase):
                return
            first_line = str(error.orig).strip().splitlines()[0]
            raise DatabaseError(
                f"{redacted(url)} can't be created: {first_line}. Expected a user who may, or `{createdb(url)}` by one"
            ) from None


def createdb(url: str) -> str:
    """The command that creates the database of `url`, for a shell."""
    parsed = parse(url)
    words = ["createdb", "-h", parsed.host, "-p", str(parsed.port or 5432)]
    words += ["-U", parsed.username] if parsed.username else []
    return shlex.join([*map(str, words), str(parsed.database)])
