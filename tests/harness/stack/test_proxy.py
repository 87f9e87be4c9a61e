"""The proxy passes every byte on as it came; and delays, throttles, drops and cuts what it is asked to, and no more."""

import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from harness.errors import StackError
from harness.stack.line import Line

PIECE = 1 << 16
NOWHERE = Path(os.devnull)


class Peer:
    """A server behind the proxy: each connection is served by `serve`, in a thread."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.serve: Callable[[socket.socket], None] = echo
        self.seen: list[bytes] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            self.serve(connection)


def echo(connection: socket.socket) -> None:
    while data := connection.recv(PIECE):
        connection.sendall(data)


@pytest.fixture(scope="module")
def _peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.socket.close()


@pytest.fixture(scope="module")
def _line(_peer: Peer) -> Iterator[Line]:
    line = Line("peer", f"127.0.0.1:{_peer.socket.getsockname()[1]}", NOWHERE)
    yield line
    line.stop()


@pytest.fixture
def peer(_peer: Peer) -> Peer:
    _peer.serve, _peer.seen = echo, []
    return _peer


@pytest.fixture
def line(_line: Line) -> Iterator[Line]:
    _line.ask()
    yield _line
    _line.ask(cut=1)


def connected(line: Line) -> socket.socket:
    return socket.create_connection(("127.0.0.1", line.port), timeout=30)


def whole(connection: socket.socket, size: int) -> bytes:
    """So many bytes; fewer at the end of the connection."""
    pieces: list[bytes] = []
    while size and (data := connection.recv(min(size, PIECE))):
        pieces.append(data)
        size -= len(data)
    return b"".join(pieces)


def is_reset(connection: socket.socket) -> bool:
    try:
        connection.recv(1)
    except ConnectionResetError:
        return True
    return False


def test_large_bodies_pass_both_ways_as_they_are(peer: Peer, line: Line) -> None:
    body = os.urandom(8 << 20)
    with closing(connected(line)) as connection:
        sender = threading.Thread(target=connection.sendall, args=(body,))
        sender.start()
        back = whole(connection, len(body))
        sender.join()

    assert hashlib.sha256(back).digest() == hashlib.sha256(body).digest()
    assert line.ask()["late"] == 0


def test_what_nobody_takes_is_not_read_on(peer: Peer, line: Line) -> None:
    held, go_on = threading.Event(), threading.Event()

    def serve(connection: socket.socket) -> None:
        held.set()
        go_on.wait(30)
        echo(connection)

    peer.serve = serve
    with closing(connected(line)) as connection:
        held.wait(30)
        connection.setblocking(False)
        taken = 0
        # The kernels' buffers and the proxy's are bounded: far less than this is taken, however often it is tried.
        for _ in range(200):
            with suppress(BlockingIOError):
                taken += connection.send(bytes(1 << 20))
        connection.setblocking(True)
        go_on.set()

        assert 0 < taken < 64 << 20
        assert whole(connection, taken) == bytes(taken)


def test_a_client_that_has_said_all_still_hears_the_answer(peer: Peer, line: Line) -> None:
    def serve(connection: socket.socket) -> None:
        said = whole(connection, 1 << 30)  # until its end
        connection.sendall(said * 1000)

    peer.serve = serve
    with closing(connected(line)) as connection:
        connection.sendall(b"question")
        connection.shutdown(socket.SHUT_WR)

        assert whole(connection, 1 << 30) == b"question" * 1000


def test_a_server_that_has_said_all_still_hears_the_client(peer: Peer, line: Line) -> None:
    heard = threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.sendall(b"bye")
        connection.shutdown(socket.SHUT_WR)
        peer.seen.append(whole(connection, 1 << 30))
        heard.set()

    peer.serve = serve
    with closing(connected(line)) as connection:
        assert whole(connection, 1 << 30) == b"bye"
        connection.sendall(b"last words")
    assert heard.wait(30)
    assert peer.seen == [b"last words"]


def test_answers_come_later_by_the_delay_and_in_their_order(peer: Peer, line: Line) -> None:
    with closing(connected(line)) as connection:
        connection.sendall(b"at once")
        assert whole(connection, 7) == b"at once"
        line.ask(delay=0.2)
        began = time.monotonic()
        connection.sendall(b"1")
        connection.sendall(b"2")
        back = whole(connection, 2)
        took = time.monotonic() - began

    assert (back, took >= 0.2) == (b"12", True)
    assert line.ask()["late"] >= 1


def test_a_throttled_line_has_its_rate_for_all_connections_together(peer: Peer, line: Line) -> None:
    line.ask(rate=1e6)
    body = bytes(150_000)
    with closing(connected(line)) as one, closing(connected(line)) as other:
        began = time.monotonic()
        for connection in (one, other):
            threading.Thread(target=connection.sendall, args=(body,), daemon=True).start()
        assert whole(one, len(body)) + whole(other, len(body)) == body * 2
        took = time.monotonic() - began

    # 300 kB there, which at 1 MB/s takes 300 ms; and the same back meanwhile.
    assert took >= 0.3
    assert line.ask()["late"] >= 2


def test_what_was_held_back_goes_on_when_that_is_taken_back(peer: Peer, line: Line) -> None:
    with closing(connected(line)) as connection:
        connection.sendall(b"first")
        assert whole(connection, 5) == b"first"
        line.ask(delay=3600.0)
        connection.sendall(b"second")
        while not line.ask(delay=3600.0)["late"]:
            pass
        line.ask()

        assert whole(connection, 6) == b"second"


def test_a_dropped_answer_is_of_a_request_that_arrived(peer: Peer, line: Line) -> None:
    def serve(connection: socket.socket) -> None:
        while data := connection.recv(PIECE):
            peer.seen.append(data)
            connection.sendall(b"done")

    peer.serve = serve
    line.ask(share=1.0)
    with closing(connected(line)) as connection:
        connection.sendall(b"request")

        assert is_reset(connection)
    assert peer.seen == [b"request"]
    told = line.ask()
    assert (told["answers"], told["dropped"]) == (1, 1)


def test_of_many_answers_just_the_share_is_dropped(peer: Peer, line: Line) -> None:
    line.ask(share=0.1)
    lost = 0
    for _ in range(100):
        with closing(connected(line)) as connection:
            connection.sendall(b"request")
            try:
                assert whole(connection, 7) == b"request"
            except ConnectionResetError:
                lost += 1

    told = line.ask()
    assert (told["answers"], told["dropped"]) == (100, lost)
    assert 9 <= lost <= 11


def test_what_a_server_says_unasked_is_no_answer(peer: Peer, line: Line) -> None:
    peer.serve = lambda connection: connection.sendall(b"hello")
    line.ask(share=1.0)
    with closing(connected(line)) as connection:
        assert whole(connection, 5) == b"hello"
    assert line.ask()["answers"] == 0


def test_all_connections_are_cut_once_and_new_ones_live(peer: Peer, line: Line) -> None:
    both = [connected(line) for _ in range(2)]
    for connection in both:
        connection.sendall(b"x")
        assert whole(connection, 1) == b"x"

    assert line.ask(cut=1)["cut"] == 2
    assert [is_reset(connection) for connection in both] == [True, True]
    for connection in both:
        connection.close()
    with closing(connected(line)) as connection:
        connection.sendall(b"again")
        assert whole(connection, 5) == b"again"


def test_a_peer_that_is_gone_is_a_reset() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    line = Line("nobody", f"127.0.0.1:{port}", NOWHERE)
    try:
        # It may come before the connection is seen to be made.
        with pytest.raises(ConnectionResetError), closing(connected(line)) as connection:
            connection.recv(1)
    finally:
        line.stop()


def test_a_proxy_that_ended_is_named() -> None:
    line = Line("nobody", "127.0.0.1:1", NOWHERE)
    line._proxy.kill()
    line._proxy.wait(30)
    with pytest.raises(StackError, match="the proxy before nobody ended with code -9"):
        line.ask()
    line.stop()


def test_it_ends_with_the_pipe_of_who_started_it() -> None:
    line = Line("nobody", "127.0.0.1:1", NOWHERE)
    assert line._proxy.stdin is not None
    line._proxy.stdin.close()

    assert line._proxy.wait(30) == 0
    line.stop()
