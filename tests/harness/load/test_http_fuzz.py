"""Whatever a peer sends, in whatever pieces, is a whole answer or none; nothing else ever comes out of the client."""

import socket
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.load.answer import Answer
from harness.load.channel import Channel
from harness.load.http import Connection, NoAnswer, Origin

ORIGIN = Origin("http://127.0.0.1:1", 5)
SERVER = socket.create_server(("127.0.0.1", 0))
"""Accepts the connections whose streams are then told here."""


@pytest.fixture(scope="module", autouse=True)
def _ended() -> Iterator[None]:
    yield
    SERVER.close()


class Pieces:
    """A socket on which these pieces arrive, and then the end; and the loop that says so."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces: Iterator[bytes] = iter([piece for piece in pieces if piece])

    def send(self, data: bytes) -> int:
        return len(data)

    def recv(self, size: int, flags: int = 0) -> bytes:
        if flags:
            raise BlockingIOError
        return next(self.pieces, b"")

    def close(self) -> None:
        pass

    def switch(self) -> None:
        pass


def exchange(pieces: list[bytes], origin: Origin = ORIGIN) -> Answer | NoAnswer:
    connection = Connection(origin)
    channel: Any = Channel(SERVER.getsockname(), 60)
    SERVER.accept()[0].close()
    channel._watcher.stop()
    channel._socket.close()
    channel._socket = channel._hub = Pieces(pieces)
    connection._channel = channel
    try:
        return connection.exchange(b"POST / HTTP/1.1\r\n\r\n")
    except NoAnswer as error:
        return error
    finally:
        connection.close()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """`data` in pieces that end at these places."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


PLACES = st.lists(st.integers(0, 10_000), max_size=8)
WORDS = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.0 500 No\r\n",
        b"Content-Length: 2\r\n",
        b"Content-Length: -1\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"Keep-Alive: timeout=5, max=2\r\n",
        b"Content-Encoding: gzip\r\n",
        b"\x1f\x8b",
        b"2\r\n{}\r\n",
        b"0\r\n\r\n",
        b"\r\n",
        b"\n",
        b"\0",
        b"{}",
    ]
)


@given(st.one_of(st.binary(max_size=400), st.lists(WORDS, max_size=12).map(b"".join)), PLACES)
@example(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 ", [])
@example(b"HTTP/1.1 100 Continue\r\n\r\n", [])
@example(b"\r\n\r\n", [])
@example(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", [])
def test_garbage_is_an_answer_or_none(data: bytes, places: list[int]) -> None:
    found = exchange(cut(data, places))

    assert isinstance(found, NoAnswer) or 100 <= found.status <= 999


@given(st.integers(200, 599), st.binary(max_size=300), st.booleans(), st.integers(0, 3), PLACES)
def test_a_whole_answer_is_read_the_same_in_whatever_pieces_it_comes(
    status: int, body: bytes, chunked: bool, informational: int, places: list[int]
) -> None:
    if status in (204, 304):
        body = b""
    if chunked and status not in (204, 304):
        framing = b"Transfer-Encoding: chunked\r\n\r\n"
        sent = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in cut(body, places) if part) + b"0\r\n\r\n"
    else:
        framing, sent = b"Content-Length: %d\r\n\r\n" % len(body), body
    data = b"HTTP/1.1 100 Continue\r\n\r\n" * informational + b"HTTP/1.1 %d X\r\n" % status + framing + sent

    assert exchange(cut(data, places)) == Answer(status, body)


LIKELY = st.lists(WORDS, max_size=6).map(lambda words: b"HTTP/1.1 200 OK\r\n" + b"".join(words))


@given(st.lists(LIKELY, max_size=4), LIKELY, PLACES)
@example([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"], b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", [])
@example([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"], b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", [])
@example([b"HTTP/1.1 200 OK\r\n\r\n"], b"HTTP/1.1 200 OK\r\n\r\n{}", [])
def test_an_answer_is_read_the_same_whatever_was_read_before(
    before: list[bytes], data: bytes, places: list[int]
) -> None:
    origin = Origin("http://127.0.0.1:1", 5)
    for earlier in before:
        exchange([earlier], origin)

    found, fresh = exchange(cut(data, places), origin), exchange(cut(data, places), Origin("http://127.0.0.1:1", 5))
    assert str(found) == str(fresh)


@given(st.binary(min_size=1, max_size=50), st.integers(0, 200), st.integers(0, 2))
def test_an_answer_that_is_cut_is_none(body: bytes, place: int, informational: int) -> None:
    last = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    whole = b"HTTP/1.1 100 Continue\r\n\r\n" * informational + last

    assert isinstance(exchange([whole[: place % len(whole)]]), NoAnswer)
