"""What a plan's [database] may say: names of tables and columns, and what else seeding has to fill, as SQL."""

from collections.abc import Mapping
from typing import Any

COLUMNS = 'a table of columns with SQL, a number, true or false, such as { updatedAt = "now()" }'
ROWS = "a table of tables with a row, or a list of rows, such as { tenants = { id = 1, name = \"'x'\" } }"


def unlike(key: str, value: Any, _known: Any) -> str | None:
    """What a value of a [database] must be; None if it is."""
    if key == "extra":
        return None if _columns(value) else COLUMNS
    if key == "first":
        rows = [row for rows in value.values() for row in (rows if isinstance(rows, list) else [rows])]
        return None if all(_columns(row) and row for row in rows) else ROWS
    if isinstance(value, str) and not value.isprintable():
        return "no control characters"
    return None


def _columns(row: object) -> bool:
    if not isinstance(row, Mapping):
        return False
    return all(name and isinstance(value, str | int | float) and value != "" for name, value in row.items())


def as_sql(row: Mapping[str, Any]) -> dict[str, str]:
    """The columns of `row` with what SQL has for them: a text is SQL itself, all else a constant."""
    return {
        name: value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else repr(value)
        for name, value in row.items()
    }
