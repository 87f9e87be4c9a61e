"""One connection of one user: HTTP/1.1, each request sent exactly once: never resent, never redirected.

A connection that the server has closed is replaced *before* a request, when that is known; what
breaks after the first byte has left is an unknown outcome, and stays one.
"""

import socket
import ssl
import time
from typing import NamedTuple
from urllib.parse import urlsplit

import httptools

from harness.outcomes import Failure

CONNECT_TIMEOUT_S = 2.0
MAX_HEADER_BYTES = 64 * 1024
MAX_BODY_BYTES = 16 * 1024 * 1024
_READ_BYTES = 64 * 1024


class Answer(NamedTuple):
    """A whole answer."""

    status: int
    body: bytes


class NotSent(Exception):
    """No byte of the request was handed to the network: it can have had no effect."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.name)
        self.failure = failure


class NoAnswer(Exception):
    """The request was sent, in part or whole, and no whole answer came: nobody knows what became of it."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.name)
        self.failure = failure


class _Reading:
    """What the parser of one connection has seen of the current answer."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.reset()

    def reset(self) -> None:
        """Get ready for the next answer."""
        self.status = self.size = 0
        self.body: list[bytes] = []
        self.complete = self.keep_alive = self.framed = self.extra = False

    def on_message_begin(self) -> None:
        """An answer begins: one after the whole answer is one that nobody asked for."""
        self.extra = self.complete

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note whether the answer says where it ends."""
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self.framed = True

    def on_headers_complete(self) -> None:
        """Note the status; 0 until then."""
        if not self.complete:
            self.status = self.parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        """Keep a piece of the body."""
        self.size += len(data)
        self.body.append(data)

    def on_message_complete(self) -> None:
        """Done, unless it was informational (1xx): then the answer is still to come."""
        if self.status < 200:
            self.reset()
        else:
            # Only now does the parser know; it forgets before it reads on.
            self.keep_alive = self.parser.should_keep_alive()
            self.complete = True


class Connection:
    """A keep-alive connection to `base_url`; opened when first needed. `timeout` (s) bounds a whole exchange."""

    def __init__(self, base_url: str, timeout: float) -> None:
        parts = urlsplit(base_url)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._tls else 80)
        self._timeout = timeout
        self._prefix = parts.path.rstrip("/")
        self._authority = parts.netloc.rpartition("@")[2]
        self._socket: socket.socket | None = None
        self._reading: _Reading

    def request(self, method: str, path: str, body: bytes) -> bytes:
        """The bytes of a request with a JSON body."""
        return (
            f"{method} {self._prefix}{path} HTTP/1.1\r\nHost: {self._authority}\r\nContent-Type: application/json\r\n"
            f"Accept: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    def exchange(self, request: bytes) -> Answer:
        """Send `request` once and read its answer; NotSent or NoAnswer if that fails."""
        deadline = time.monotonic() + self._timeout
        sock = self._ready()
        try:
            self._send(sock, request, deadline)
            return self._receive(sock, deadline)
        except BaseException:
            # Also when the user is ended meanwhile: a connection left in mid-answer would serve it to the next request.
            self.close()
            raise

    def close(self) -> None:
        """Drop the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _ready(self) -> socket.socket:
        """A socket that is open as far as can be known before sending."""
        if self._socket is not None and self._is_stale(self._socket):
            self.close()
        if self._socket is None:
            self._socket = self._connect()
            self._reading = _Reading()
        self._reading.reset()
        return self._socket

    @staticmethod
    def _is_stale(sock: socket.socket) -> bool:
        """Whether the peer has closed, or has sent what nobody asked for."""
        sock.settimeout(0)
        try:
            sock.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            pass
        return True

    def _connect(self) -> socket.socket:
        try:
            sock = socket.create_connection((self._host, self._port), CONNECT_TIMEOUT_S)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self._tls.wrap_socket(sock, server_hostname=self._host) if self._tls else sock
        except ConnectionRefusedError:
            raise NotSent(Failure.CONNECT_REFUSED) from None
        except TimeoutError:
            raise NotSent(Failure.CONNECT_TIMEOUT) from None
        except OSError:
            raise NotSent(Failure.CONNECT_FAILED) from None

    @staticmethod
    def _send(sock: socket.socket, request: bytes, deadline: float) -> None:
        sent = 0
        try:
            while sent < len(request):
                sock.settimeout(max(deadline - time.monotonic(), 0.001))
                sent += sock.send(request[sent:] if sent else request)
        except TimeoutError:
            raise (NoAnswer if sent else NotSent)(Failure.READ_TIMEOUT) from None
        except OSError:
            raise (NoAnswer if sent else NotSent)(Failure.RESET) from None

    def _receive(self, sock: socket.socket, deadline: float) -> Answer:
        reading = self._reading
        head = 0
        while not reading.complete:
            left = deadline - time.monotonic()
            if left <= 0:
                raise NoAnswer(Failure.READ_TIMEOUT)
            sock.settimeout(left)
            try:
                data = sock.recv(_READ_BYTES)
            except TimeoutError:
                raise NoAnswer(Failure.READ_TIMEOUT) from None
            except OSError:
                raise NoAnswer(Failure.RESET) from None
            if not data:
                # Without a length the end of the connection is the end of the body; else the answer was cut.
                if not reading.status or reading.framed:
                    raise NoAnswer(Failure.CLOSED_EARLY)
                break
            try:
                reading.parser.feed_data(data)
            except httptools.HttpParserError:
                raise NoAnswer(Failure.BAD_HTTP) from None
            head += 0 if reading.status else len(data)
            if head > MAX_HEADER_BYTES or reading.size > MAX_BODY_BYTES:
                raise NoAnswer(Failure.TOO_LARGE)
        if reading.extra:
            raise NoAnswer(Failure.BAD_HTTP)
        if not reading.keep_alive:
            self.close()
        return Answer(reading.status, b"".join(reading.body))
