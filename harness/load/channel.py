"""A stream of bytes to a peer, on which one user at a time waits; waiting costs no timer and no new watcher.

gevent's sockets start and stop a watcher and a timer for each wait, which costs more than the
system calls. Here a watcher is started once a connection and stays; timeouts are kept in the order
in which they end, and one timer for all checks the first.
"""

import contextlib
import errno
import math
import socket
import ssl
import time
from collections.abc import Callable
from itertools import cycle
from typing import Any, Final

import gevent.monkey
import gevent.socket
from greenlet import getcurrent, greenlet

from harness.addresses import Address, family
from harness.outcomes import Failure

Socket: type[socket.socket] = gevent.monkey.get_original("socket", "socket")
"""The standard library's, without gevent's waiting."""

LOOK_S = 0.01
"""How often at most some channels are looked at whose time may be up."""
SEND_LOOK_S = 0.05
"""How often a send that the peer holds up checks whether its time is up."""

READ_BYTES: Final = 16 * 1024
_READ: Final = 1
_current: Final = getcurrent

OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM})
"""What this machine has run out of."""


class Broken(Exception):
    """The stream can't go on."""

    def __init__(self, failure: Failure, detail: str = "") -> None:
        super().__init__(failure.name)
        self.failure, self.detail = failure, detail


class Deadlines:
    """Ends the exchanges of all channels that take longer than `seconds`; each is looked at twenty times in that."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        # One group after another, since a look at thousands of channels would hold up what is due meanwhile.
        groups = max(round(seconds / 20 / LOOK_S), 1)
        self._groups: list[set[Channel]] = [set() for _ in range(groups)]
        self._watching = cycle(self._groups)
        self._looking = cycle(self._groups)
        every = seconds / 20 / groups
        self._timer = gevent.get_hub().loop.timer(every, every, ref=False)
        self._running = False

    def watch(self, channel: "Channel") -> None:
        """Look at `channel` too, until it is closed."""
        channel.group = next(self._watching)
        channel.group.add(channel)
        if not self._running:
            self._running = True
            self._timer.start(self._look)

    def forget(self, channel: "Channel") -> None:
        """Look at it no more."""
        if channel.group is not None:
            channel.group.discard(channel)

    def _look(self) -> None:
        now = time.monotonic()
        # A list, since a user that is woken closes its channel.
        for channel in [each for each in next(self._looking) if each.until < now]:
            channel.expire()


class Channel:
    """A connected TCP stream."""

    def __init__(self, address: Address, timeout: float) -> None:
        """Connect within `timeout` seconds; Broken if that fails."""
        self._user: greenlet | None = None
        self.stale = self.expired = self._early = False
        self.cut = False
        """Whether the stream ended without the peer having said so, where it has a way to say it."""
        self.until = math.inf
        """When the exchange must be over (s, monotonic clock)."""
        self.group: set[Channel] | None = None
        """Among which its time is looked at."""
        self._socket = Socket(family(address), socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._connect(address, timeout)
        except BaseException:
            self._socket.close()
            raise
        self._hub = gevent.get_hub()
        self._watcher = self._hub.loop.io(self._socket.fileno(), _READ)
        self._watcher.start(self._readable)

    def _connect(self, address: Address, timeout: float) -> None:
        code = self._socket.connect_ex(address)
        if code == errno.EINPROGRESS:
            try:
                gevent.socket.wait_write(self._socket.fileno(), timeout, TimeoutError())
            except TimeoutError:
                raise Broken(Failure.CONNECT_TIMEOUT) from None
            code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            refused = Failure.CONNECT_REFUSED if code == errno.ECONNREFUSED else Failure.CONNECT_FAILED
            raise Broken(Failure.LOCAL if code in OURS else refused)

    def _readable(self) -> None:
        """Called in the hub, again and again as long as there is something to read."""
        user = self._user
        if user is None:
            # While a request is being sent it is the answer. Else the peer has closed, or sent what belongs to no
            # request. Either way it is done.
            self._early = self.until < math.inf
            self.stale = not self._early
            self._watcher.stop()
        else:
            self._user = None
            user.switch()

    def _arrived(self) -> bool:
        """Whether something has come and was not read, or the end, asked of the kernel."""
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def fresh(self) -> bool:
        """Whether nothing has come since the last answer, so that a request can be sent. The loop notices what comes,
        but may not have had a turn since; a request that follows the peer's end would be lost.
        """
        if not self.stale and self._arrived():
            self._readable()
        return not self.stale

    def expire(self) -> None:
        """Called in the hub when the time of the exchange is up."""
        self.expired, self.until = True, math.inf
        user, self._user = self._user, None
        if user is not None:
            user.switch()

    def send(self, data: bytes) -> int:
        """Send `data`; how much of it had been handed over when the stream broke, or all. Never sends a byte twice."""
        sent = 0
        while sent < len(data):
            try:
                sent += self._socket.send(data[sent:] if sent else data)
            except BlockingIOError:
                with contextlib.suppress(TimeoutError):
                    gevent.socket.wait_write(self._socket.fileno(), SEND_LOOK_S, TimeoutError())
                if self.expired:
                    return sent
            except OSError:
                return sent
        return sent

    def receive(self) -> bytes:
        """What the peer sends next; nothing at its end. Broken if that can't be, or the time is up."""
        if self._early:
            self._early = False
            self._watcher.start(self._readable)
        while True:
            self._user = _current()
            try:
                self._hub.switch()
            except BaseException:
                self._user = None
                raise
            if self.expired:
                raise Broken(Failure.READ_TIMEOUT)
            try:
                return self._socket.recv(READ_BYTES)
            except BlockingIOError:
                continue
            except OSError:
                raise Broken(Failure.RESET) from None

    def close(self) -> None:
        """Drop the connection."""
        self._watcher.stop()
        self._watcher.close()
        self._socket.close()


class TlsChannel(Channel):
    """The same through TLS."""

    def __init__(self, address: Address, timeout: float, context: ssl.SSLContext, name: str) -> None:
        super().__init__(address, timeout)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        try:
            with gevent.Timeout(timeout, TimeoutError()):
                self._until_done(self._tls.do_handshake)
        except TimeoutError:
            self.close()
            raise Broken(Failure.CONNECT_TIMEOUT) from None
        except (Broken, OSError) as error:
            self.close()
            raise Broken(Failure.CONNECT_FAILED, f"no TLS with {name}: {error}") from None
        except BaseException:
            self.close()
            raise

    def fresh(self) -> bool:
        """Also what came in one piece with the answer may be unread."""
        if not self.stale and (self._incoming.pending or self._tls.pending() or self._arrived()):
            self._readable()
        return not self.stale

    def _readable(self) -> None:
        if self._user is not None or self.until < math.inf or self._unasked():
            super()._readable()

    def _unasked(self) -> bool:
        """Whether what has come with no request open is the end, or belongs to HTTP: the peer may renew its keys at any
        time.
        """
        try:
            with contextlib.suppress(BlockingIOError):
                heard = self._socket.recv(READ_BYTES)
                if not heard:
                    return True
                self._incoming.write(heard)
            self._tls.read(1)
        except ssl.SSLWantReadError:
            return False
        except OSError:
            pass
        return True

    def _until_done(self, step: Callable[[], Any]) -> Any:
        """Do `step` of the TLS machine, with what it has to say and to hear in between."""
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self._flush()
                heard = super().receive()
                if heard:
                    self._incoming.write(heard)
                else:
                    self._incoming.write_eof()
            finally:
                self._flush()

    def _flush(self) -> None:
        said = self._outgoing.read()
        if said and super().send(said) < len(said):
            raise Broken(Failure.READ_TIMEOUT if self.expired else Failure.RESET)

    def send(self, data: bytes) -> int:
        """Send `data` as one record or more; 0 if none of them was handed over whole."""
        self._tls.write(data)
        said = self._outgoing.read()
        return len(data) if super().send(said) == len(said) else 1

    def receive(self) -> bytes:
        """What the peer sends next, in the clear."""
        try:
            data: bytes = self._until_done(lambda: self._tls.read(READ_BYTES))
        except ssl.SSLZeroReturnError:
            return b""
        except ssl.SSLEOFError:
            self.cut = True
            return b""
        except ssl.SSLError as error:
            raise Broken(Failure.RESET, f"TLS: {error}") from None
        return data
