"""The rows of messages read as numbers: what is as its operation sends it need not come over as text.

By a hash of its text the server tells what a row has; its other texts are among a few known ones. Of a row that has
anything else, all texts are read: so a hash decides nothing but that a text is the expected one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from systems import ids, messages
from verification import binary, rows, text_hashes
from verification.arrays import Array, Mask
from verification.messages.sent import AS_SENT, content_hashes
from verification.reading import MOMENT, Reader

ID_LOW = "id_low"
"""The column with the lower half of an id, whose upper half is the column `id`; both 0: it has none."""
CODES: Mapping[str, Sequence[str]] = {
    "message_type": messages.MESSAGE_TYPES,
    "status": [*messages.STATUSES.values()],
}
"""The texts that a column may be expected to have."""
BLOCKS = 16_384
"""So much of a table is read at a time where rows are taken piece by piece."""
AT_ONCE = 100_000
"""Of so many rows texts are asked for at once."""

_PLACE, _OP = "place", "op"
_TYPES = {"id": binary.WORDS, "user_id": binary.ID, "message_content": binary.WHOLE}

Found = Mapping[str, npt.NDArray[Any]]


def own(
    session: Reader, run: str, source: rows.Source, special: Sequence[str], take: rows.Take | None = None
) -> Callable[[], pd.DataFrame]:
    """The rows whose key begins with the id of `run`, as `verification.rows.own` gives them, but for AS_SENT and
    ID_LOW; `special` are the texts that a service allows besides the plain one. They are decoded while the caller asks
    for other things; what is returned gives them, once, in the same transaction.

    With `take`, that is given them piece by piece, and there are none afterwards.
    """
    types = {
        _PLACE: binary.PLACE,
        _OP: binary.HEX,
        **{name: _type(name, dtype) for name, dtype in source.columns.items()},
    }

    def read(piece: str) -> Callable[[], pd.DataFrame]:
        sql = f"SELECT {_selected(source, types)} FROM {source.table} WHERE {source.key} LIKE %(ours)s {piece}"
        sent = session.sent(sql, rows.of_run(run))
        thread = ThreadPoolExecutor(1)
        decoded = thread.submit(_decoded, sent, types, special)
        thread.shutdown(wait=False)
        return lambda: _whole(session, run, source, special, *decoded.result())

    if take is None:
        return read("")
    for piece in _pieces(session, source.table):
        take(read(piece)(), source.stored)
    return read("AND false")


def _type(name: str, dtype: str) -> str:
    if name in CODES:
        return binary.WHOLE
    return binary.MOMENT if dtype == MOMENT else _TYPES[name]


def _selected(source: rows.Source, types: Mapping[str, str]) -> str:
    """SQL for what is read of each row, in the order of `types`."""
    none = f"'{'-' * ids.OPERATION_DIGITS}'::bytea"
    sql = {name: source.named.get(name, name) for name in source.columns}
    sql |= {name: _code(sql[name], CODES[name]) for name in sql if name in CODES}
    sql["message_content"] = text_hashes.SQL.format(text=sql["message_content"])
    sql[_PLACE] = "ctid"
    sql[_OP] = f"CASE WHEN {rows.of_length(source.key)} THEN {rows.digits(source.key)} ELSE {none} END"
    return binary.selected(sql, types)


def _code(text: str, words: Sequence[str]) -> str:
    """SQL for the place of a text among `words`, of its bytes; null for any other."""
    places = " ".join(f"WHEN '{word}' THEN {place}" for place, word in enumerate(words))
    return f'CASE ({text})::text COLLATE "C" {places} END'


def _pieces(session: Reader, table: str) -> Iterator[str]:
    """SQL for one part of a table after the other, as it is stored."""
    (blocks,) = session.row(
        "SELECT pg_relation_size(%(table)s::regclass) / current_setting('block_size')::int", {"table": table}
    )
    for first in range(0, blocks, BLOCKS):
        yield f"AND ctid >= '({first},0)' AND ctid < '({first + BLOCKS},0)'"


def _decoded(sent: memoryview, types: Mapping[str, str], special: Sequence[str]) -> tuple[Found, Array]:
    """What was read, as numbers, and the lines of the rows that have anything else, in the order of their places."""
    found = binary.columns(sent, types)
    lines = np.flatnonzero((found[_OP] < 0) | _otherwise(found, found[_OP], special))
    return found, lines[np.argsort(found[_PLACE][lines])]


def _whole(
    session: Reader, run: str, source: rows.Source, special: Sequence[str], found: Found, lines: Array
) -> pd.DataFrame:
    """What was read as numbers, with the texts of the rows that have any others."""
    op, places = found[_OP], found[_PLACE]
    texts = _texts(session, run, source, special, places[lines])
    frame: dict[str, Any] = {_OP: op, "stray": pd.Series(texts["stray"].to_numpy(), lines, dtype="str")}
    if "item" in texts:
        frame["item"] = np.zeros(len(op), np.int64)
        frame["item"][lines] = texts["item"]
    op[lines] = texts[_OP]
    for name in source.columns:
        if name == "id":
            frame[name], frame[ID_LOW] = found[name].view(np.int64).T
        elif name in texts:
            frame[name] = _coded(*_known(name, found[name]), lines, texts[name])
        else:
            frame[name] = found[name]
    return pd.DataFrame(frame, pd.RangeIndex(len(op)), copy=False)


def _texts(session: Reader, run: str, source: rows.Source, special: Sequence[str], places: Array) -> pd.DataFrame:
    """The texts of the rows at `places`, which ascend, and what their keys say, as `verification.rows.keyed` does."""
    names = [name for name in source.columns if name in {"user_id", "message_content", *CODES}]
    sql = ", ".join(source.named.get(name, name) for name in names)
    pieces = [
        session.frame(
            f"SELECT substr({source.key}, {len(run) + 2}), {sql} FROM {source.table} "
            "WHERE ctid = ANY(%(places)s::tid[]) ORDER BY ctid",
            {"suffix": "str", **dict.fromkeys(names, "str")},
            {"places": [binary.place(number) for number in places[at : at + AT_ONCE].tolist()]},
        )
        for at in range(0, len(places), AT_ONCE)
    ]
    none = pd.DataFrame(columns=["suffix", *names], dtype="str")
    found = rows.keyed(run, pd.concat([none, *pieces], ignore_index=True))
    found["message_content"] = [
        AS_SENT if op >= 0 and text == messages.content(op, special) else text
        for op, text in zip(found[_OP].tolist(), found["message_content"].tolist(), strict=True)
    ]
    return found


def _otherwise(found: Found, op: Array, special: Sequence[str]) -> Mask:
    """Which rows have anything that no operation sends, or that is none of the known."""
    other: Mask = found["message_content"] != content_hashes(np.maximum(op, 0), special)
    for name in {"user_id", *CODES} & found.keys():
        other |= found[name] < 0
    return other


def _known(name: str, values: Array) -> tuple[Array, list[str]]:
    """What the numbers of a column stand for: a code for each (−1: nothing), and the texts of the codes."""
    if name == "message_content":
        return np.zeros(len(values), np.int64), [AS_SENT]
    if name in CODES:
        return values, [*CODES[name]]
    places, numbers = pd.factorize(values)
    known = numbers >= 0
    codes = np.where(known, np.cumsum(known) - 1, -1)
    return codes[places], [ids.uuid_of(number) for number in numbers[known].tolist()]


def _coded(codes: Array, words: list[str], lines: Array, texts: pd.Series) -> pd.Categorical:
    """A column by `codes` of `words`, in which `lines` have these `texts`."""
    places, different = pd.factorize(texts)
    code = {word: number for number, word in enumerate(words)}
    own = np.array([*(code.setdefault(text, len(code)) for text in different.tolist()), -1])
    codes = codes.astype(np.int32)
    codes[lines] = own[places]
    return pd.Categorical.from_codes(codes, pd.Index(list(code), dtype="str"))
