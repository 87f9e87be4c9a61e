"""The events of a run, read as numbers: what a key that is of the run's form says is in it at known places."""

import numpy as np
import pandas as pd

from systems import ids
from verification import binary, rows
from verification.reading import MOMENT, Reader
from verification.rows import Source

_LENGTH = ids.OPERATION_DIGITS + len(ids.ITEM_MARK) + ids.ITEM_DIGITS
_ZEROS = "0" * (ids.OPERATION_DIGITS - ids.ITEM_DIGITS)
_NONE = "-" * ids.OPERATION_DIGITS
AT_ONCE = 100_000
"""Of so many rows with other keys the text is read at once."""


def own(session: Reader, run: str, source: Source) -> pd.DataFrame:
    """The rows whose key begins with the id of `run`, as `verification.rows.own` gives them, in chance's order.

    The columns of `source` are whole numbers and moments; a number that is null is −1.
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
    found = session.columns(
        f"SELECT {binary.selected(sql, types)} FROM {source.table} WHERE {source.key} LIKE %(ours)s",
        types,
        {"ours": f"{run}-%"},
        parallel=True,
    )
    known = (found["op"] >= 0) & (found["item"] >= 0)
    places = found.pop("place")[~known]
    frame = pd.DataFrame({name: values if known.all() else values[known] for name, values in found.items()}, copy=False)
    frame.insert(1, "stray", pd.Series([], dtype="str"))
    others = [
        rows.own(session, run, source, source.columns, among=[binary.place(one) for one in some.tolist()])
        for some in np.split(places, range(AT_ONCE, len(places), AT_ONCE))
        if len(some)
    ]
    for other in others:
        if "item" not in other:
            other.insert(2, "item", 0)
    return pd.concat([frame, *others], ignore_index=True)
