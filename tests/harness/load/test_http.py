"""The client sends each request exactly once, and calls definite only what was answered whole."""

import gzip
import socket
import threading
import zlib
from contextlib import closing

import pytest

from harness.load.http import MAX_BODY_BYTES, MAX_HEADER_BYTES, Answer, Connection, NoAnswer, NotSent, Origin
from harness.outcomes import Failure
from tests.support.scripted_peer import OK, Peer, answering, ask, serving


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        (OK, Answer(200, b"{}")),
        (b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", Answer(201, b"{}")),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, Answer(200, b"{}")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", Answer(204, b"")),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", Answer(304, b"")),
        (b"HTTP/1.0 200 OK\r\n\r\nto the end", Answer(200, b"to the end")),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"{}", mtime=0), Answer(200, b"{}")),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: deflate\r\n\r\n" + zlib.compress(b"{}"), Answer(200, b"{}")),
        (b"HTTP/1.1 204 No Content\r\nContent-Encoding: br\r\n\r\n", Answer(204, b"")),
        (b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", Answer(302, b"")),
    ],
)
def test_a_whole_answer_is_read(raw: bytes, answer: Answer) -> None:
    with serving(answering(raw)) as (server, connection):
        assert ask(connection) == answer
        assert server.requests == 1


@pytest.mark.parametrize(
    ("raw", "failure", "why"),
    [
        (b"", Failure.CLOSED_EARLY, "ended without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", Failure.CLOSED_EARLY, "in the middle of b'HTTP/1.1 200 OK"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{", Failure.CLOSED_EARLY, "in the middle of"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", Failure.CLOSED_EARLY, "chunked"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Failure.BAD_HTTP, "Expected HTTP/.*b'SSH-2.0-OpenSSH_9.2"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", Failure.BAD_HTTP, "Content-Length: .*many"),
        (b"HTTP/1.1 101 Go\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", Failure.BAD_HTTP, "another protocol"),
        (OK + OK, Failure.BAD_HTTP, "more than one answer"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * (MAX_HEADER_BYTES + 70_000), Failure.TOO_LARGE, "65,536 bytes of headers"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MAX_BODY_BYTES + 70_000), Failure.TOO_LARGE, "bytes of a body"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n\x1b\x05", Failure.BAD_CODING, "br, which was not"),
    ],
)
def test_anything_but_a_whole_answer_is_unknown_and_the_request_was_sent_once(
    raw: bytes, failure: Failure, why: str
) -> None:
    with serving(answering(raw), answering(OK)) as (server, connection):
        with pytest.raises(NoAnswer, match=why) as caught:
            ask(connection)

        assert caught.value.failure is failure
        assert server.requests == 1


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n", Answer(200, b"")),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n", Answer(404, b"")),
        (b"HTTP/1.1 200 OK\r\nContent-Le", Failure.CLOSED_EARLY),
        (b"nonsense\r\n\r\n", Failure.BAD_HTTP),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * (MAX_HEADER_BYTES + 70_000), Failure.TOO_LARGE),
    ],
)
def test_the_answer_to_head_has_no_body_whatever_its_headers_say(raw: bytes, found: Answer | Failure) -> None:
    with serving(answering(raw), answering(OK)) as (server, connection):
        request = connection.origin.request("HEAD /x", b"")
        if isinstance(found, Answer):
            assert connection.exchange(request) == found
            assert ask(connection) == Answer(200, b"{}")
            assert (server.connections, server.requests) == (2, 2)
        else:
            with pytest.raises(NoAnswer) as caught:
                connection.exchange(request)
            assert caught.value.failure is found


def test_a_slow_drip_ends_at_the_timeout_of_the_whole_exchange() -> None:
    gone = threading.Event()

    def drip(server: Peer, sock: socket.socket) -> None:
        server.read(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while not gone.wait(0.02):
            sock.sendall(b"x")

    with serving(drip) as (server, _), closing(Connection(Origin(server.url, 0.2))) as connection:
        with pytest.raises(NoAnswer) as caught:
            ask(connection)
        gone.set()

    assert caught.value.failure is Failure.READ_TIMEOUT


def test_a_silent_peer_is_a_timeout() -> None:
    gone = threading.Event()

    def silent(server: Peer, sock: socket.socket) -> None:
        gone.wait(10)

    with serving(silent) as (server, _), closing(Connection(Origin(server.url, 0.1))) as connection:
        with pytest.raises(NoAnswer) as caught:
            ask(connection)
        gone.set()

    assert caught.value.failure is Failure.READ_TIMEOUT


def test_a_reset_is_unknown() -> None:
    def reset(server: Peer, sock: socket.socket) -> None:
        sock.recv(1)  # the rest stays unread: closing resets

    with serving(reset) as (_, connection), pytest.raises(NoAnswer) as caught:
        ask(connection)

    assert caught.value.failure is Failure.RESET


def test_nothing_is_sent_where_nobody_listens() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        with pytest.raises(NotSent) as caught:
            ask(Connection(Origin(f"http://127.0.0.1:{deaf.getsockname()[1]}", 60)))

    assert caught.value.failure is Failure.CONNECT_REFUSED
