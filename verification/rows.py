"""A row is of the run, and of the operation, that its key names; a key that names none is kept as it stands."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from systems import ids
from verification import binary
from verification.ledger import Array, Ledger
from verification.reading import MOMENT, Reader, moment

DIGITS = 16
"""What follows a run's id in a key, if `systems.ids.key` made it."""


@dataclass(frozen=True)
class Source:
    """Where the effects of a system's operations stand."""

    table: str
    key: str
    """The column that holds the idempotency key."""
    committed: str
    """The column that tells when the row was stored."""
    completed: str
    """… and when what it asks for was done."""
    columns: Mapping[str, str]
    """What is read of a row, and as what (`Reader.frame`): `id` first."""


def own(reader: Reader, run: str, source: Source, columns: Iterable[str]) -> pd.DataFrame:
    """The rows whose key begins with the id of `run`: op (−1 if its key names none), stray (that key), `columns`."""
    dtypes = {column: source.columns[column] for column in columns}
    rows = reader.frame(
        f"SELECT substr({source.key}, {len(run) + 2}), {_selected(dtypes)} "
        f"FROM {source.table} WHERE {source.key} LIKE %(ours)s",
        {"suffix": "str", **dtypes},
        {"ours": f"{run}-%"},
    )
    suffix = rows.pop("suffix")
    op = operations(suffix.tolist())
    rows.insert(0, "op", op)
    rows.insert(1, "stray", f"{run}-" + suffix[op < 0])
    return rows


def foreign(reader: Reader, ledger: Ledger, source: Source, about: str, began: int, ended: int) -> pd.DataFrame:
    """The rows of other keys `about` (SQL) the same things that were stored meanwhile: stray (that key), columns.

    `began` and `ended` in ns by the database's clock.
    """
    return reader.frame(
        f"SELECT {source.key}, {_selected(source.columns)} FROM {source.table} "
        f"WHERE ({source.key} LIKE %(ours)s) IS NOT TRUE AND {about} "
        f"AND {source.committed} BETWEEN to_timestamp(%(began)s) AND to_timestamp(%(ended)s) "
        f"ORDER BY {source.committed}",
        {"stray": "str", **source.columns},
        {"ours": f"{ledger.run}-%", "began": began / 1e9, "ended": ended / 1e9},
    )


def _selected(columns: Mapping[str, str]) -> str:
    return ", ".join(moment(name) if dtype == MOMENT else name for name, dtype in columns.items())


def operations(suffixes: list[str]) -> Array:
    """The number of the operation in each of `suffixes` of keys, as `systems.ids.key` made it; −1 if it made none."""
    whole = [suffix if len(suffix) == DIGITS else "?" * DIGITS for suffix in suffixes]
    words = np.frombuffer("".join(whole).encode("ascii", "replace"), ">u8").reshape(-1, 2)
    return binary.operations(words)


def whole(key: str) -> str:
    """SQL, with `of_run`: whether `key` is of the run and of as many bytes as its keys have."""
    return f"{key} LIKE %(ours)s AND octet_length(convert_to({key}, 'UTF8')) = %(length)s"


def digits(key: str) -> str:
    """SQL, with `of_run`: what follows the run's id in a `key` that is `whole`, as binary.HEX: bytes, not characters,
    of which one may have several.
    """
    return f"substr(convert_to({key}, 'UTF8'), %(digits)s)"


def of_run(run: str) -> dict[str, str | int]:
    """The parameters of `whole` and `digits`."""
    return {"ours": f"{run}-%", "length": len(ids.key(run, 0)), "digits": len(run) + 2}
