"""A row is of the run, the operation and the item that its key names; a key that names none is kept as it is."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from systems import ids
from verification import binary
from verification.arrays import Array
from verification.before import Before, next_transaction
from verification.reading import MOMENT, Reader, moment


@dataclass(frozen=True)
class Source:
    """Where the effects of a system's operations are stored."""

    table: str
    key: str
    """The column that holds the idempotency key, or the key of the item."""
    points: Mapping[str, str]
    """The points of the plan, and the columns that tell when a row reached them: `stored` first."""
    columns: Mapping[str, str]
    """What is read of a row, and as what (`Reader.frame`): those of `points` too."""
    named: Mapping[str, str] = field(default_factory=dict)
    """SQL for `columns` that the table has under other names."""

    @property
    def stored(self) -> str:
        """The column that tells when a row was stored; "" if none does."""
        return next(iter(self.points.values()), "")


Take = Callable[[pd.DataFrame, str], None]
"""What is given rows, piece by piece, and the column that tells when each was stored."""


def own(
    reader: Reader,
    run: str,
    source: Source,
    columns: Iterable[str],
    parallel: bool = False,
    among: Sequence[str] | None = None,
    take: Take | None = None,
) -> pd.DataFrame:
    """The rows whose key begins with the id of `run`: op (−1 if its key names none), item (left out if there are none
    but 0), stray (a key that names no operation), `columns`. In chance's order if they are read in `parallel`.
    `among`: those at these places of the table.

    With `take`, that is given them, and what is returned has none.
    """
    dtypes = {column: source.columns[column] for column in columns}
    rows = reader.frame(
        f"SELECT substr({source.key}, {len(run) + 2}), {_selected(source, dtypes)} "
        f"FROM {source.table} WHERE {source.key} LIKE %(ours)s"
        + (" AND ctid = ANY(%(among)s::tid[]) ORDER BY ctid" if among is not None else ""),
        {"suffix": "str", **dtypes},
        {"ours": f"{run}-%", "among": among},
        parallel,
        (lambda piece: take(keyed(run, piece), source.stored)) if take else None,
    )
    return keyed(run, rows)


def keyed(run: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows that begin with the `suffix` of their key, with what that says instead."""
    suffix = rows.pop("suffix")
    op, item = operations(suffix.tolist())
    rows.insert(0, "op", op)
    if item.any():
        rows.insert(1, "item", item)
    rows.insert(1, "stray", f"{run}-" + suffix[op < 0])
    return rows


def foreign(reader: Reader, run: str, source: Source, about: str, before: Before | None) -> pd.DataFrame:
    """The rows under other keys that were written since the load of `run` began: stray (that key), columns.

    In a database of our own all of them, in somebody's those `about` (SQL) the things of this load. None without
    `before`.
    """
    stored = source.named.get(source.stored, source.stored)
    written = before.since(next_transaction(reader)) if before else "false"
    return reader.frame(
        f"SELECT {source.key}, {_selected(source, source.columns)} FROM {source.table} "
        f"WHERE ({source.key} LIKE %(ours)s) IS NOT TRUE AND {written} "
        f"AND {'true' if before and before.ours else about} ORDER BY {stored or source.key}",
        {"stray": "str", **source.columns},
        {"ours": f"{run}-%"},
    )


def _selected(source: Source, columns: Mapping[str, str]) -> str:
    there = ((source.named.get(name, name), dtype) for name, dtype in columns.items())
    return ", ".join(moment(name) if dtype == MOMENT else name for name, dtype in there)


def operations(suffixes: list[str]) -> tuple[Array, Array]:
    """Operation and item of each of `suffixes` of keys, what `systems.ids.parse` says for a million at once.

    Of one that names none −1 and 0.
    """
    lengths = np.fromiter(map(len, suffixes), np.int64, len(suffixes))
    op, item = np.full(len(suffixes), binary.NONE), np.zeros(len(suffixes), np.int64)
    for length in (_DIGITS, _ITEM_LENGTH):
        places = np.flatnonzero(lengths == length)
        own = suffixes if len(places) == len(suffixes) else [suffixes[place] for place in places.tolist()]
        characters = _characters(own, length)
        op[places] = binary.operations(np.ascontiguousarray(characters[:, :_DIGITS]).view(">u8"))
        if length == _ITEM_LENGTH:
            ends = np.full((len(own), 8), ord("0"), np.uint8)
            ends[:, -ids.ITEM_DIGITS :] = characters[:, -ids.ITEM_DIGITS :]
            number, known = binary.hex_digits(ends.view(">u8")[:, 0].astype(np.uint64))
            known &= (characters[:, _DIGITS] == ord(ids.ITEM_MARK)) & (op[places] != binary.NONE)
            op[places[~known]], item[places[known]] = binary.NONE, number[known]
    return op, item


_DIGITS = ids.OPERATION_DIGITS
_ITEM_LENGTH = _DIGITS + len(ids.ITEM_MARK) + ids.ITEM_DIGITS


def _characters(texts: list[str], length: int) -> npt.NDArray[np.uint8]:
    """Texts of so many characters each, one a row; what is not ASCII becomes something that is no digit."""
    return np.frombuffer("".join(texts).encode("ascii", "replace"), np.uint8).reshape(-1, length)


def whole(key: str) -> str:
    """SQL, with `of_run`: whether `key` is of the run and of as many bytes as its keys without an item have."""
    return f"{key} LIKE %(ours)s AND {of_length(key)}"


def of_length(key: str) -> str:
    """SQL, with `of_run`: whether `key` is of as many bytes as the keys of the run without an item have."""
    return f"octet_length({key}) = %(length)s"


def digits(key: str) -> str:
    """SQL, with `of_run`: what follows the run's id in a `key` that is `whole`, as binary.HEX: so many bytes, not
    characters, of which one may have several, and here others than in the database.
    """
    return f"substr(convert_to({key}, 'UTF8'), %(digits)s, {ids.OPERATION_DIGITS})"


def of_run(run: str) -> dict[str, str | int]:
    """The parameters of `whole` and `digits`."""
    return {"ours": f"{run}-%", "length": len(ids.key(run, 0)), "digits": len(run) + 2}


SERVER = 140_000
"""The first version that reads a part of a table by where it is."""


def readable(session: Reader, table: str, uuids: Sequence[str] = ()) -> bool:
    """Whether rows of `table` are told by places: it is a plain table, in one piece; and `uuids` are such columns."""
    (found,) = session.row(
        """
        SELECT current_setting('server_version_num')::int >= %(server)s AND EXISTS (
            SELECT FROM pg_class c JOIN pg_am a ON a.oid = c.relam
            WHERE c.oid = %(table)s::regclass AND c.relkind = 'r' AND NOT c.relhassubclass AND a.amname = 'heap'
        ) AND (
            SELECT count(*) = cardinality(%(uuids)s::text[]) FROM pg_attribute
            WHERE attrelid = %(table)s::regclass AND attname = ANY(%(uuids)s::text[]) AND atttypid = 'uuid'::regtype
        )
        """,
        {"table": table, "uuids": list(uuids), "server": SERVER},
    )
    return bool(found)
