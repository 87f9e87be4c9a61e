"""What a database lacks of the schema that is stated in schema/: what would not be stopped there.

Of somebody's own database: tables and columns are there (`schema.migrate`), but what protects them may not be.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)
from sqlalchemy.schema import ColumnCollectionConstraint

_NAME = r'(?:"(?:[^"]|"")+"|[^\s".(),]+)'
_TABLE = rf"{_NAME}\.(?P<table>{_NAME})"
_COLUMN = re.compile(rf"column {_TABLE}\.(?P<column>{_NAME}) (?P<type>.*)")
_CONSTRAINT = re.compile(rf"constraint {_TABLE}\.(?P<name>{_NAME}) (?P<definition>.*)", re.DOTALL)
_INDEX = re.compile(
    rf"index CREATE UNIQUE INDEX .* ON (?:ONLY )?{_TABLE} USING \w+ \((?P<columns>[^()]*)\)(?P<rest>.*)"
)
_TRIGGER = re.compile(rf"trigger CREATE (?:CONSTRAINT )?TRIGGER (?P<name>{_NAME}) .* ON {_TABLE} .* that is disabled, ")
_RULE = re.compile(rf"rule CREATE RULE (?P<name>{_NAME}) AS\s+ON (?P<event>\w+) TO {_TABLE}\s", re.DOTALL)
_UNIQUE = re.compile(r"(?:UNIQUE|PRIMARY KEY)(?: NULLS NOT DISTINCT)? \((?P<columns>[^()]*)\)")
_FOREIGN = re.compile(rf"FOREIGN KEY \((?P<columns>[^()]*)\) REFERENCES (?:{_NAME}\.)?(?P<parent>{_NAME})\(")
_DELETES = re.compile(r"ON DELETE (?:CASCADE|SET NULL|SET DEFAULT)")
_OFF = (" NOT VALID", " not enforced", " with its triggers disabled")
_BUILT_IN = re.compile(r"text|character varying|character|integer|bigint|smallint|numeric|uuid|timestamp|date|boolean")


@dataclass
class _Found:
    """What the catalogue has of one table."""

    columns: dict[str, str] = field(default_factory=dict)
    """The columns, with type, and whether they are NOT NULL."""
    constraints: dict[str, str] = field(default_factory=dict)
    unique: list[set[str]] = field(default_factory=list)
    """The columns of each unique key that is in force for every row."""
    said: list[str] = field(default_factory=list)
    """Triggers that are off, and rules."""


def weaknesses(stated: MetaData, lines: Iterable[str]) -> list[str]:
    """What of `stated` the database does not have whose catalogue has these `lines` (`harness.catalogue`), a sentence
    each: keys, references, checks and columns that must not be null; and what deletes or rewrites more than is stated.

    That a CHECK is about the same columns is all that is compared of it: its expression may be weaker.
    """
    there = _found(lines)
    said: list[str] = []
    for table in stated.sorted_tables:
        found = there.get(table.name)
        if found is not None:
            said += _missing(table, found)
            said += [f"{_where(table.name)} {one}." for one in found.said]
    return said


def _missing(table: Table, found: _Found) -> Iterable[str]:
    where = _where(table.name)
    kept = [one for one in table.constraints if isinstance(one, ColumnCollectionConstraint)]
    for constraint in sorted(kept, key=lambda one: (type(one).__name__, one.columns.keys())):
        columns = [column.name for column in constraint.columns]
        listed = ", ".join(columns)
        if isinstance(constraint, PrimaryKeyConstraint | UniqueConstraint):
            kind = "primary key" if isinstance(constraint, PrimaryKeyConstraint) else "unique key"
            if columns and not any(key <= set(columns) for key in found.unique):
                yield f"{where} has no {kind} on {listed}: equal ones would both be stored."
        elif isinstance(constraint, ForeignKeyConstraint):
            yield from _reference(where, constraint, found)
        elif isinstance(constraint, CheckConstraint):
            named = [
                name for name in (column.name for column in table.columns) if _mentions(str(constraint.sqltext), name)
            ]
            if not _checked(named, found):
                yield f"{where} has no CHECK on {', '.join(named)}: {constraint.sqltext} is not kept by the database."
    for column in table.columns:
        if not column.nullable and not found.columns.get(column.name, "NOT NULL").endswith("NOT NULL"):
            yield f"{where} may have no {column.name}: the column is not NOT NULL."
    for name, definition in found.constraints.items():
        off = [word.strip() for word in _OFF if word in definition]
        if off:
            yield f"{where} has constraint {name}, but {' and '.join(off)}: {definition}."
        deletes = _DELETES.search(definition)
        if deletes and not any(key.ondelete for key in table.foreign_key_constraints):
            yield f"{where} has constraint {name} with {deletes.group()}: what it refers to takes rows with it."


def _reference(where: str, stated: ForeignKeyConstraint, found: _Found) -> Iterable[str]:
    columns, parent = [column.name for column in stated.columns], stated.referred_table.name
    for definition in found.constraints.values():
        match = _FOREIGN.match(definition)
        if match and _names(match["columns"]) == set(columns) and _plain(match["parent"]) == parent:
            return
    yield f"{where} has no foreign key from {', '.join(columns)} to {parent}: what refers to nothing would be stored."


def _checked(columns: Sequence[str], found: _Found) -> bool:
    """Whether a CHECK is about all `columns`, or the type of each, an enum or a domain, says what may stand there."""
    checks = [definition for definition in found.constraints.values() if definition.startswith("CHECK")]
    if any(all(_mentions(check, column) for column in columns) for check in checks):
        return True
    return all(not _BUILT_IN.match(found.columns.get(column, "text")) for column in columns)


def _found(lines: Iterable[str]) -> dict[str, _Found]:
    """By the names of tables, whatever schema they are in: what the first one of that name has."""
    there: dict[str, _Found] = {}
    for line in lines:
        for pattern in (_COLUMN, _CONSTRAINT, _INDEX, _TRIGGER, _RULE):
            match = pattern.match(line)
            if match:
                _keep(there.setdefault(_plain(match["table"]), _Found()), match)
                break
    return there


def _keep(found: _Found, match: re.Match[str]) -> None:
    if match.re is _COLUMN:
        # A default goes behind.
        found.columns[_plain(match["column"])] = match["type"].split(" DEFAULT ")[0]
    elif match.re is _CONSTRAINT:
        definition = match["definition"]
        found.constraints[_plain(match["name"])] = definition
        key = _UNIQUE.match(definition)
        if key:
            found.unique.append(_names(key["columns"]))
    elif match.re is _INDEX:
        if " WHERE " not in match["rest"] and not match["rest"].endswith(" that is not valid"):
            found.unique.append(_names(match["columns"]))
    elif match.re is _TRIGGER:
        found.said.append(f"has trigger {_plain(match['name'])}, which is disabled")
    else:
        found.said.append(f"has rule {_plain(match['name'])}: {match['event']} may do something else than it says")


def _names(columns: str) -> set[str]:
    return {_plain(name) for name in re.findall(_NAME, columns)}


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _mentions(expression: str, column: str) -> bool:
    """Whether `column` stands in `expression`, but for what is quoted as text there."""
    bare = re.sub(r"'(?:[^']|'')*'", "''", expression)
    return re.search(rf'(?<![\w"]){re.escape(column)}(?![\w"])|"{re.escape(column)}"', bare) is not None


def _where(table: str) -> str:
    return f"Table {table}"
