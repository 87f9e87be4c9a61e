"""A table as data: the page draws each alike, as rows and columns, or where there is no room as a card for each row."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

NOTHING = "–"

FIGURE, LONG = "figure", "after"
"""The styles of columns: of numbers, and of long texts."""


class Head(NamedTuple):
    """The head of a column."""

    name: str
    style: str = ""


class Grid(NamedTuple):
    """A table; the first cell of a row names it."""

    label: str
    """What it is of, for those who hear it."""
    heads: Sequence[Head]
    rows: Sequence[Sequence[str]]
    """Text, or markup that is safe."""
    total: bool = False
    """Whether the last row is the sum of the others."""


def figures_of(names: Iterable[str]) -> list[Head]:
    """Heads of columns of numbers."""
    return [Head(name, FIGURE) for name in names]


def code(text: str | None) -> str:
    """`text` as code; – if there is none."""
    return Markup(f"<code>{escape(text)}</code>") if text else NOTHING
