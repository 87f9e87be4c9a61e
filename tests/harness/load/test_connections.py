"""Connections are kept, replaced and spread over addresses without losing a request."""

import contextlib
import errno
import math
import select
import socket
import ssl
import threading
from contextlib import closing
from typing import Any

import gevent
import pytest

from harness.load.channel import TlsChannel
from harness.load.habit import GRACE_S, NEVER
from harness.load.http import Answer, Connection, NoAnswer, NotSent, Origin
from harness.outcomes import Failure
from tests.support.scripted_peer import OK, TLS, Peer, Script, answering, ask, names, serving, serving_tls


def test_a_connection_is_kept_and_replaced_before_a_request_when_the_peer_closed_it() -> None:
    with serving(answering(OK, OK), answering(OK)) as (server, connection):
        ask(connection)
        ask(connection)
        channel = connection._channel
        assert channel is not None
        while not channel.stale:
            gevent.sleep(0.001)  # until the peer's end has arrived
        ask(connection)

        assert (server.connections, server.requests) == (2, 3)


@pytest.mark.parametrize(
    "field", [b"Connection: close", b"CONNECTION: Upgrade, Close", b"Keep-Alive: timeout=0", b"keep-alive: max=1"]
)
def test_a_connection_that_the_peer_wants_closed_is_not_used_again(field: bytes) -> None:
    last = OK.replace(b"\r\n\r\n", b"\r\n%b\r\n\r\n" % field, 1)
    with serving(answering(last, OK), answering(OK)) as (server, connection):
        ask(connection)
        ask(connection)

        assert (server.connections, server.requests) == (2, 2)


def test_a_connection_is_used_as_often_and_as_long_as_the_peer_keeps_it() -> None:
    kept = OK.replace(b"\r\n\r\n", b"\r\nKeep-Alive: timeout=60, max=3\r\n\r\n", 1)
    with serving(answering(kept, OK, OK), answering(kept)) as (server, connection):
        for _ in range(4):
            ask(connection)

        assert (server.connections, server.requests) == (2, 4)


@pytest.mark.parametrize("before", [1, 8])
def test_a_peer_may_say_late_how_long_it_keeps_the_connection(before: int) -> None:
    # The head of the answers before is known by then, and requests are sent without a look.
    last = OK.replace(b"\r\n\r\n", b"\r\nKeep-Alive: max=1\r\n\r\n", 1)
    with serving(answering(*[OK] * before, last, OK), answering(OK)) as (server, connection):
        for _ in range(before + 2):
            ask(connection)

        assert (server.connections, server.requests) == (2, before + 2)


def ending(ended: threading.Event) -> Script:
    """Answer one request, then end the connection in order; `ended` is set when all of that has arrived."""

    def script(server: Peer, sock: socket.socket) -> None:
        if server.read(sock):
            sock.sendall(OK)
        if isinstance(sock, ssl.SSLSocket):
            sock.setblocking(False)
            with contextlib.suppress(ssl.SSLWantReadError):
                sock.unwrap()
            sock.setblocking(True)
        else:
            sock.shutdown(socket.SHUT_WR)
        ended.set()
        sock.settimeout(60)
        sock.recv(1)

    return script


def come(connection: Connection) -> bool:
    """Whether what was sent on after an answer has come: on a busy machine that takes a moment, also by loopback."""
    channel = connection._channel
    assert channel is not None
    if isinstance(channel, TlsChannel) and channel._incoming.pending > 0:
        return True
    return bool(select.select([channel._socket], [], [], 10)[0]) and channel._arrived()


@pytest.mark.parametrize("tls", [False, True])
def test_an_end_that_the_loop_has_had_no_turn_to_notice_is_seen_before_the_next_request(
    tls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.load.habit.PROMPT_S", -1)  # else it would soon be known beforehand
    ended = [threading.Event() for _ in range(20)]
    scripts = map(ending, ended)
    with serving_tls(*scripts) if tls else serving(*scripts) as (server, _):
        url = server.url.replace("http://127.0.0.1", "https://localhost") if tls else server.url
        with closing(Connection(Origin(url, 60, str(TLS / "certificate.pem")))) as connection:
            connection.origin.habit.doubtful = NEVER
            for end in ended:
                assert ask(connection) == Answer(200, b"{}")
                # Without gevent, so that the loop has no turn.
                assert end.wait(60)
                assert come(connection)

    assert (server.connections, server.requests) == (20, 20)


def test_an_end_that_is_still_on_its_way_is_awaited_after_the_first_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    leave, ended = threading.Event(), threading.Event()

    def hesitant(server: Peer, sock: socket.socket) -> None:
        server.read(sock)
        sock.sendall(OK)
        leave.wait(60)
        sock.shutdown(socket.SHUT_WR)
        ended.set()
        sock.recv(1)

    def sleep(seconds: float) -> None:
        assert 0 <= seconds <= GRACE_S
        leave.set()
        assert ended.wait(60)

    monkeypatch.setattr("gevent.sleep", sleep)
    with serving(hesitant, answering(OK)) as (server, connection):
        assert [ask(connection), ask(connection)] == [Answer(200, b"{}")] * 2
        assert (server.connections, server.requests) == (2, 2)


def test_a_peer_that_ends_connections_after_each_answer_costs_no_more_than_two_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cruel(server: Peer, sock: socket.socket) -> None:
        server.read(sock)
        sock.sendall(OK)
        sock.recv(1)  # if there is a next request, the rest of it stays unread: closing resets

    monkeypatch.setattr("harness.load.habit.PROMPT_S", math.inf)
    with serving(*[cruel] * 8) as (server, connection):
        connection.origin.habit.doubtful = NEVER
        found = []
        for _ in range(10):
            try:
                found.append(ask(connection).status)
            except NoAnswer as error:
                found.append(error.failure)

        assert found == [200, Failure.RESET, 200, Failure.RESET, *[200] * 6]
        assert (server.connections, server.requests) == (8, 8)


def test_an_answer_that_comes_before_the_request_is_sent_is_read() -> None:
    def hasty(server: Peer, sock: socket.socket) -> None:
        server.read(sock)
        sock.sendall(OK)
        while sock.recv(1 << 20):
            pass

    with serving(hasty) as (_, connection):
        assert connection.exchange(connection.origin.request("POST /x", bytes(30_000_000))) == Answer(200, b"{}")


def test_the_answer_is_asked_for_as_it_is() -> None:
    with serving(answering(OK)) as (server, connection):
        ask(connection)

    assert b"\r\nAccept-Encoding: identity\r\n" in server.heads[0]


@pytest.mark.parametrize("lookups", [("127.0.0.1,127.0.0.3",), ("127.0.0.3,127.0.0.1",), ("127.0.0.3", "127.0.0.1")])
def test_every_address_is_tried_and_the_name_looked_up_again(
    lookups: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gevent.socket.getaddrinfo", names(*lookups))
    with serving(answering(OK)) as (server, _):
        connection = Connection(Origin(f"http://target.test:{server.port}", 60))
        assert ask(connection) == Answer(200, b"{}")
        connection.close()

    assert server.requests == 1


def test_connections_are_spread_over_all_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gevent.socket.getaddrinfo", names("127.0.0.1,127.0.0.2"))
    with serving(*[answering(OK)] * 3) as (first, _):
        second = Peer(*[answering(OK)] * 3, host="127.0.0.2", port=first.port)
        origin = Origin(f"http://target.test:{first.port}", 60)
        for _ in range(6):
            with closing(Connection(origin)) as connection:
                ask(connection)
        second.close()

    assert (first.requests, second.requests) == (3, 3)


@pytest.mark.parametrize(
    ("codes", "told"),
    [
        ((errno.EADDRNOTAVAIL, errno.ECONNREFUSED), Failure.CONNECT_REFUSED),
        ((errno.EHOSTUNREACH, errno.EADDRNOTAVAIL), Failure.CONNECT_FAILED),
        ((errno.EADDRNOTAVAIL, errno.EADDRNOTAVAIL), Failure.LOCAL),
    ],
)
def test_what_ran_out_here_is_the_reason_only_if_no_address_had_another(
    codes: tuple[int, ...], told: Failure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gevent.socket.getaddrinfo", names("127.0.0.2,127.0.0.3"))
    left = iter(codes)

    class Failing(socket.socket):
        def connect_ex(self, address: Any) -> int:
            return next(left)

    monkeypatch.setattr("harness.load.channel.Socket", Failing)
    with pytest.raises(NotSent) as caught:
        Origin("http://target.test", 60).connect()

    assert caught.value.failure is told
    assert not list(left)


def test_a_name_without_addresses_is_a_fault_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("gevent.socket.getaddrinfo", none)
    with pytest.raises(NotSent, match="Name or service not known") as caught:
        ask(Connection(Origin("http://nowhere.test", 60)))

    assert caught.value.failure is Failure.LOCAL
