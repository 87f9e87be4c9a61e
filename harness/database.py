"""The database that a run reads and writes: connecting to it, and what of it may be shown.

Its URL (harness/database_url.py) travels between processes in DATABASE_URL only: never on a command line or in a file.
"""

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Driver
from psycopg2.extensions import cursor as Cursor
from psycopg2.extensions import quote_ident

from harness import ambient
from harness.database_url import FORM, Address, parse
from harness.errors import DatabaseError

CONNECT_TIMEOUT_S = 5
MAINTENANCE = "postgres"
"""The database that is on every server, to connect to when it is not about one of them."""


PLAIN = re.compile("[a-z_][a-z0-9_]*")
"""A name that needs no quotes in SQL, unless it is RESERVED."""
_RESERVED = """
    all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation
    column concurrently constraint create cross current_catalog current_date current_role current_schema
    current_time current_timestamp current_user default deferrable desc distinct do else end except false fetch for
    foreign freeze from full grant group having ilike in initially inner intersect into is isnull join lateral
    leading left like limit localtime localtimestamp natural not notnull null offset on only or order outer overlaps
    placing primary references returning right select session_user similar some symmetric system_user table
    tablesample then to trailing true union unique user using variadic verbose when where window with
"""
RESERVED = frozenset(_RESERVED.split())
"""The words that PostgreSQL reserves (pg_get_keywords(): R and T)."""


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


def connect(url: str | Address, name: str) -> Driver:
    """An open connection, `name` shown in pg_stat_activity; DatabaseError names host and cause, never the password."""
    address = parse(url) if isinstance(url, str) else url
    try:
        return driver(address, name)
    # The text of a server in another language may be in another encoding, too.
    except (psycopg2.Error, UnicodeDecodeError) as error:
        raise DatabaseError(
            f"no connection to {address.shown}: {first_line(error)}. Expected a PostgreSQL that answers there; "
            "fix DATABASE_URL, or unset it to use the embedded PostgreSQL"
        ) from None


@contextmanager
def session(url: str | Address, name: str) -> Iterator[Cursor]:
    """A connection as `connect` makes it, in which each statement is a transaction of its own; closed at the end."""
    with closing(connect(url, name)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor


def value(cursor: Cursor, sql: str, *values: object) -> Any:
    """The first value of the first row that `sql` gives for `values`."""
    cursor.execute(sql, values or None)
    row = cursor.fetchone()
    assert row is not None
    return row[0]


def quoted(name: str) -> str:
    """A table or column called `name`, in SQL with parameters: in quotes if it needs them."""
    if PLAIN.fullmatch(name) and name not in RESERVED:
        return name
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'


def first_line(error: BaseException) -> str:
    """The first line of what an error of the driver says."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def missing(url: str) -> bool:
    """Whether there is a server at `url` that lets us in, but no database of that name; False too if it is silent."""
    address = parse(url)
    # By the list of databases: the error of a connection has no code, and its text is in the server's language.
    try:
        with session(address.of(MAINTENANCE), "stack") as cursor:
            return not value(cursor, "SELECT count(*) FROM pg_database WHERE datname = %s", address.name)
    except DatabaseError:
        return False


def create(url: str) -> None:
    """Create the database of `url`, empty; it is no error if somebody else just did. DatabaseError if that fails."""
    address = parse(url)
    with session(address.of(MAINTENANCE), "stack") as cursor:
        try:
            cursor.execute(f"CREATE DATABASE {quote_ident(address.name, cursor)}")
        except psycopg2.errors.DuplicateDatabase:
            return
        except psycopg2.Error as error:
            raise DatabaseError(
                f"{address.shown} can't be created: {first_line(error)}. "
                f"Expected a user who may, or `{createdb(url)}` by one"
            ) from None


def createdb(url: str) -> str:
    """The command that creates the database of `url`, for a shell."""
    address = parse(url)
    words = ["createdb", "-h", address.host.strip("[]"), "-p", str(address.port), "-U", address.user, address.name]
    return shlex.join(words)
