"""What a load process has written since the last time, to be shipped while it goes on.

A journal is no file that only grows: the end of an operation is written into its place later. So each time what differs
from what was shipped is shipped again, from the first place on that may still change. Its header page comes first, and
what is named beside it goes before the operations that need it. Everything may be shipped twice without harm.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.journal import HEADER_BYTES, MAGIC, RECORD
from harness.machines.wire import BYTES, CHUNK_BYTES, RECORDS, Message

RECORDS_A_CHUNK = CHUNK_BYTES // RECORD.itemsize
_WHOLE = np.dtype((np.void, RECORD.itemsize))

Records = npt.NDArray[np.void]


@dataclass
class Growing:
    """A file that is only appended to."""

    path: Path
    sent: int = 0
    there: bool = False
    """Whether it was shipped that there is such a file: it may stay empty."""

    def ship(self) -> Iterator[Message]:
        """What was added since."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.sent)
                if not self.there:
                    self.there = True
                    yield Message(BYTES, {"file": self.path.name, "offset": 0}, packed_bytes(b""))
                while data := file.read(CHUNK_BYTES):
                    about = {"file": self.path.name, "offset": self.sent}
                    self.sent += len(data)
                    yield Message(BYTES, about, packed_bytes(data))
        except FileNotFoundError:
            return


@dataclass
class Journalling:
    """The journal of a load process that goes on."""

    path: Path
    low: int = 0
    """The first place that may still change."""
    seen: Records = field(default_factory=lambda: np.zeros(0, RECORD))
    """What was there, from `low` on, the last time."""
    header: bytes = b""

    def look(self) -> Iterator[Message]:
        """Read it now, and ship, when asked for: the header if it has changed, and each operation that was begun or has
        changed since.
        """
        try:
            with self.path.open("rb") as file:
                page = file.read(HEADER_BYTES)
                file.seek(HEADER_BYTES + self.low * RECORD.itemsize)
                data = file.read()
            size = self.path.stat().st_size
        except FileNotFoundError:
            return iter(())
        if len(page) < HEADER_BYTES or not page.startswith(MAGIC):
            return iter(())  # it is just being made
        now = np.frombuffer(data[: len(data) // RECORD.itemsize * RECORD.itemsize], RECORD)
        empty = np.flatnonzero(now["start"] == 0)
        return self._ship(page, now[: empty[0]] if len(empty) else now, size)

    def _ship(self, page: bytes, now: Records, size: int) -> Iterator[Message]:
        same = np.zeros(len(now), bool)
        known = min(len(now), len(self.seen))
        same[:known] = now[:known].view(_WHOLE) == self.seen[:known].view(_WHOLE)
        changed = np.flatnonzero(~same)
        about = {"file": self.path.name, "size": size}
        if page != self.header:
            self.header = page
            yield Message(RECORDS, {**about, "places": 0}, packed_bytes(page))
        for first in range(0, len(changed), RECORDS_A_CHUNK):
            those = changed[first : first + RECORDS_A_CHUNK]
            yield Message(RECORDS, {**about, "places": len(those)}, packed(those + self.low, now[those]))
        # What was the same twice, and has ended, will not change any more: its end was not read half written.
        may_change = np.flatnonzero(~same | (now["end"] == 0))
        done = int(may_change[0]) if len(may_change) else len(now)
        self.low, self.seen = self.low + done, now[done:].copy()


def packed(places: npt.NDArray[np.int64], records: Records) -> bytes:
    """Operations and their places: field beside field, which is compressed to a third."""
    steps = np.diff(places, prepend=0).astype("<i8").tobytes()
    bytes_ = np.frombuffer(records.tobytes(), np.uint8).reshape(-1, RECORD.itemsize)
    return zlib.compress(steps + bytes_.T.tobytes(), 1)


def unpacked(count: int, payload: bytes) -> tuple[npt.NDArray[np.int64], Records]:
    """The places and the operations of so many; ValueError if there are others."""
    data = _inflated(payload, count * (RECORD.itemsize + 8))
    places = np.cumsum(np.frombuffer(data[: count * 8], "<i8"))
    columns = np.frombuffer(data[count * 8 :], np.uint8).reshape(RECORD.itemsize, count)
    return places, np.frombuffer(columns.T.tobytes(), RECORD)


def packed_bytes(data: bytes) -> bytes:
    """Bytes, compressed."""
    return zlib.compress(data, 1)


def inflated(payload: bytes) -> bytes:
    """The bytes that were shipped; ValueError if they are too many, or none of ours."""
    return _inflated(payload, None)


def _inflated(payload: bytes, size: int | None) -> bytes:
    member = zlib.decompressobj()
    try:
        data = member.decompress(payload, CHUNK_BYTES * 2)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not member.eof or (size is not None and len(data) != size):
        raise ValueError(
            f"{len(data):,} bytes: expected {'at most ' + format(CHUNK_BYTES, ',') if size is None else size}"
        )
    return data
