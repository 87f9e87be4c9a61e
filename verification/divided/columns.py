"""A table as NumPy arrays and back: columns of numbers as they are, of texts as one text and a number a line."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

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
    found: Arrays = {}
    for name, column in table.items():
        if isinstance(column.dtype, pd.CategoricalDtype) or column.dtype == "str" or column.dtype == object:
            places, texts = _different(column)
            found[f"{TEXTS}{name}"] = np.frombuffer(SEPARATOR.join(texts).encode(errors=ANY), np.uint8)
            found[f"{PLACES}{name}"] = places.astype(np.int32)
        else:
            found[f"{VALUES}{name}"] = column.to_numpy()
    return found


def _different(column: pd.Series) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Which text each line has, and the texts; if most differ, each has one of its own: to compare them costs more."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy()
        used = np.unique(codes[codes >= 0])
        places = np.where(codes >= 0, np.searchsorted(used, codes), -1)
        return places, column.cat.categories.to_numpy()[used].tolist()
    if len(set(column.iloc[:LOOKED])) > LOOKED // 2:
        null = column.isna().to_numpy()
        return np.where(null, -1, np.arange(len(column))), column.fillna("").tolist()
    places, texts = pd.factorize(column)
    return places, texts.tolist()


def unpacked(pieces: Sequence[Mapping[str, npt.NDArray[Any]]]) -> pd.DataFrame:
    """The table of which these are the pieces, of the same columns each, one behind the other; at least one."""
    found: dict[str, Any] = {}
    for name in pieces[0]:
        kind, column = name[: name.index(":") + 1], name[name.index(":") + 1 :]
        if kind == TEXTS:
            texts = [_texts(piece[name], piece[f"{PLACES}{column}"]) for piece in pieces]
            found[column] = pd.Series(np.concatenate(texts), dtype="str")
        elif kind == VALUES:
            found[column] = np.concatenate([piece[name] for piece in pieces])
    return pd.DataFrame(found)


def _texts(joined: npt.NDArray[np.uint8], places: npt.NDArray[np.int32]) -> npt.NDArray[np.object_]:
    """A text for each line; None where it has none."""
    # The last one, which −1 names, is null.
    different = np.array([*joined.tobytes().decode(errors=ANY).split(SEPARATOR), None], object)
    taken: npt.NDArray[np.object_] = different[places]
    return taken
