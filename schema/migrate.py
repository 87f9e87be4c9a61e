"""Where a system has no tables they are made; where it has tables they are looked at, and never altered."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, MetaData, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from harness import database
from harness.errors import DatabaseError
from harness.plan.plans import reference
from harness.project import module

MADE = "made by Proofload for {}"
"""The comment on a table that we made."""


def migrate(system: str, url: str, names: Mapping[str, str] | None = None) -> str:
    """Give the database at `url` the tables of `system`, or find them there; one sentence of what was done.

    They are called as `names` says (a plan's [database]; None: as the reference has them), if they can be chosen.
    """
    tables = stated(system, names)
    if tables is None:
        return f"{system} has no schema/{system}.py: the database is left as it is"
    # What is wrong with the connection is told as everywhere: the engine is given one, and makes none.
    driver = database.connect(url, "schema")
    engine = create_engine("postgresql+psycopg2://", creator=lambda: driver, poolclass=NullPool)
    try:
        with engine.begin() as connection:
            return _migrate(system, tables, _module(system).VERSION, connection)
    except DBAPIError as error:
        cause = database.first_line(error.orig or error)
        raise DatabaseError(f"the tables of {system} in {database.redacted(url)}: {cause}") from None
    finally:
        driver.close()


def stated(system: str, names: Mapping[str, str] | None = None) -> MetaData | None:
    """The tables of `system`, called as `names` says; None if it has no schema/<system>.py."""
    found = _module(system)
    if found is None:
        return None
    names = names or reference(system, "database")
    tables: MetaData = found.tables(names) if names else found.TABLES
    return tables


def _module(system: str) -> Any:
    return module("schema", system)


def _migrate(system: str, tables: MetaData, version: int, connection: Connection) -> str:
    # Two at once would both find nothing and both create.
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('proofload_schema'))"))
    there = set(inspect(connection).get_table_names())
    found = None
    if "proofload_schema" in there:
        found = connection.scalar(text("SELECT version FROM proofload_schema WHERE system = :s"), {"s": system})
    made = _made(system, there, connection)
    names = ", ".join(tables.tables)
    if there.isdisjoint(tables.tables):
        _create(system, tables, version, connection)
        return f"created the tables of {system}, version {version}: {names}"
    here = [name for name in tables.tables if name in there]
    ours = found is not None and (not made or not made.isdisjoint(here))
    fix = _fix(system, map(connection.dialect.identifier_preparer.quote, here) if made.issuperset(here) else ())
    if ours and found != version:
        raise DatabaseError(f"the tables of {system} are version {found}, expected version {version}. {fix}")
    missing = _missing_columns(tables, there, connection)
    if ours:
        missing += _missing_constraints(tables, there, connection)
    if missing:
        raise DatabaseError(f"the tables of {system} are there, but not all of them: no {', no '.join(missing)}. {fix}")
    if not ours:
        return f"the tables of {system} are not ours ({names}); they have all columns that are needed"
    return f"the tables of {system} are already there, version {version}"


def _create(system: str, tables: MetaData, version: int, connection: Connection) -> None:
    tables.create_all(connection)
    quote = connection.dialect.identifier_preparer.quote
    for name in tables.tables:
        connection.execute(text(f"COMMENT ON TABLE {quote(name)} IS '{MADE.format(system)}'"))
    connection.execute(
        text("CREATE TABLE IF NOT EXISTS proofload_schema (system text PRIMARY KEY, version integer NOT NULL)")
    )
    record = "INSERT INTO proofload_schema VALUES (:s, :v) ON CONFLICT (system) DO UPDATE SET version = :v"
    connection.execute(text(record), {"s": system, "v": version})


def _made(system: str, there: Iterable[str], connection: Connection) -> set[str]:
    """The tables that we made for `system`, whatever they are called: a table of the same name may be somebody else's.

    None has the mark in a database of before there were marks.
    """
    found = inspect(connection)
    return {name for name in there if found.get_table_comment(name)["text"] == MADE.format(system)}


def _fix(system: str, made: Iterable[str]) -> str:
    """What to do about tables that do not do. Tables that we did not make may hold what somebody needs."""
    if tables := ", ".join(made):
        return (
            "To fix it: an empty database in DATABASE_URL; or, if nothing in them is needed, DROP TABLE "
            f"{tables} and DELETE FROM proofload_schema WHERE system = '{system}'"
        )
    named = "; or their names in [database] of the plan" if reference(system, "database") else ""
    return f"Proofload did not make them and leaves them as they are: expected an empty database in DATABASE_URL{named}"


def _missing_columns(tables: MetaData, there: set[str], connection: Connection) -> list[str]:
    missing = []
    for table in tables.sorted_tables:
        has = {c["name"] for c in inspect(connection).get_columns(table.name)} if table.name in there else set()
        missing += [f"{table.name}.{column.name}" for column in table.columns if column.name not in has]
    return missing


def _missing_constraints(tables: MetaData, there: set[str], connection: Connection) -> list[str]:
    """What keeps keys unique and users existing: a target with a fault may have dropped it in an earlier run."""
    missing = []
    for table in tables.sorted_tables:
        if table.name not in there:
            continue
        found = inspect(connection)
        unique = {tuple(c["column_names"]) for c in found.get_unique_constraints(table.name)}
        foreign = {tuple(c["constrained_columns"]) for c in found.get_foreign_keys(table.name)}
        for column in table.columns:
            if column.unique and (column.name,) not in unique:
                missing.append(f"unique constraint on {table.name}.{column.name}")
            if column.foreign_keys and (column.name,) not in foreign:
                missing.append(f"foreign key on {table.name}.{column.name}")
    return missing
