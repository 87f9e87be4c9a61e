"""Response times over the load: a picture in which each cell counts the operations that took that long then.

An indexed PNG, written by hand: its palette and its few bytes are all that a heatmap needs.
"""

import base64
import math
import struct
import zlib
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reports.samples.samples import Samples

COLUMNS, ROWS = 240, 60
SHADES = 32
"""Of one hue, from nearly clear to dark: a scale of lightness, so that it is read without colour too."""
MARKS = tuple(float(f"{step}e{power}") for power in range(-7, 6) for step in (1, 2, 5))
"""Round numbers of seconds."""
LIGHT, DARK = (222, 235, 247), (8, 48, 107)


class Heatmap(NamedTuple):
    """The picture (a data URI, lowest time at the bottom), what its edges are, and how many the darkest cell holds."""

    picture: str
    seconds: float
    low: float
    high: float
    marks: tuple[float, ...]
    """Round numbers (s) from `low` to `high`."""
    most: int


def heatmap(samples: Samples) -> Heatmap | None:
    """The heatmap of all operations that ended; None if none did. Times are on a logarithmic axis."""
    frame = samples.frame
    ended = frame["response_s"].notna().to_numpy()
    times, sched = frame["response_s"].to_numpy()[ended], frame["sched"].to_numpy()[ended]
    times, sched = times[times > 0], sched[times > 0]
    if not len(times):
        return None
    seconds = max(float(sched.max()), samples.seconds)
    low, high = _edges(float(times.min()), float(times.max()))
    across = np.clip(sched / seconds * COLUMNS, 0, COLUMNS - 1).astype(np.int64)
    up = np.clip(np.log(times / low) / math.log(high / low) * ROWS, 0, ROWS - 1).astype(np.int64)
    cells = np.bincount((ROWS - 1 - up) * COLUMNS + across, minlength=ROWS * COLUMNS).reshape(ROWS, COLUMNS)
    most = int(cells.max())
    # Logarithmic too: one slow operation among thousands of quick ones must be seen.
    shade = np.where(cells > 0, 1 + np.log(np.maximum(cells, 1)) / max(math.log(most), 1e-9) * (SHADES - 1), 0)
    png = _png(np.clip(shade, 0, SHADES).astype(np.uint8))
    marks = tuple(mark for mark in MARKS if low <= mark <= high)
    return Heatmap(f"data:image/png;base64,{base64.b64encode(png).decode()}", seconds, low, high, marks, most)


def _edges(least: float, most: float) -> tuple[float, float]:
    """The marks below and above."""
    low = max((mark for mark in MARKS if mark <= least), default=MARKS[0])
    return low, min((mark for mark in MARKS if mark > most), default=MARKS[-1])


def _png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """An indexed picture: 0 is clear, 1 … SHADES from light to dark."""
    height, width = pixels.shape
    steps = np.linspace(0, 1, SHADES)[:, None]
    shades = np.rint(np.array(LIGHT) * (1 - steps) + np.array(DARK) * steps).astype(np.uint8)
    palette = bytes(3) + shades.tobytes()
    # Each line begins with its filter: none.
    lines = np.concatenate([np.zeros((height, 1), np.uint8), pixels], axis=1).tobytes()
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", palette),
            _chunk(b"tRNS", b"\0"),
            _chunk(b"IDAT", zlib.compress(lines, 9)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
