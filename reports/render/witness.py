"""A witness as small tables: what was expected beside what is there, and all else by its name."""

from collections.abc import Mapping, Sequence
from typing import Any

from reports.render.grid import NOTHING, Grid, Head
from reports.render.history import history

Witness = Mapping[str, Any]

LONGEST = 300
"""So many characters of a value are shown; all of it is in verdict.json."""

ROWS = 5
"""So many lines of a list are shown."""

DRAWN = ("attempts", "beside")
"""What the history shows."""

COMPARED = ("expected", "stored")

SAME = ("authorization", "key")
"""By these it is known that two witnesses are about the same thing."""


def same_thing(witness: Witness) -> tuple[str, str] | None:
    """What a witness is about, if it says so by an id."""
    return next(((name, str(witness[name])) for name in SAME if witness.get(name)), None)


def tables(witness: Witness) -> list[Grid]:
    """The tables of a witness, none of them empty; what its history draws is in none."""
    compared = _compared(witness)
    shown = (*(DRAWN if history(witness) else ()), *(COMPARED if compared else ()))
    rest = {name: value for name, value in witness.items() if name not in shown and value not in ([], {})}
    groups = {name: value for name, value in rest.items() if isinstance(value, dict)}
    lists = {name: value for name, value in rest.items() if _dicts(value)}
    plain = {name: value for name, value in rest.items() if name not in groups and name not in lists}
    found = [compared] if compared else []
    found += [_beside_each_other(groups)] if groups else []
    found += [_list(name, lines) for name, lines in lists.items()]
    return [*found, *([_plain(plain)] if plain else [])]


def _compared(witness: Witness) -> Grid | None:
    """What must be stored, column by column, beside what is; None, if the witness does not say it that way."""
    expected, stored = witness.get("expected"), witness.get("stored")
    if (
        not isinstance(stored, list)
        or not (stored == [] or _dicts(stored))
        or not isinstance(expected, dict | type(None))
    ):
        return None
    wanted, rows = expected or {}, stored[:ROWS]
    columns = list(dict.fromkeys([*wanted, *(name for row in rows for name in row)]))
    if not columns:
        return None
    places = [f"stored {place}" for place in range(1, len(rows) + 1)] if len(rows) > 1 else ["stored"]

    def line(name: str) -> list[str]:
        there = [word(row[name]) if name in row else NOTHING for row in rows] or ["nothing"]
        other = name in wanted and any(row.get(name) != wanted[name] for row in rows)
        return [f"≠ {name}" if other else name, word(wanted[name]) if name in wanted else NOTHING, *there]

    heads = [Head("column"), Head("sent"), *map(Head, places)]
    return Grid("What was sent, and what is stored", heads, [line(name) for name in columns])


def _beside_each_other(groups: Mapping[str, Witness]) -> Grid:
    """Tables of figures with a line for each: what was seeded, asked, moved, and what stands."""
    columns = list(dict.fromkeys(name for group in groups.values() for name in group))
    rows = [
        [name, *(word(group[one]) if one in group else NOTHING for one in columns)] for name, group in groups.items()
    ]
    return Grid("The witness in figures", [Head(""), *map(Head, columns)], rows)


def _list(name: str, lines: Sequence[Witness]) -> Grid:
    columns = list(dict.fromkeys(column for line in lines[:ROWS] for column in line))
    rows = [[word(line.get(column)) for column in columns] for line in lines[:ROWS]]
    more = f", {len(lines) - ROWS:,} more not shown" if len(lines) > ROWS else ""
    return Grid(f"{name}{more}", [Head(column) for column in columns], rows)


def _plain(values: Witness) -> Grid:
    return Grid("The witness", [Head("what"), Head("found")], [[name, word(value)] for name, value in values.items()])


def _dicts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) and one for one in value)


def word(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict):
        return _short("; ".join(f"{name}: {word(one)}" for name, one in value.items()))
    if isinstance(value, list):
        return _short(", ".join(word(one) for one in value)) or "none"
    return _short(str(value))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
