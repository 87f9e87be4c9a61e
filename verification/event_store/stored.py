"""The events of a run, read as numbers: what a key that is of the run's form says is in it at known places."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from systems import ids
from verification import binary, rows
from verification.arrays import Array
from verification.reading import MOMENT, Reader
from verification.rows import Source

_LENGTH = ids.OPERATION_DIGITS + len(ids.ITEM_MARK) + ids.ITEM_DIGITS
_ZEROS = "0" * (ids.OPERATION_DIGITS - ids.ITEM_DIGITS)
_NONE = "-" * ids.OPERATION_DIGITS
AT_ONCE = 100_000
"""Of so many rows with other keys the text is read at once."""


def own(session: Reader, run: str, source: Source, take: rows.Take | None = None) -> pd.DataFrame:
    """The rows whose key begins with the id of `run`, as `verification.rows.own` gives them, in chance's order.

    The columns of `source` are whole numbers and moments; a number that is null is −1. With `take`, that is given them
    piece by piece, and what is returned has none.
    """
    types = {"place": binary.PLACE, "op": binary.HEX, "item": binary.HEX}
    types |= {name: binary.MOMENT if dtype == MOMENT else binary.WHOLE for name, dtype in source.columns.items()}
    key, first = f"convert_to({source.key}, 'UTF8')", len(run) + 2
    of_the_form = f"octet_length({key}) = {first - 1 + _LENGTH}"
    mark = f"substr({key}, {first + ids.OPERATION_DIGITS}, {len(ids.ITEM_MARK)}) = '{ids.ITEM_MARK}'::bytea"
    item = f"'{_ZEROS}'::bytea || substr({key}, {first + _LENGTH - ids.ITEM_DIGITS})"
    sql = {name: source.named.get(name, name) for name in source.columns} | {
        "place": "ctid",
        "op": f"CASE WHEN {of_the_form} AND {mark} THEN substr({key}, {first}, {ids.OPERATION_DIGITS}) "
        f"ELSE '{_NONE}'::bytea END",
        "item": f"CASE WHEN {of_the_form} THEN {item} ELSE '{_NONE}'::bytea END",
    }
    strays = [np.zeros(0, np.int64)]

    def taken(some: dict[str, npt.NDArray[Any]]) -> None:
        assert take is not None
        frame, places = _known(some)
        strays.append(places)
        take(frame, source.stored)

    found, places = _known(
        session.columns(
            f"SELECT {binary.selected(sql, types)} FROM {source.table} WHERE {source.key} LIKE %(ours)s",
            types,
            {"ours": f"{run}-%"},
            taken if take else None,
            parallel=True,
        )
    )
    places = np.concatenate([*strays, places])
    # While some come, others can't be asked for.
    others = _others(session, run, source, places)
    if take:
        for other in others:
            take(other, source.stored)
    frame = found if take else pd.concat([found, *others], ignore_index=True)
    return frame if frame["item"].any() else frame.drop(columns="item")


def _known(found: dict[str, npt.NDArray[Any]]) -> tuple[pd.DataFrame, Array]:
    """The rows whose key names an operation and an item; and the places of those of which it does not."""
    known = (found["op"] >= 0) & (found["item"] >= 0)
    places = found.pop("place")[~known]
    frame = pd.DataFrame({name: values if known.all() else values[known] for name, values in found.items()}, copy=False)
    frame.insert(1, "stray", pd.Series([], dtype="str"))
    return frame, places


def _others(session: Reader, run: str, source: Source, places: Array) -> Iterator[pd.DataFrame]:
    """The rows at these places, whose keys are read as text."""
    for some in np.split(places, range(AT_ONCE, len(places), AT_ONCE)):
        if len(some):
            other = rows.own(session, run, source, source.columns, among=[binary.place(one) for one in some.tolist()])
            if "item" not in other:
                other.insert(2, "item", 0)
            yield other
