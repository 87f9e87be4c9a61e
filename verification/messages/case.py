"""Messages beside what was sent, also where their rows were read as numbers."""

from functools import cached_property, partial
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from systems import ids, messages
from verification.arrays import Array
from verification.case import NO_ITEMS, Case
from verification.messages.coded import ID_LOW
from verification.messages.sent import AS_SENT, special

_GROUPS = (8, 4, 4, 4, 12)
"""Of so many digits each is a UUID written."""
_HEX = np.frombuffer(bytes(range(256)).hex().encode(), np.uint16)
"""The two digits of each byte."""


class Deliveries(Case):
    """Rows and what must be stored may have AS_SENT for a text, and rows halves of an id: people are shown texts."""

    @cached_property
    def digests(self) -> Array:
        """For each row, the number for its id in a journal."""
        if ID_LOW not in self.rows:
            return super().digests
        hashed = partial(blake2b, digest_size=ids.DIGEST_BYTES)
        words = np.frombuffer(b"".join([hashed(text).digest() for text in _texts(self.rows).tolist()]), ">u8")
        return (words >> np.uint64(1)).astype(np.int64)

    def shown(self, frame: pd.DataFrame) -> list[dict[str, Any]]:
        """Lines of content or rows, for people."""
        if ID_LOW in frame:
            null = (frame["id"] == 0) & (frame[ID_LOW] == 0)
            texts = pd.Series(_texts(frame).astype("U"), frame.index, dtype="str")
            frame = frame.assign(id=texts.mask(null)).drop(columns=ID_LOW)
        found = super().shown(frame)
        for line in found:
            self._tell(line, line.get("op", -1))
        return found

    def witness(self, key: int, items: Array = NO_ITEMS) -> dict[str, Any]:
        """All that is known of a key."""
        found = super().witness(key, items)
        if found["expected"]:
            self._tell(found["expected"], found["operation"])
        return found

    def _tell(self, line: dict[str, Any], op: int) -> None:
        """Put the text that an operation sends where it is said to be that."""
        if line.get("message_content") == AS_SENT and op >= 0:
            line["message_content"] = messages.content(op, special(self.ledger))


def _texts(rows: pd.DataFrame) -> npt.NDArray[np.bytes_]:
    """The ids of rows as text, as PostgreSQL writes them."""
    halves = np.column_stack([rows["id"].to_numpy(), rows[ID_LOW].to_numpy()]).astype(">i8")
    digits = _HEX[halves.view(np.uint8)].view(np.uint8)
    texts = np.full((len(rows), sum(_GROUPS) + len(_GROUPS) - 1), ord("-"), np.uint8)
    first = 0
    for place, length in enumerate(_GROUPS):
        texts[:, first + place : first + place + length] = digits[:, first : first + length]
        first += length
    return texts.view("S36")[:, 0]
