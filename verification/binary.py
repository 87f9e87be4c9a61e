"""COPY in binary: if every column has one width, all rows together are an array as they came, and nothing is parsed.

The format: PostgreSQL, "COPY", File Formats, Binary Format. Numbers are big-endian; moments are µs since 2000.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from systems import ids
from verification.arrays import Array, Mask

WHOLE = "bigint"
ID = "uuid"
"""Read as the number that `systems.ids.uuid_of` made it of; NONE if it made it of none."""
HEX = "hex"
"""16 characters: read as the number of which `systems.ids.key` made them; NONE if it made them of none."""
MOMENT = "timestamptz"
"""Read as datetime64[us]; ±infinity are NaT."""
WRITER = "xid"
"""Of a transaction: its number modulo 2**32."""
WORDS = "words of a uuid"
"""Read as pairs of words; null is as a UUID of zeros."""
PLACE = "tid"
"""Where a row is in its table: read as a number that grows from the table's beginning to its end."""

NONE = -1
"""Instead of a number: there is none."""

_SELECTED = {
    WHOLE: "coalesce(({column})::bigint, -1)",
    ID: f"coalesce(({{column}})::uuid, '{ids.NIL}')",
    HEX: "{column}",
    MOMENT: "coalesce(({column})::timestamptz, '-infinity')",
    WRITER: "{column}",
    WORDS: f"coalesce({{column}}, '{ids.NIL}')",
    PLACE: "{column}",
}

HEADER_BYTES = 19
TRAILER = b"\xff\xff"
EMPTY = bytes(HEADER_BYTES) + TRAILER
"""What has no rows."""
_EPOCH_US = 946_684_800_000_000
"""2000-01-01, in µs since 1970."""
_TYPES: Mapping[str, npt.DTypeLike] = {
    WHOLE: ">i8",
    ID: (">u8", (2,)),
    HEX: (">u8", (2,)),
    MOMENT: ">i8",
    WRITER: ">u4",
    WORDS: (">u8", (2,)),
    PLACE: [("block", ">u4"), ("line", ">u2")],
}

Words = npt.NDArray[np.uint64]


def selected(expressions: Mapping[str, str], types: Mapping[str, str]) -> str:
    """SQL that selects the SQL `expressions`, by name, as `types` are read: null is NONE, or NaT."""
    return ", ".join(_SELECTED[kind].format(column=expressions[name]) for name, kind in types.items())


def _row(types: Mapping[str, str]) -> np.dtype[np.void]:
    """A row as it comes."""
    return np.dtype(
        [("fields", ">i2")]
        + [part for name, kind in types.items() for part in ((f"{name} bytes", ">i4"), (name, _TYPES[kind]))]
    )


class Sent:
    """A file for COPY that gives what comes to `take`, so many rows at a time."""

    def __init__(self, types: Mapping[str, str], take: Callable[[dict[str, Any]], None], piece: int) -> None:
        self._types, self._take, self._bytes = types, take, piece * _row(types).itemsize
        self._pending = bytearray()

    def write(self, data: bytes) -> int:
        """Some more of it."""
        self._pending += data
        if len(self._pending) >= HEADER_BYTES + self._bytes + len(TRAILER):
            self._give(HEADER_BYTES + self._bytes)
        return len(data)

    def end(self) -> None:
        """All has come."""
        self._give(len(self._pending) - len(TRAILER))

    def _give(self, end: int) -> None:
        """What came before `end`; what stays begins with the header, as that of a COPY does."""
        rows = bytes(self._pending[:end]) + TRAILER
        del self._pending[HEADER_BYTES:end]
        self._take(columns(rows, self._types))


def columns(data: bytes | memoryview, types: Mapping[str, str]) -> dict[str, npt.NDArray[Any]]:
    """The columns of what COPY … (FORMAT binary) sent; ValueError if a field is null or of another width."""
    row = _row(types)
    count, rest = divmod(len(data) - HEADER_BYTES - len(TRAILER), row.itemsize)
    rows = np.frombuffer(data, row, max(count, 0), HEADER_BYTES) if not rest else np.zeros(1, row)
    for name, kind in types.items():
        if (rows[f"{name} bytes"] != np.dtype(_TYPES[kind]).itemsize).any():
            raise ValueError(f"column {name} is not everywhere of type {kind}")
    return {name: _READ[kind](rows[name]) for name, kind in types.items()}


def place(number: int) -> str:
    """The text of a place that was read as a number."""
    return f"({number >> 16},{number & 0xFFFF})"


def numbers(uuids: Words) -> Array:
    """The number in each of `uuids` (pairs of words): the inverse of `systems.ids.uuid_of`; NONE if it has none."""
    high, low = _halves(uuids)
    prefix = int(ids.UUID_PREFIX.replace("-", ""), 16)
    digits = low & np.uint64(0xFFFF_FFFF_FFFF)
    sixes = np.uint64(0x6666_6666_6666)
    # Adding 6 to a digit above 9 carries into the next one: where a carry came in, a bit differs.
    carries = (digits + sixes) ^ digits ^ sixes
    known = (high == np.uint64(prefix >> 16)) & (low >> np.uint64(48) == np.uint64(prefix & 0xFFFF))
    known &= carries & np.uint64(0x1_1111_1111_1110) == 0
    # Pairs of digits, then fours, in place; at last the three fours.
    pairs = digits - np.uint64(16 - 10) * (digits >> np.uint64(4) & np.uint64(0x0F0F_0F0F_0F0F))
    fours = pairs - np.uint64(256 - 100) * (pairs >> np.uint64(8) & np.uint64(0x00FF_00FF_00FF))
    four = np.uint64(0xFFFF)
    number = (fours >> np.uint64(32)) * np.uint64(10**8)
    number += (fours >> np.uint64(16) & four) * np.uint64(10**4) + (fours & four)
    return np.where(known, number.astype(np.int64), NONE)


def operations(suffixes: Words) -> Array:
    """The number in each of `suffixes` (pairs of words, 16 characters): 16 hex digits in lower case, below 2**63."""
    high, low = _halves(suffixes)
    (upper, upper_known), (lower, lower_known) = hex_digits(high), hex_digits(low)
    known = upper_known & lower_known & (upper >> np.uint64(31) == 0)
    return np.where(known, (upper << np.uint64(32) | lower).astype(np.int64), NONE)


def hex_digits(characters: Words) -> tuple[Words, Mask]:
    """The number that eight characters stand for, and whether they are hex digits in lower case."""
    ones = np.uint64(0x0101_0101_0101_0101)
    # Letters are 0x61 … 0x66: a bit more than digits, 0x30 … 0x39, have.
    nibbles = (characters & ones * np.uint64(15)) + np.uint64(9) * (characters >> np.uint64(6) & ones)
    letters = (nibbles + ones * np.uint64(6)) >> np.uint64(4) & ones
    again = nibbles + ones * np.uint64(ord("0")) + letters * np.uint64(ord("a") - ord("0") - 10)
    known = (again == characters) & (nibbles & ones * np.uint64(0xF0) == 0)
    bytes_ = (nibbles | nibbles >> np.uint64(4)) & np.uint64(0x00FF_00FF_00FF_00FF)
    pairs = (bytes_ | bytes_ >> np.uint64(8)) & np.uint64(0x0000_FFFF_0000_FFFF)
    return (pairs | pairs >> np.uint64(16)) & np.uint64(0xFFFF_FFFF), known


def _halves(words: Words) -> tuple[Words, Words]:
    return words[:, 0].astype(np.uint64), words[:, 1].astype(np.uint64)


def _moments(stored: npt.NDArray[np.int64]) -> npt.NDArray[np.datetime64]:
    micros = stored.astype(np.int64)
    finite = (micros != np.iinfo(np.int64).min) & (micros != np.iinfo(np.int64).max)
    moments = np.where(finite, micros + np.where(finite, _EPOCH_US, 0), np.iinfo(np.int64).min)
    return moments.view("datetime64[us]")


def _whole(stored: npt.NDArray[np.int64]) -> Array:
    return stored.astype(np.int64)


def _words(stored: Words) -> Words:
    return stored.astype(np.uint64)


def _places(stored: npt.NDArray[np.void]) -> Array:
    places: Array = stored["block"].astype(np.int64) << 16 | stored["line"]
    return places


_READ: Mapping[str, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]] = {
    WHOLE: _whole,
    WRITER: _whole,
    ID: numbers,
    HEX: operations,
    MOMENT: _moments,
    WORDS: _words,
    PLACE: _places,
}
