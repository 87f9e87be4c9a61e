"""The journal of operations that were made up, and what else of a history is the same for every system."""

import itertools
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.journal import PARTNER, RECORD
from harness.outcomes import Outcome

ID = "20261120T235501a1b2c3"
EVERY_NS, TOOK_NS = 10_000, 2_000_000
"""An operation begins every 10 µs, so that 200 are under way at once; in its middle it takes effect."""
AHEAD_NS = 3600 * 10**9
"""So long ago was the load."""
UNKNOWN = 0.01
"""The share of answers to new operations that are lost."""
LATEST = 1000
"""A key is sent again among so many that were acknowledged last."""

Column = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Made:
    """What is left of the operations: their records; rows, with a statement to be run in the same transaction; and
    what lies beside the journal, by the names of files.
    """

    records: npt.NDArray[np.void]
    into: str
    lines: Iterable[str]
    then: str
    beside: Mapping[str, bytes] = field(default_factory=dict)


class Streamed:
    """Lines as a file for COPY: they are never there as a whole."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)

    def read(self, _size: int = -1) -> str:
        """Some more of them; "" at the end."""
        return "".join(itertools.islice(self._lines, 100))


def drawn(
    mix: Mapping[str, int], again: tuple[str, ...], count: int, draw: np.random.Generator, every_ns: int = EVERY_NS
) -> Any:
    """`count` records of the kinds of `mix`, under keys of their own but for those `again` and the halves of races."""
    kinds, shares = list(mix), np.array(list(mix.values()))
    race, repeat = (kinds.index(name) if name in kinds else len(kinds) for name in ("race", "repeat"))
    kind = draw.choice(len(kinds), count, p=shares / shares.sum())
    kind[: 2 * LATEST] = 0
    kind = np.repeat(kind, 1 + (kind == race))[:count]
    # A race without its second half is none.
    if (kind == race).sum() % 2:
        kind[-1] = 0
    records, number = np.zeros(count, RECORD), np.arange(count)
    first, second = np.flatnonzero(kind == race).reshape(-1, 2).T
    records["kind"], records["key_of"] = kind, number
    records["key_of"][second], records["flags"][second] = first, PARTNER
    records["start"] = 1 + number * every_ns
    records["start"][second] = records["start"][first]
    records["sched"], records["end"] = records["start"], records["start"] + TOOK_NS
    records["outcome"] = Outcome.REJECT
    records["outcome"][first], records["outcome"][second] = Outcome.ACK, Outcome.REPLAY
    new = np.flatnonzero(kind == 0)
    records["outcome"][new] = np.where(draw.random(len(new)) < UNKNOWN, Outcome.UNKNOWN, Outcome.ACK)
    acknowledged = new[records["outcome"][new] == Outcome.ACK]
    later = np.flatnonzero(np.isin(kind, [kinds.index(name) for name in again]))
    known = np.searchsorted(acknowledged, later - 2 * TOOK_NS // every_ns - 1)
    records["key_of"][later] = acknowledged[known - 1 - (draw.random(len(later)) * LATEST).astype(np.int64)]
    repeats = kind == repeat
    records["outcome"][repeats] = Outcome.REPLAY
    return records


def escaped(text: str) -> str:
    """A text as COPY reads it."""
    if text.isprintable() and "\\" not in text:
        return text  # most are
    for plain, mark in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(plain, mark)
    return text


def moments(micros: Column) -> list[str]:
    """µs since the load began, as PostgreSQL reads them."""
    began = np.int64((time.time_ns() - AHEAD_NS) // 1000)
    return [f"{moment}Z" for moment in (began + micros).view("datetime64[us]").astype("str").tolist()]
