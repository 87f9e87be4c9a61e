"""Response times over the load: a picture in which each cell counts the operations that took that long then.

An indexed PNG, written by hand: its palette and its few bytes are all that a heatmap needs.
"""

import base64
import math
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reports.samples.samples import Samples

COLUMNS, ROWS = 240, 60
SHADES = 32
"""Of one hue: a scale of lightness, so that it is read without colour too."""
MARKS = tuple(float(f"{step}e{power}") for power in range(-7, 6) for step in (1, 2, 5))
"""Round numbers of seconds."""
PALE, DEEP, BRIGHT = (222, 235, 247), (8, 48, 107), (190, 226, 255)
ON_WHITE, ON_BLACK = (PALE, DEEP), ((24, 46, 78), BRIGHT)
"""From few to many, on either ground: what there is more of stands out more from it."""


class Heatmap(NamedTuple):
    """The picture (data URIs, lowest time at the bottom), what its edges are, and how many the fullest cell holds."""

    on_white: str
    on_black: str
    seconds: float
    low: float
    high: float
    marks: tuple[float, ...]
    """Round numbers (s) from `low` to `high`."""
    most: int
    counts: list[int]
    """How many operations took as long as each row stands for, from the lowest one up."""
    cells: list[list[int]]
    """Of each column, from the first on: each row, from the lowest one up, that has operations, and how many."""


def heatmap(samples: Samples) -> Heatmap | None:
    """The heatmap of all operations that ended; None if none did. Times are on a logarithmic axis."""
    least, most_seen, last = math.inf, 0.0, -math.inf
    for times, sched in _ended(samples):
        least, most_seen = min(least, float(times.min())), max(most_seen, float(times.max()))
        last = max(last, float(sched.max()))
    if not most_seen:
        return None
    seconds = max(last, samples.seconds)
    low, high = _edges(least, most_seen)
    found = np.zeros(ROWS * COLUMNS, np.int64)
    for times, sched in _ended(samples):
        across = np.clip(sched / seconds * COLUMNS, 0, COLUMNS - 1).astype(np.int64)
        up = np.clip(np.log(times / low) / math.log(high / low) * ROWS, 0, ROWS - 1).astype(np.int64)
        found += np.bincount((ROWS - 1 - up) * COLUMNS + across, minlength=ROWS * COLUMNS)
    cells = found.reshape(ROWS, COLUMNS)
    most = int(cells.max())
    # Logarithmic too: one slow operation among thousands of quick ones must be seen.
    shade = np.where(cells > 0, 1 + np.log(np.maximum(cells, 1)) / max(math.log(most), 1e-9) * (SHADES - 1), 0)
    pixels = np.clip(shade, 0, SHADES).astype(np.uint8)
    marks = tuple(mark for mark in MARKS if low <= mark <= high)
    counts = cells.sum(axis=1)[::-1].tolist()
    filled = [
        [told for row in np.flatnonzero(column).tolist() for told in (row, int(column[row]))]
        for column in cells[::-1].T
    ]
    return Heatmap(_png(pixels, *ON_WHITE), _png(pixels, *ON_BLACK), seconds, low, high, marks, most, counts, filled)


Times = npt.NDArray[np.float64]


def _ended(samples: Samples) -> Iterator[tuple[Times, Times]]:
    """The times of all operations that took any, and when these were due, a part at a time."""
    for part in samples.frame.parts():
        times = part.column("response_s")
        own = times > 0  # NaN is not
        if own.any():
            yield times[own], part.column("sched")[own]


def _edges(least: float, most: float) -> tuple[float, float]:
    """The marks below and above."""
    low = max((mark for mark in MARKS if mark <= least), default=MARKS[0])
    return low, min((mark for mark in MARKS if mark > most), default=MARKS[-1])


Colour = tuple[int, int, int]


def _png(pixels: npt.NDArray[np.uint8], few: Colour, many: Colour) -> str:
    """The URI of an indexed picture: 0 is clear, 1 … SHADES from `few` to `many`."""
    height, width = pixels.shape
    steps = np.linspace(0, 1, SHADES)[:, None]
    shades = np.rint(np.array(few) * (1 - steps) + np.array(many) * steps).astype(np.uint8)
    palette = bytes(3) + shades.tobytes()
    # Each line begins with its filter: none.
    lines = np.concatenate([np.zeros((height, 1), np.uint8), pixels], axis=1).tobytes()
    png = b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", palette),
            _chunk(b"tRNS", b"\0"),
            _chunk(b"IDAT", zlib.compress(lines, 9)),
            _chunk(b"IEND", b""),
        ]
    )
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
