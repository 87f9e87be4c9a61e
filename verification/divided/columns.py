"""A table as NumPy arrays and back: columns of numbers as they are, of texts as one text and a number a line."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from verification.arrays import Array

Arrays = dict[str, npt.NDArray[Any]]

SEPARATOR = "\0"
"""Between texts: PostgreSQL stores none that has it."""
ANY = "surrogatepass"
"""How texts are coded that PostgreSQL stores none of, too: what stands for a text (`verification.messages.sent`)."""
LOOKED = 64
"""So many lines tell whether most texts of a column differ."""
TEXTS, PLACES, VALUES = "texts:", "places:", "values:"
"""Before the name of a column: its different texts, which of them each line has (−1: null), or its values."""


def packed(table: pd.DataFrame) -> Arrays:
    """The columns of a table, in their order."""
    return packing(table)(np.arange(len(table)))


def packing(table: pd.DataFrame) -> Callable[[Array], Arrays]:
    """What gives the same of some of its lines: what is to be known of the whole table is found once."""
    columns = {
        str(name): _different(column) if _is_text(column) else column.to_numpy() for name, column in table.items()
    }

    def of(lines: Array) -> Arrays:
        found: Arrays = {}
        for name, column in columns.items():
            if not isinstance(column, tuple):
                found[f"{VALUES}{name}"] = column[lines]
                continue
            codes, texts = column[0][lines], column[1]
            used = np.unique(codes[codes >= 0])
            joined = SEPARATOR.join(texts[used].tolist()).encode(errors=ANY)
            found[f"{TEXTS}{name}"] = np.frombuffer(joined, np.uint8)
            found[f"{PLACES}{name}"] = np.where(codes >= 0, np.searchsorted(used, codes), -1).astype(np.int32)
        return found

    return of


def _is_text(column: pd.Series) -> bool:
    return isinstance(column.dtype, pd.CategoricalDtype) or column.dtype == "str" or column.dtype == object


def _different(column: pd.Series) -> tuple[Array, npt.NDArray[np.object_]]:
    """A code for each line (−1: null), and the text of each code; if most differ, each has one of its own: to compare
    them costs more.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy().astype(np.int64), column.cat.categories.to_numpy().astype(object)
    null = column.isna().to_numpy()
    if null.all():
        return np.full(len(column), -1), np.zeros(0, object)
    texts = column.to_numpy().astype(object)
    if len(set(texts[:LOOKED])) > LOOKED // 2:
        return np.where(null, -1, np.arange(len(column))), texts
    codes, different = pd.factorize(texts)
    return codes, different


def unpacked(pieces: Sequence[Mapping[str, npt.NDArray[Any]]]) -> pd.DataFrame:
    """The table of which these are the pieces, of the same columns each, one behind the other; at least one."""
    found: dict[str, Any] = {}
    for name in pieces[0]:
        kind, column = name[: name.index(":") + 1], name[name.index(":") + 1 :]
        if kind == TEXTS:
            found[column] = _texts([(piece[name], piece[f"{PLACES}{column}"]) for piece in pieces])
        elif kind == VALUES:
            found[column] = np.concatenate([piece[name] for piece in pieces])
    return pd.DataFrame(found, copy=False)


def _texts(pieces: Sequence[tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]]) -> Any:
    """A text for each line of some pieces; null where it has none. Each different one of a piece is there once."""
    different, lines = list[str](), list[npt.NDArray[np.int64]]()
    for joined, places in pieces:
        lines.append(np.where(places < 0, -1, places + np.int64(len(different))))
        different += joined.tobytes().decode(errors=ANY).split(SEPARATOR)
    return pd.array(different, dtype="str").take(np.concatenate(lines), allow_fill=True)
