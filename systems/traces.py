"""The trace of an operation, as W3C Trace Context names it: computed from the operation's number, and that from it.

So nothing has to be stored of it: a run folder is enough to name the trace of each operation, and a trace of a run to
name the operation. A trace id is eight bytes of the run and eight of the operation's number, spread
over all 64 bits: samplers decide by these. The span of the request has the same eight bytes.
"""

import hashlib
import re
from collections.abc import Callable

HEADER = "traceparent"
SPREAD = 0x9E3779B97F4A7C15
"""Odd, so that it permutes the 64-bit numbers; of the golden ratio, so that neighbours end up far apart."""
_BITS = 64
_MASK = (1 << _BITS) - 1
_BACK = pow(SPREAD, -1, 1 << _BITS)
_TRACE = re.compile("[0-9a-f]{32}")


def trace_of(run: str, op: int) -> str:
    """The trace id of operation `op` of `run`: 32 hex digits."""
    return f"{_of(run)}{(op + 1) * SPREAD & _MASK:016x}"


def operation_of(run: str, trace: str) -> int | None:
    """The number of the operation of `run` that has this trace: the inverse of `trace_of`; None if none can have it."""
    mine = _of(run)
    if not _TRACE.fullmatch(trace) or not trace.startswith(mine):
        return None
    op = (int(trace[len(mine) :], 16) * _BACK & _MASK) - 1
    return op if 0 <= op < 1 << (_BITS - 1) else None


def header(run: str) -> Callable[[int], bytes]:
    """Makes the header field of an operation's request, ended by CRLF: always 70 bytes; sampled, so that who decides
    by that has the trace.
    """
    begin = f"{HEADER}: 00-{_of(run)}"

    def field(op: int) -> bytes:
        # No part of it is zero, which the standard forbids: op + 1 is below 2**64, and an odd factor permutes.
        low = ((op + 1) * SPREAD & _MASK).to_bytes(8, "big").hex()
        return f"{begin}{low}-{low}-01\r\n".encode()

    return field


def _of(run: str) -> str:
    """What all traces of a run begin with."""
    return hashlib.blake2b(run.encode(), digest_size=8).hexdigest()
