"""What a head says of its connection and its body is heeded, however it is written."""

import gzip
import math
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load import head
from harness.load.head import MAX_BODY_BYTES, Kept
from harness.load.transport import NoAnswer
from harness.outcomes import Failure

FIRST = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("data", "concerns"),
    [
        (b"Content-Length: 2\r\nConnection: keep-alive\r\n\r\n{}", False),
        (b"Content-Length: 2\r\n\r\n{}\nKeep-Alive: timeout=5", False),
        (b"Keep-Alive: timeout=5\r\n\r\n", True),
        (b"X: y\r\nKEEP-ALIVE: timeout=5\r\n\r\n", True),
        (b"content-encoding: gzip\r\n\r\n", True),
    ],
)
@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_only_a_head_that_may_concern_us_is_taken_apart(data: bytes, concerns: bool, before: bytes) -> None:
    # After an informational answer it is, in doubt.
    assert head.concerns_us(before + FIRST + data) >= concerns
    if not before:
        assert head.concerns_us(FIRST + data) == concerns


@pytest.mark.parametrize(
    ("data", "size", "all_said"),
    [
        (FIRST + b"Content-Length: 2\r\n\r\n{}", 2, True),
        (FIRST + b"A: 1\r\ncontent-length:  2 \r\nB: 2\r\n\r\n{}", 2, False),  # in doubt, and rare
        (FIRST + b"content-length: 2\r\nB: 2\r\n\r\n{}", 2, True),
        (FIRST + b"Content-Length: 0\r\n\r\n", 0, True),
        (FIRST + b"\r\n", 0, False),  # the body goes on to the end of the connection
        (FIRST + b"Content-Length: 22\r\n\r\n{}", 2, False),  # it was a status without a body
        (FIRST + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}", 2, False),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + FIRST + b"Content-Length: 2\r\n\r\n{}", 2, False),
        (FIRST + b"Content-Length: 2\r\n\r\n", 60, False),  # only the beginning of it is there
    ],
)
def test_a_head_says_all_if_another_body_of_as_many_bytes_would_be_read_the_same(
    data: bytes, size: int, all_said: bool
) -> None:
    assert head.says_all(data, size) == all_said


def test_the_fields_are_those_of_the_answer_itself() -> None:
    lines, end, rest = head.last(b"HTTP/1.1 103 Early\r\nA: 1\r\n\r\n" + FIRST + b"B: 2\r\nb:3 \r\n\r\n{}")

    assert (head.fields(lines), end, rest) == ({b"b": b"2, 3"}, b"\r\n\r\n", b"{}")


@pytest.mark.parametrize(
    ("fields", "seconds", "requests"),
    [
        ([b"timeout=5"], 4.0, math.inf),
        ([b"timeout=1"], 0.75, math.inf),
        ([b"timeout=0"], 0.0, math.inf),
        ([b'Timeout = "60" ; MAX=3'], 59.0, 2),
        ([b"timeout=5, max=100", b"timeout=5, max=99"], 4.0, 98),
        ([b"max=3", b"max=3"], math.inf, 1),
        ([b"max=1"], math.inf, 0),
        ([b"soon"], math.inf, math.inf),
    ],
)
def test_a_connection_is_used_as_long_as_the_peer_keeps_it(
    fields: list[bytes], seconds: float, requests: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    kept = Kept()
    for field in fields:
        kept.hear(field)
        kept.answered(now)

    assert kept._requests == requests
    assert kept.over() == (seconds == 0 or requests == 0)
    if 0 < seconds < math.inf:
        now += seconds - 0.01
        assert not kept.over()
        now += 0.02
        assert kept.over()


def raw(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


CODINGS = {
    "gzip": gzip.compress,
    "X-GZIP": gzip.compress,
    "deflate": zlib.compress,
    " deflate ": raw,
    "identity": bytes,
}


@given(st.binary(max_size=2000), st.sampled_from(list(CODINGS)))
def test_a_body_is_read_in_every_coding_that_we_know(body: bytes, coding: str) -> None:
    assert head.decoded(CODINGS[coding](body), {b"content-encoding": coding.encode()}) == body


def test_codings_are_undone_from_the_last_to_the_first() -> None:
    body = zlib.compress(gzip.compress(b"a", mtime=0) + gzip.compress(b"b", mtime=0))

    assert head.decoded(body, {b"content-encoding": b"gzip, deflate"}) == b"ab"
    assert head.decoded(b"", {b"content-encoding": b"br"}) == b""


@pytest.mark.parametrize(
    ("body", "coding", "failure", "why"),
    [
        (b"\x1b\x05", b"br", Failure.BAD_CODING, "br, which was not asked for"),
        (b"{}", b"gzip", Failure.BAD_CODING, "gzip: "),
        (b"\xff\xff", b"deflate", Failure.BAD_CODING, "deflate: "),
        (gzip.compress(b"x" * 100, mtime=0)[:-4], b"gzip", Failure.BAD_CODING, "gzip: the data is cut"),
        (gzip.compress(bytes(MAX_BODY_BYTES + 1), mtime=0), b"gzip", Failure.TOO_LARGE, "when decoded"),
    ],
)
def test_a_body_that_cant_be_read_is_named(body: bytes, coding: bytes, failure: Failure, why: str) -> None:
    with pytest.raises(NoAnswer, match=why) as caught:
        head.decoded(body, {b"content-encoding": coding})

    assert caught.value.failure is failure
