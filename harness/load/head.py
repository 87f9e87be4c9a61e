"""What the head of an answer says and the parser leaves to us: how long the peer keeps the connection, and how the body
is coded.
"""

import math
import re
import time
import zlib
from collections.abc import Mapping
from typing import Final

from harness.load.transport import NoAnswer
from harness.outcomes import Failure

MAX_BODY_BYTES: Final = 16 * 1024 * 1024

END: Final = b"\r\n\r\n"
INFORMATIONAL = re.compile(rb"HTTP/1\.[01] 1\d\d")
"""The beginning of an answer after which another one comes."""

_PARAMETER = re.compile(rb'\b(timeout|max)\s*=\s*"?(\d{1,9})')

_GZIP_OR_ZLIB, _RAW = 32 + zlib.MAX_WBITS, -zlib.MAX_WBITS


def concerns_us(data: bytes) -> bool:
    """Whether the head of the answer that `data` begins with may have a field of those that `fields` is wanted for."""
    end = len(data) if data[9:10] == b"1" else data.find(END)
    lines = data[:end].lower()
    return b"\nkeep-alive:" in lines or b"\ncontent-encoding:" in lines


def says_all(answer: bytes, size: int) -> bool:
    """Whether `answer` is one head and a body of `size` bytes, and would be of any other body of as many, by the head's
    own word: its Content-Length.
    """
    end = len(answer) - size
    lines = answer[:end].lower()
    return (
        lines.find(END) == end - len(END)
        and b"\ntransfer-encoding:" not in lines
        and b"\ncontent-length: %d\r" % size in lines
    )


def last(data: bytes) -> tuple[bytes, bytes, bytes]:
    """The head of the answer itself in `data`, after those that are informational; its end, b"" if it is not whole; and
    what comes after it.
    """
    head, end, rest = data.partition(END)
    while end and INFORMATIONAL.match(head):
        head, end, rest = rest.partition(END)
    return head, end, rest


def fields(head: bytes) -> dict[bytes, bytes]:
    """The fields of a head by their names in lower case; the values of one that is there several times, with commas."""
    found: dict[bytes, bytes] = {}
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        name, value = name.strip().lower(), value.strip()
        found[name] = b"%b, %b" % (found[name], value) if name in found else value
    return found


class Kept:
    """How long a peer keeps a connection by its own word: `Keep-Alive: timeout=<seconds>, max=<requests>`."""

    def __init__(self) -> None:
        self._seconds = self._requests = self._until = math.inf

    def hear(self, value: bytes) -> None:
        """Heed the field of an answer.

        The peer's clock begins before ours, and the next request takes its time to get there: a quarter of the time, at
        most a second, is left unused. Some count in `max` the request that was answered, and some don't: we do.
        """
        said = {name.lower(): int(number) for name, number in _PARAMETER.findall(value.lower())}
        if b"timeout" in said:
            self._seconds = said[b"timeout"] - min(said[b"timeout"] / 4, 1.0)
        if b"max" in said:
            self._requests = min(self._requests, said[b"max"])

    def answered(self, now: float) -> None:
        """A request was answered `now` (s, monotonic clock)."""
        self._requests -= 1
        self._until = now + self._seconds

    def over(self) -> bool:
        """Whether the next request needs another connection."""
        return self._requests <= 0 or time.monotonic() >= self._until


def decoded(body: bytes, said: Mapping[bytes, bytes]) -> bytes:
    """The body of an answer with the fields `said`, decoded; it was asked for as it is. NoAnswer if its coding is not
    known, or the body does not have it.
    """
    for coding in reversed(said.get(b"content-encoding", b"").lower().split(b",")):
        coding = coding.strip()
        if not body or coding in (b"", b"identity"):
            continue
        if coding not in (b"gzip", b"x-gzip", b"deflate"):
            unknown = coding.decode("ascii", "replace")
            raise NoAnswer(Failure.BAD_CODING, f"Content-Encoding: {unknown}, which was not asked for")
        try:
            body = _undone(coding, body)
        except zlib.error as error:
            raise NoAnswer(Failure.BAD_CODING, f"Content-Encoding: {coding.decode()}: {error}") from None
    return body


def _undone(coding: bytes, body: bytes) -> bytes:
    """`body` without its `coding`; zlib.error if it has another."""
    try:
        return _inflated(body, _GZIP_OR_ZLIB)
    except zlib.error:
        # By the standard deflate is in the format of zlib; some send it without.
        if coding != b"deflate":
            raise
    return _inflated(body, _RAW)


def _inflated(data: bytes, bits: int) -> bytes:
    """All members of `data`; zlib.error if one is cut or isn't one, NoAnswer if they are too large."""
    whole = b""
    while data:
        member = zlib.decompressobj(bits)
        whole += member.decompress(data, MAX_BODY_BYTES + 1 - len(whole))
        if len(whole) > MAX_BODY_BYTES:
            raise NoAnswer(Failure.TOO_LARGE, f"more than {MAX_BODY_BYTES:,} bytes when decoded")
        if not member.eof:
            raise zlib.error("the data is cut")
        data = member.unused_data
    return whole
