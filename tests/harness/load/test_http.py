"""The client sends each request exactly once, and calls definite only what was answered whole."""

import contextlib
import gzip
import math
import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import gevent
import pytest

from harness.errors import PlanError
from harness.load.habit import GRACE_S, NEVER
from harness.load.http import MAX_BODY_BYTES, MAX_HEADER_BYTES, Answer, Connection, NoAnswer, NotSent, Origin
from harness.outcomes import Failure

Script = Callable[["Peer", socket.socket], None]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Peer:
    """A server that does with its connections, one after the other, what it was told; counts the requests it got."""

    def __init__(self, *scripts: Script, host: str = "127.0.0.1", port: int = 0) -> None:
        self.listener = socket.create_server((host, port))
        self.port: int = self.listener.getsockname()[1]
        self.url = f"http://{host}:{self.port}"
        self.requests = self.connections = 0
        self.heads: list[bytes] = []
        self.thread = threading.Thread(target=self._serve, args=(scripts,), daemon=True)
        self.thread.start()

    def _serve(self, scripts: tuple[Script, ...]) -> None:
        for script in scripts:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with sock:
                sock.settimeout(10)
                self.connections += 1
                try:
                    script(self, sock)
                except OSError:
                    continue

    def read(self, sock: socket.socket) -> bool:
        """Read one request; False if the client has gone."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = sock.recv(65536)
            if not more:
                return False
            data += more
        self.requests += 1
        self.heads.append(data)
        return True

    def close(self) -> None:
        """Take no more connections, and end."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(timeout=10)


@contextmanager
def serving(*scripts: Script) -> Iterator[tuple[Peer, Connection]]:
    """A peer that does with its n-th connection what the n-th script says, and a client of it."""
    server = Peer(*scripts)
    connection = Connection(Origin(server.url, 5))
    try:
        yield server, connection
    finally:
        connection.close()
        server.close()


def answering(*answers: bytes) -> Script:
    """To each request the next of `answers`; then the end of the connection."""

    def script(server: Peer, sock: socket.socket) -> None:
        for answer in answers:
            if not server.read(sock):
                return
            sock.sendall(answer)

    return script


def ask(connection: Connection) -> Answer:
    return connection.exchange(connection.origin.request("POST /x", b"{}"))


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
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(NotSent) as caught:
        ask(Connection(Origin(f"http://127.0.0.1:{port}", 5)))

    assert caught.value.failure is Failure.CONNECT_REFUSED


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
        sock.settimeout(10)
        sock.recv(1)

    return script


@pytest.mark.parametrize("tls", [False, True])
def test_an_end_that_the_loop_has_had_no_turn_to_notice_is_seen_before_the_next_request(
    tls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.load.habit.PROMPT_S", -1)  # else it would soon be known beforehand
    ended = [threading.Event() for _ in range(20)]
    scripts = map(ending, ended)
    with serving_tls(*scripts) if tls else serving(*scripts) as (server, _):
        url = server.url.replace("http://127.0.0.1", "https://localhost") if tls else server.url
        with closing(Connection(Origin(url, 5, str(TLS / "certificate.pem")))) as connection:
            connection.origin.habit.doubtful = NEVER
            for end in ended:
                assert ask(connection) == Answer(200, b"{}")
                # Without gevent, so that the loop has no turn.
                assert end.wait(10)

    assert (server.connections, server.requests) == (20, 20)


def test_an_end_that_is_still_on_its_way_is_awaited_after_the_first_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    leave, ended = threading.Event(), threading.Event()

    def hesitant(server: Peer, sock: socket.socket) -> None:
        server.read(sock)
        sock.sendall(OK)
        leave.wait(10)
        sock.shutdown(socket.SHUT_WR)
        ended.set()
        sock.recv(1)

    def sleep(seconds: float) -> None:
        assert 0 <= seconds <= GRACE_S
        leave.set()
        assert ended.wait(10)

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


def names(*lookups: str) -> Callable[..., list[Any]]:
    """A name server: to each lookup the addresses of the next of `lookups`, with commas; to later ones the last."""
    left = list(lookups)

    def look_up(_name: str, port: int, **_: Any) -> list[Any]:
        found = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found.split(",")]

    return look_up


@pytest.mark.parametrize("lookups", [("127.0.0.1,127.0.0.3",), ("127.0.0.3,127.0.0.1",), ("127.0.0.3", "127.0.0.1")])
def test_every_address_is_tried_and_the_name_looked_up_again(
    lookups: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gevent.socket.getaddrinfo", names(*lookups))
    with serving(answering(OK)) as (server, _):
        connection = Connection(Origin(f"http://target.test:{server.port}", 5))
        assert ask(connection) == Answer(200, b"{}")
        connection.close()

    assert server.requests == 1


def test_connections_are_spread_over_all_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gevent.socket.getaddrinfo", names("127.0.0.1,127.0.0.2"))
    with serving(*[answering(OK)] * 3) as (first, _):
        second = Peer(*[answering(OK)] * 3, host="127.0.0.2", port=first.port)
        origin = Origin(f"http://target.test:{first.port}", 5)
        for _ in range(6):
            with closing(Connection(origin)) as connection:
                ask(connection)
        second.close()

    assert (first.requests, second.requests) == (3, 3)


@pytest.mark.parametrize(
    ("failures", "told"),
    [
        ((Failure.LOCAL, Failure.CONNECT_REFUSED), Failure.CONNECT_REFUSED),
        ((Failure.CONNECT_TIMEOUT, Failure.LOCAL), Failure.CONNECT_TIMEOUT),
        ((Failure.LOCAL, Failure.LOCAL), Failure.LOCAL),
    ],
)
def test_what_ran_out_here_is_the_reason_only_if_no_address_had_another(
    failures: tuple[Failure, ...], told: Failure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gevent.socket.getaddrinfo", names("127.0.0.2,127.0.0.3"))
    origin, left = Origin("http://target.test", 5), iter(failures)

    def fail(_: object) -> None:
        raise NotSent(next(left))

    monkeypatch.setattr(origin, "_connect_to", fail)
    with pytest.raises(NotSent) as caught:
        origin.connect()

    assert caught.value.failure is told


def test_a_name_without_addresses_is_a_fault_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("gevent.socket.getaddrinfo", none)
    with pytest.raises(NotSent, match="Name or service not known") as caught:
        ask(Connection(Origin("http://nowhere.test", 5)))

    assert caught.value.failure is Failure.LOCAL


TLS = Path(__file__).parents[2] / "support" / "tls"


@contextmanager
def serving_tls(*scripts: Script) -> Iterator[tuple[Peer, list[str | None]]]:
    """The same through TLS, with a certificate for localhost; the names that clients asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
    asked: list[str | None] = []
    context.sni_callback = lambda sock, name, context: asked.append(name)

    def wrapped(script: Script) -> Script:
        def inside(server: Peer, sock: socket.socket) -> None:
            with contextlib.suppress(ssl.SSLError), context.wrap_socket(sock, server_side=True) as secure:
                script(server, secure)

        return inside

    with serving(*map(wrapped, scripts)) as (server, _):
        yield server, asked


def test_tls_is_spoken_with_the_name_of_the_host_and_the_connection_is_kept() -> None:
    with serving_tls(answering(OK, OK), answering(OK)) as (server, asked):
        origin = Origin(server.url.replace("http://127.0.0.1", "https://localhost"), 5, str(TLS / "certificate.pem"))
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
        origin = Origin(server.url.replace("http://127.0.0.1", "https://localhost"), 5, str(TLS / "certificate.pem"))
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
        origin = Origin(server.url.replace("http://127.0.0.1", "https://localhost"), 5, str(TLS / "certificate.pem"))
        with closing(Connection(origin)) as connection:
            assert ask(connection).body == body


def test_a_certificate_that_is_not_trusted_or_of_another_name_is_no_connection_and_nothing_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for host, trusted in (("localhost", None), ("127.0.0.2", str(TLS / "certificate.pem"))):
        with serving_tls(answering(OK)) as (server, _):
            origin = Origin(f"https://{host}:{server.listener.getsockname()[1]}", 5, trusted)
            monkeypatch.setattr("gevent.socket.getaddrinfo", names("127.0.0.1"))
            with closing(Connection(origin)) as connection, pytest.raises(NotSent, match="no TLS with") as caught:
                ask(connection)
            assert server.requests == 0
        assert caught.value.failure is Failure.CONNECT_FAILED


def test_a_ca_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for name in ("ca.pem", "none.pem"):
        with pytest.raises(PlanError, match="expected certificates in PEM"):
            Origin("https://localhost", 5, str(tmp_path / name))
