"""One connection of one user: HTTP/1.1, each request sent exactly once: never resent, never redirected.

A connection that the server has closed is replaced *before* a request, when that is known; what
breaks after the first byte has left is an unknown outcome, and stays one.
"""

import math
import re
import time
from typing import Any, Final

import gevent
import gevent.socket
import httptools

from harness import addresses
from harness.addresses import Address
from harness.load import head
from harness.load.answer import Answer as Answer
from harness.load.answer import Reading
from harness.load.channel import OURS, Broken, Channel, Deadlines, TlsChannel
from harness.load.habit import GRACE_S, NEVER, WATCHED, Habit
from harness.load.head import END, MAX_BODY_BYTES, Kept
from harness.load.spread import Spread
from harness.load.transport import NoAnswer, NotSent
from harness.outcomes import Failure

CONNECT_TIMEOUT_S = 2.0
"""How long connecting to one address may take."""
MAX_HEADER_BYTES: Final = 64 * 1024
MAX_HEADS: Final = 10_000
"""Heads of requests that are kept, of as many routes and lengths; paths may hold ids."""
MAX_KNOWN: Final = 256
"""Heads of answers that are kept; then all are forgotten, for they hold the time, and may hold ids."""

SHOWN_BYTES = 120
"""How much of a bad answer is shown."""

_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([2-9]\d\d)(?: |\r\n|$)")
_now: Final = time.monotonic


class Origin:
    """Where requests go: the addresses of `url`, and how long an exchange may take."""

    def __init__(self, url: str, timeout: float, ca_file: str | None = None) -> None:
        """`ca_file` (PEM) is trusted besides what the system trusts, for https."""
        where = self._where = addresses.where(url)
        self._spread = Spread(lambda: addresses.look_up(where, gevent.socket.getaddrinfo))
        self.deadlines = Deadlines(timeout)
        self.habit = Habit(where.authority)
        self._tls = addresses.trust(ca_file) if where.secure else None
        self._heads: dict[tuple[str, int], bytes] = {}
        self.known: dict[bytes, tuple[int, int]] = {}
        """Heads of answers that were parsed, and say all that there is to know: the status, and of how many bytes head
        and body are. Mostly the next answer has the same head, and need not be parsed.
        """
        self.latest: tuple[bytes, int, int] = (b"", 0, -1)
        """The one of them that came last, its status and size: most often the next one, too."""
        self.readings: list[Reading] = []
        """Parsers that are between two answers: what needs one takes it, and puts it back after a whole answer."""

    def connect(self) -> Channel:
        """A connection to the first address that accepts one; NotSent if none does, and a lookup finds no other."""
        tried: dict[Address, NotSent] = {}
        while True:
            try:
                untried = [address for address in self._spread.addresses() if address not in tried]
            except (OSError, UnicodeError) as error:
                raise NotSent(Failure.LOCAL, f"{self._where.name}: {error}") from None
            if not untried:
                # What ran out here is the reason only if no address had another.
                failed = list(tried.values())
                raise next((error for error in failed if error.failure is not Failure.LOCAL), failed[0])
            for address in untried:
                try:
                    channel = self._connect_to(address)
                except NotSent as error:
                    tried[address] = error
                    self._spread.failed(address)
                else:
                    self.deadlines.watch(channel)
                    return channel

    def _connect_to(self, address: Address) -> Channel:
        try:
            if self._tls is None:
                return Channel(address, CONNECT_TIMEOUT_S)
            return TlsChannel(address, CONNECT_TIMEOUT_S, self._tls, self._where.name)
        except Broken as error:
            raise NotSent(error.failure, error.detail) from None
        except OSError as error:
            failure = Failure.LOCAL if error.errno in OURS else Failure.CONNECT_FAILED
            raise NotSent(failure, f"{address[0]}: {error}") from None

    def request(self, route: str, body: Any, headers: Any = b"") -> bytes:
        """The bytes of a request with a JSON body. `route` is a method and a path; each of `headers` ends with CRLF.

        Body and headers are `bytes`, or what can be taken for them: compiled or not, a bytearray or a memoryview too.
        """
        key = route, len(body)
        lines = self._heads.get(key)
        if lines is None:
            method, path = route.split(" ", 1)
            lines = (
                f"{method} {self._where.prefix}{path} HTTP/1.1\r\nHost: {self._where.authority}\r\n"
                "Content-Type: application/json\r\nAccept: application/json\r\nAccept-Encoding: identity\r\n"
                f"Content-Length: {len(body)}\r\n"
            ).encode()
            if len(self._heads) < MAX_HEADS:
                self._heads[key] = lines
        made: bytes = b"%b%b\r\n%b" % (lines, headers, body) if headers else b"%b\r\n%b" % (lines, body)
        return made


AT_ONCE_S: Final = 0.0002
"""A request that follows an answer within this finds no end that came after it."""


class Connection:
    """A keep-alive connection to `origin`, opened when first needed; for one user at a time."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self._channel: Channel | None = None
        self._kept: Kept | None = None
        """What the peer said of how long it keeps the connection; None: nothing."""
        self._habit = origin.habit
        self._answers = 0
        """How many answers the connection gave, …"""
        self._opened = self._answered = 0.0
        """… when it was opened, and when the last of them came (s, monotonic clock)."""
        self._at_once = 0.0
        """Until when a request can be sent without a look (s, monotonic clock)."""
        self._seconds = origin.deadlines.seconds
        self._known = origin.known
        self._lasts = False
        """Whether the connection goes on after the answer, by the answer's word."""

    def open(self) -> Channel:
        """Connect, unless there is an open connection that the peer still keeps; NotSent if that fails."""
        channel = self._channel
        if channel is not None and self._answers == self._habit.doubtful:
            self._await_end(channel)
        if channel is not None and not (self._kept is not None and self._kept.over()):
            if channel.fresh():
                return channel
            self._ended()
        self.close()
        channel = self._channel = self.origin.connect()
        self._opened = time.monotonic()
        return channel

    def _ended(self) -> None:
        """The peer has ended the connection, which it had not announced."""
        if self._answers:
            self._habit.ended(self._answers, self._opened, self._answered)

    def _await_end(self, channel: Channel) -> None:
        """Wait until the peer has had the time to end the connection, if it does so after so many answers."""
        self._habit.doubtful = NEVER
        gevent.sleep(max(self._answered + GRACE_S - time.monotonic(), 0))
        if channel.fresh():
            self._habit.lasted(self._answers)
        else:
            self._habit.doubtful = self._answers

    def exchange(self, request: bytes) -> Answer:
        """Send `request` once and read its answer; NotSent or NoAnswer if that fails."""
        channel, now = self._channel, _now()
        # To ask the kernel for an end costs as much as to send. It is worth that where a peer may end the connection
        # with its answer, which the first few show, or where there was time for an end to come.
        if channel is None or channel.stale or now > self._at_once:
            channel = self.open()
            now = _now()
        channel.until = now + self._seconds
        try:
            sent = channel.send(request)
            if sent < len(request):
                self._ended()
                failure = Failure.READ_TIMEOUT if channel.expired else Failure.RESET
                raise (NoAnswer if sent else NotSent)(failure)
            answer = self._head(channel) if request.startswith(b"HEAD ") else self._answer(channel)
        except BaseException:
            # Also when the user is ended meanwhile: a connection left in mid-answer would serve it to the next request.
            self.close()
            raise
        channel.until = math.inf
        self._answers = answers = self._answers + 1
        if not self._lasts or answers >= self._habit.most:
            self.close()
            return answer
        self._answered = answered = _now()
        if self._kept is not None:
            self._kept.answered(answered)
        elif answers > WATCHED:
            self._at_once = answered + AT_ONCE_S
        return answer

    def close(self) -> None:
        """Drop the connection."""
        self._kept, self._answers, self._at_once = None, 0, 0.0
        if self._channel is not None:
            self.origin.deadlines.forget(self._channel)
            self._channel.close()
            self._channel = None

    def _head(self, channel: Channel) -> Answer:
        """The answer to HEAD: its headers tell of a body that does not come, which the parser would wait for."""
        data = b""
        while True:
            lines, end, _ = head.last(data)
            if end:
                break
            more = self._receive(channel)
            if not more:
                raise NoAnswer(Failure.CLOSED_EARLY, _ended(data))
            data += more
            if len(data) > MAX_HEADER_BYTES:
                raise NoAnswer(Failure.TOO_LARGE, f"more than {MAX_HEADER_BYTES:,} bytes of headers")
        found = _STATUS.match(lines)
        if not found:
            raise NoAnswer(Failure.BAD_HTTP, f"expected a line with a status: {_shown(lines)}")
        self._lasts = False  # it is not known where the next answer would begin
        return Answer(int(found.group(1)), b"")

    def _answer(self, channel: Channel) -> Answer:
        try:
            begin = channel.receive()
        except Broken as error:
            if error.failure is Failure.RESET:
                self._ended()
            raise NoAnswer(error.failure, error.detail) from None
        if not begin:
            self._ended()
        lines, status, size = self.origin.latest
        if len(begin) == size and begin.startswith(lines):
            self._lasts = True
            return Answer(status, begin[len(lines) :])
        place = begin.find(END) + len(END)
        lines = begin[:place]
        known = self._known.get(lines)
        if known is not None and len(begin) == known[1]:
            self._lasts = True
            self.origin.latest = lines, known[0], known[1]
            return Answer(known[0], begin[place:])
        return self._parsed(channel, begin)

    def _parsed(self, channel: Channel, begin: bytes) -> Answer:
        """The answer that begins so."""
        readings = self.origin.readings
        reading = readings.pop() if readings else Reading()
        data = begin
        while True:
            if not data:
                # Without a length the end of the connection is the end of the body; else the answer was cut.
                reading.status, reading.keep_alive = reading.parser.get_status_code(), False
                if reading.status < 200 or not _ends_with_its_connection(begin):
                    raise NoAnswer(Failure.CLOSED_EARLY, _ended(begin))
                if channel.cut:
                    raise NoAnswer(Failure.CLOSED_EARLY, "no length, and TLS was cut without its end")
                break
            try:
                reading.parser.feed_data(data)
            except httptools.HttpParserUpgrade:
                raise NoAnswer(Failure.BAD_HTTP, f"another protocol was not asked for: {_shown(begin)}") from None
            except httptools.HttpParserError as error:
                raise NoAnswer(Failure.BAD_HTTP, f"{error}: {_shown(begin)}") from None
            if reading.complete:
                break
            if reading.size > MAX_BODY_BYTES:
                raise NoAnswer(Failure.TOO_LARGE, f"more than {MAX_BODY_BYTES:,} bytes of a body: {_shown(begin)}")
            if not reading.size and len(begin) > MAX_HEADER_BYTES:
                raise NoAnswer(Failure.TOO_LARGE, f"more than {MAX_HEADER_BYTES:,} bytes of headers: {_shown(begin)}")
            data = self._receive(channel)
            if len(begin) <= MAX_HEADER_BYTES:
                begin += data
        if reading.extra:
            raise NoAnswer(Failure.BAD_HTTP, f"more than one answer to a request: {_shown(begin)}")
        status, body, self._lasts = reading.status, reading.whole(), reading.keep_alive
        if self._lasts:
            reading.reset()
            readings.append(reading)
        return Answer(status, self._heed(status, begin, body))

    def _heed(self, status: int, begin: bytes, body: bytes) -> bytes:
        """Take from the head that `begin` begins with what the parser leaves to us; the body, decoded."""
        if not head.concerns_us(begin):
            if self._lasts and head.says_all(begin, len(body)):
                if len(self._known) >= MAX_KNOWN:
                    self._known.clear()
                self._known[begin[: len(begin) - len(body)]] = status, len(begin)
            return body
        said = head.fields(head.last(begin)[0])
        keep_alive = said.get(b"keep-alive")
        if keep_alive is not None:
            self._kept, self._at_once = self._kept or Kept(), 0.0
            self._kept.hear(keep_alive)
        return head.decoded(body, said)

    @staticmethod
    def _receive(channel: Channel) -> bytes:
        try:
            return channel.receive()
        except Broken as error:
            raise NoAnswer(error.failure, error.detail) from None


def _ends_with_its_connection(data: bytes) -> bool:
    """Whether the headers of the answer are whole, and don't say where its body ends."""
    lines, end, _ = head.last(data)
    lines = lines.lower()
    return bool(end) and b"\ncontent-length:" not in lines and b"\ntransfer-encoding:" not in lines


def _ended(begin: bytes) -> str:
    """Where an answer that begins so was cut."""
    return f"the connection ended {f'in the middle of {_shown(begin)}' if begin else 'without an answer'}"


def _shown(data: bytes) -> str:
    return repr(data[:SHOWN_BYTES]) + "…" * (len(data) > SHOWN_BYTES)
