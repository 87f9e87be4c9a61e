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

from reports.samples.samples import Samples

DIGITS = 3
SUB_BUCKETS = 2048
"""The least power of two above 2 × 10**DIGITS: the values that are kept apart before the buckets double."""
HALF = SUB_BUCKETS // 2
HIGHEST_NS = 3_600_000_000_000
"""An hour; longer times count as this."""
INTERVAL_S = 1.0
MS = 1e6

_PAYLOAD, _COMPRESSED = 0x1C849313, 0x1C849314
"""The cookies of V2: of the counts, and of the counts deflated."""

Counts = npt.NDArray[np.int64]


def render(samples: Samples, created: float) -> str:
    """The log of a run that began at `created` (seconds since 1970)."""
    return "\n".join(_lines(samples, created)) + "\n"


def _lines(samples: Samples, created: float) -> Iterator[str]:
    yield "#[Histogram log format version 1.2]"
    yield f"#[StartTime: {created:.3f} (seconds since epoch)]"
    yield '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'
    frame = samples.frame
    response, kind = frame["response_s"].to_numpy(), frame["kind"].cat.codes.to_numpy()
    kinds = [_tag(str(name)) for name in frame["kind"].cat.categories]
    group = (frame["sched"].to_numpy() // INTERVAL_S).astype(np.int32)
    group *= len(kinds)
    group += kind
    group[np.isnan(response)] = -1
    order = np.argsort(group, kind="stable")
    group = group[order]
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    for begin, end in pairwise([*starts.tolist(), len(order)]):
        times = np.clip(response[order[begin:end]] * 1e9, 1, HIGHEST_NS).astype(np.int64)
        second, tag = divmod(int(group[begin]), len(kinds))
        at, longest = second * INTERVAL_S, times.max() / MS
        yield f"Tag={kinds[tag]},{at:.3f},{INTERVAL_S:.3f},{longest:.3f},{encode(counts(times))}"


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
