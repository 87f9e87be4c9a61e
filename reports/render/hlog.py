"""timeline.hlog: the response times as HdrHistogram's tools read them, an interval for each second and kind.

An export: three digits are kept of each time, so that nothing of ours is computed from it. The format is version 1.2 of
HdrHistogram's log, with histograms encoded as V2 (zigzag LEB128, zlib, base64).
"""

import base64
import struct
import zlib
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from reports.samples.frame import Frame
from reports.samples.samples import Samples

DIGITS = 3
SUB_BUCKETS = 2048
"""The least power of two above 2 × 10**DIGITS: the values that are kept apart before the buckets double."""
HALF = SUB_BUCKETS // 2
HIGHEST_NS = 3_600_000_000_000
"""An hour; longer times count as this."""
INTERVAL_S = 1.0
MOST = 1 << 20
"""About so many times are in memory at once."""
MS = 1e6

_PAYLOAD, _COMPRESSED = 0x1C849313, 0x1C849314
"""The cookies of V2: of the counts, and of the counts deflated."""

Counts = npt.NDArray[np.int64]
Times = npt.NDArray[np.int64]


def render(samples: Samples, created: float) -> str:
    """The log of a run that began at `created` (seconds since 1970)."""
    return "\n".join(_lines(samples, created)) + "\n"


def _lines(samples: Samples, created: float) -> Iterator[str]:
    yield "#[Histogram log format version 1.2]"
    yield f"#[StartTime: {created:.3f} (seconds since epoch)]"
    yield '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'
    kinds = [_tag(name) for name in samples.frame.kinds]
    for times, group in _ordered(samples):
        starts = np.flatnonzero(np.diff(group, prepend=group[:1] - 1)) if len(group) else group
        for begin, end in pairwise([*starts.tolist(), len(group)]):
            own = times[begin:end]
            second, tag = divmod(int(group[begin]), len(kinds))
            at, longest = second * INTERVAL_S, own.max() / MS
            yield f"Tag={kinds[tag]},{at:.3f},{INTERVAL_S:.3f},{longest:.3f},{encode(counts(own))}"


def _ordered(samples: Samples) -> Iterator[tuple[Times, Times]]:
    """The times (ns) of all that has one, and a number for the second and kind of each, in the order of these numbers:
    about MOST of them at once, and all of a second.
    """
    frame, timed = samples.frame, samples.frame.groups.timed
    if not frame.count(timed):
        return
    seconds = [(int(own.min()), int(own.max())) for own in map(_second, frame.parts())]
    first = min(low for low, _ in seconds)
    counts = np.zeros(max(high for _, high in seconds) - first + 1, np.int64)
    for part in frame.parts():
        counts += np.bincount(_second(part)[timed[part.group]] - first, minlength=len(counts))
    cuts = np.flatnonzero(np.diff(np.cumsum(counts) // MOST, prepend=-1)).tolist()
    for begin, end in pairwise([*(first + cut for cut in cuts), first + len(counts)]):
        within = [
            _within(part, begin, end)
            for part, (low, high) in zip(frame.parts(), seconds, strict=True)
            if low < end and high >= begin
        ]
        times, group = (np.concatenate(values) for values in zip(*within, strict=True))
        order = np.argsort(group, kind="stable")
        yield times[order], group[order]


def _second(part: Frame) -> Times:
    """The second in which each operation was due."""
    return (part.column("sched") // INTERVAL_S).astype(np.int64)


def _within(part: Frame, begin: int, end: int) -> tuple[Times, Times]:
    """The times of those that were due from second `begin` on and before `end`, and their numbers."""
    second = _second(part)
    own = part.groups.timed[part.group] & (second >= begin) & (second < end)
    times = np.clip(part.column("response_s")[own] * 1e9, 1, HIGHEST_NS).astype(np.int64)
    return times, second[own] * len(part.kinds) + part.column("kind")[own]


def _tag(name: str) -> str:
    """A tag has neither commas nor spaces, nor ends its line."""
    return "".join(char if char.isalnum() or char in "-_./:" else "_" for char in name)


def counts(times: npt.NDArray[np.int64]) -> Counts:
    """How many of `times` (ns, above 0) fall into each bucket of the histogram, up to the last that has any."""
    bucket = np.maximum(np.frexp(times.astype(np.float64))[1] - 11, 0)
    sub = times >> bucket
    found: Counts = np.bincount((bucket + 1) * HALF + sub - HALF)
    return found


def encode(found: Counts) -> str:
    """A histogram as its log has it."""
    payload = b"".join(_numbers(found))
    header = struct.pack(">iiiiqqd", _PAYLOAD, len(payload), 0, DIGITS, 1, HIGHEST_NS, 1.0)
    deflated = zlib.compress(header + payload)
    return base64.b64encode(struct.pack(">ii", _COMPRESSED, len(deflated)) + deflated).decode()


def _numbers(found: Counts) -> Iterator[bytes]:
    """Counts, and how many buckets are empty between them as a negative number."""
    last = -1
    for place in np.flatnonzero(found).tolist():
        empty = place - last - 1
        if empty:
            yield _leb128(2 * empty - 1)
        yield _leb128(2 * int(found[place]))
        last = place


def _leb128(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
