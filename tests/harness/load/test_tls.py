"""The same over TLS: whom a client trusts, and which end is one."""

import socket
import ssl
from contextlib import closing
from pathlib import Path

import gevent
import pytest

from harness.errors import PlanError
from harness.load.http import Answer, Connection, NoAnswer, NotSent, Origin
from harness.outcomes import Failure
from tests.support.scripted_peer import OK, TLS, Peer, answering, ask, names, serving_tls


def test_tls_is_spoken_with_the_name_of_the_host_and_the_connection_is_kept() -> None:
    with serving_tls(answering(OK, OK), answering(OK)) as (server, asked):
        origin = Origin(server.url.replace("http://127.0.0.1", "https://localhost"), 60, str(TLS / "certificate.pem"))
        with closing(Connection(origin)) as connection:
            first, second = ask(connection), ask(connection)
            channel = connection._channel
            assert channel is not None
            while not channel.stale:
                gevent.sleep(0.001)  # until the peer's end has arrived
            third = ask(connection)

    assert first == second == third == Answer(200, b"{}")
    assert asked == ["localhost", "localhost"]
    assert (server.connections, server.requests) == (2, 3)


@pytest.mark.parametrize(
    ("raw", "in_order", "whole"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", True, True),
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", False, False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nto the end", False, True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nto the end\r\n0\r\n\r\n", False, True),
    ],
)
def test_a_cut_is_no_end_where_no_length_was_said(raw: bytes, in_order: bool, whole: bool) -> None:
    def script(server: Peer, sock: socket.socket) -> None:
        server.read(sock)
        sock.sendall(raw)
        if in_order and isinstance(sock, ssl.SSLSocket):
            sock.unwrap()

    with serving_tls(script) as (server, _):
        origin = Origin(server.url.replace("http://127.0.0.1", "https://localhost"), 60, str(TLS / "certificate.pem"))
        with closing(Connection(origin)) as connection:
            if whole:
                assert ask(connection) == Answer(200, b"to the end")
            else:
                with pytest.raises(NoAnswer, match="TLS was cut") as caught:
                    ask(connection)
                assert caught.value.failure is Failure.CLOSED_EARLY


def test_a_large_answer_through_tls_is_whole() -> None:
    body = bytes(range(256)) * 4000
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with serving_tls(answering(raw)) as (server, _):
        origin = Origin(server.url.replace("http://127.0.0.1", "https://localhost"), 60, str(TLS / "certificate.pem"))
        with closing(Connection(origin)) as connection:
            assert ask(connection).body == body


def test_a_certificate_that_is_not_trusted_or_of_another_name_is_no_connection_and_nothing_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for host, trusted in (("localhost", None), ("127.0.0.2", str(TLS / "certificate.pem"))):
        with serving_tls(answering(OK)) as (server, _):
            origin = Origin(f"https://{host}:{server.listener.getsockname()[1]}", 60, trusted)
            monkeypatch.setattr("gevent.socket.getaddrinfo", names("127.0.0.1"))
            with closing(Connection(origin)) as connection, pytest.raises(NotSent, match="no TLS with") as caught:
                ask(connection)
            assert server.requests == 0
        assert caught.value.failure is Failure.CONNECT_FAILED


def test_a_ca_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for name in ("ca.pem", "none.pem"):
        with pytest.raises(PlanError, match="expected certificates in PEM"):
            Origin("https://localhost", 60, str(tmp_path / name))
