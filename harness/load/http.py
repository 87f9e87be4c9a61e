"""One connection of one user: HTTP/1.1, each request sent exactly once: never resent, never redirected.

A connection that the server has closed is replaced *before* a request, when that is known; what
breaks after the first byte has left is an unknown outcome, and stays one.
"""

import math
import re
import ssl
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import gevent.socket
import httptools

from harness.errors import PlanError
from harness.load.channel import OURS, Broken, Channel, Deadlines, TlsChannel
from harness.load.transport import NoAnswer, NotSent
from harness.outcomes import Failure

CONNECT_TIMEOUT_S = 2.0
MAX_HEADER_BYTES = 64 * 1024
MAX_BODY_BYTES = 16 * 1024 * 1024
MAX_HEADS = 10_000
"""Heads of requests that are kept, for as many routes; paths may hold ids."""


_STATUS = re.compile(rb"HTTP/1\.[01] ([2-9]\d\d)(?: |\r\n|$)")
_INFORMATIONAL = re.compile(rb"HTTP/1\.[01] 1\d\d")


class Answer(NamedTuple):
    """A whole answer."""

    status: int
    body: bytes


class _Reading:
    """What the parser of one connection has seen of the current answer. Each callback costs, so there are few."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.reset()

    def reset(self) -> None:
        """Get ready for the next answer."""
        self.status = 0
        self.body = b""
        self.more: list[bytes] = []
        self.size = 0
        self.complete = self.keep_alive = self.extra = False

    def on_message_begin(self) -> None:
        """An answer begins: one after the whole answer belongs to no request."""
        self.extra = self.complete

    def on_body(self, data: bytes) -> None:
        """Keep a piece of the body; mostly there is only one."""
        self.size += len(data)
        if self.body:
            self.more.append(data)
        else:
            self.body = data

    def whole(self) -> bytes:
        """The body."""
        return b"".join([self.body, *self.more])

    def on_message_complete(self) -> None:
        """Done, unless it was informational (1xx): then the answer is still to come."""
        # Only now does the parser know these; it forgets before it reads on.
        status = self.parser.get_status_code()
        if status >= 200 and not self.complete:
            self.status = status
            self.keep_alive = self.parser.should_keep_alive()
            self.complete = True


class Origin:
    """Where requests go: the address of `url`, looked up once, and how long an exchange may take."""

    def __init__(self, url: str, timeout: float, ca_file: str | None = None) -> None:
        """`ca_file` (PEM) is trusted besides what the system trusts, for https."""
        parts = urlsplit(url)
        self.name = parts.hostname or ""
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self.prefix = parts.path.rstrip("/")
        self.authority = parts.netloc
        self.deadlines = Deadlines(timeout)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        if self._tls is not None and ca_file:
            try:
                self._tls.load_verify_locations(ca_file)
            except OSError as error:
                raise PlanError(f"PERF_CA_FILE={ca_file}: {error}: expected certificates in PEM") from None
        self._address: tuple[Any, ...] = ()
        self._heads: dict[str, bytes] = {}

    def connect(self) -> Channel:
        """A new connection; NotSent if there is none to be had."""
        try:
            if not self._address:
                found = gevent.socket.getaddrinfo(self.name, self.port, type=gevent.socket.SOCK_STREAM)
                self._address = found[0][4]
            if self._tls is None:
                channel = Channel(self._address, CONNECT_TIMEOUT_S)
            else:
                channel = TlsChannel(self._address, CONNECT_TIMEOUT_S, self._tls, self.name)
        except Broken as error:
            raise NotSent(error.failure) from None
        except OSError as error:
            ours = error.errno in OURS or isinstance(error, gevent.socket.gaierror)
            raise NotSent(Failure.LOCAL if ours else Failure.CONNECT_FAILED) from None
        self.deadlines.watch(channel)
        return channel

    def request(self, route: str, body: bytes, headers: bytes = b"") -> bytes:
        """The bytes of a request with a JSON body. `route` is a method and a path; each of `headers` ends with CRLF."""
        head = self._heads.get(route)
        if head is None:
            method, path = route.split(" ", 1)
            head = (
                f"{method} {self.prefix}{path} HTTP/1.1\r\nHost: {self.authority}\r\nContent-Type: application/json\r\n"
                "Accept: application/json\r\nContent-Length: "
            ).encode()
            if len(self._heads) < MAX_HEADS:
                self._heads[route] = head
        return b"%b%d\r\n%b\r\n%b" % (head, len(body), headers, body)


class Connection:
    """A keep-alive connection to `origin`, opened when first needed; for one user at a time."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self._channel: Channel | None = None
        self._reading = _Reading()

    def open(self) -> Channel:
        """Connect, unless there is an open connection; NotSent if that fails."""
        channel = self._channel
        if channel is None or channel.stale:
            self.close()
            channel = self._channel = self.origin.connect()
            self._reading = _Reading()
        return channel

    def exchange(self, request: bytes) -> Answer:
        """Send `request` once and read its answer; NotSent or NoAnswer if that fails."""
        channel = self.open()
        channel.until = time.monotonic() + self.origin.deadlines.seconds
        try:
            sent = channel.send(request)
            if sent < len(request):
                failure = Failure.READ_TIMEOUT if channel.expired else Failure.RESET
                raise (NoAnswer if sent else NotSent)(failure)
            answer = self._head(channel) if request.startswith(b"HEAD ") else self._answer(channel)
        except BaseException:
            # Also when the user is ended meanwhile: a connection left in mid-answer would serve it to the next request.
            self.close()
            raise
        channel.until = math.inf
        if not self._reading.keep_alive:
            self.close()
        return answer

    def close(self) -> None:
        """Drop the connection."""
        if self._channel is not None:
            self.origin.deadlines.channels.discard(self._channel)
            self._channel.close()
            self._channel = None

    def _head(self, channel: Channel) -> Answer:
        """The answer to HEAD: its headers tell of a body that does not come, which the parser would wait for."""
        data = b""
        while True:
            headers, end, rest = data.partition(b"\r\n\r\n")
            if end and not _INFORMATIONAL.match(headers):
                break
            more = b"" if end else self._receive(channel)
            if not end and not more:
                raise NoAnswer(Failure.CLOSED_EARLY)
            data = rest if end else data + more
            if len(data) > MAX_HEADER_BYTES:
                raise NoAnswer(Failure.TOO_LARGE)
        found = _STATUS.match(headers)
        if not found:
            raise NoAnswer(Failure.BAD_HTTP)
        self._reading.keep_alive = False  # it is not known where the next answer would begin
        return Answer(int(found.group(1)), b"")

    def _answer(self, channel: Channel) -> Answer:
        reading = self._reading
        reading.reset()
        data = self._receive(channel)
        head = data
        while True:
            if not data:
                # Without a length the end of the connection is the end of the body; else the answer was cut.
                status = reading.parser.get_status_code()
                if status < 200 or not _ends_with_its_connection(head):
                    raise NoAnswer(Failure.CLOSED_EARLY)
                return Answer(status, reading.whole())
            try:
                reading.parser.feed_data(data)
            except (httptools.HttpParserError, httptools.HttpParserUpgrade):
                raise NoAnswer(Failure.BAD_HTTP) from None
            if reading.complete:
                break
            if reading.size > MAX_BODY_BYTES or (not reading.size and len(head) > MAX_HEADER_BYTES):
                raise NoAnswer(Failure.TOO_LARGE)
            data = self._receive(channel)
            if len(head) <= MAX_HEADER_BYTES:
                head += data
        if reading.extra:
            raise NoAnswer(Failure.BAD_HTTP)
        return Answer(reading.status, reading.whole() if reading.more else reading.body)

    @staticmethod
    def _receive(channel: Channel) -> bytes:
        try:
            return channel.receive()
        except Broken as error:
            raise NoAnswer(error.failure) from None


def _ends_with_its_connection(data: bytes) -> bool:
    """Whether the headers of the answer are whole, and don't say where its body ends."""
    headers, end, rest = data.partition(b"\r\n\r\n")
    while end and _INFORMATIONAL.match(headers):
        headers, end, rest = rest.partition(b"\r\n\r\n")
    headers = headers.lower()
    return bool(end) and b"\ncontent-length:" not in headers and b"\ntransfer-encoding:" not in headers
