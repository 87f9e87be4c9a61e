"""`python -m harness.stack.proxy HOST:PORT`: a TCP proxy before that address, which delays, throttles, drops or cuts.

It listens on a free port of loopback, and tells it in its first line. Then a line of JSON on its standard input is a
wish, answered by a line with what it has counted since the last one; it ends with that input (`harness.stack.line`).

Until it is asked for something, each piece goes on as it comes. Both halves of a connection end by themselves; what one
side does not take in time is not read from the other.
"""

import asyncio
import json
import random
import socket
import struct
import sys
from collections import deque
from typing import Any, cast

HOST = "127.0.0.1"
MOST_WAITING = 256 * 1024
"""Bytes that wait in one direction of a connection; with more no more is read."""
RESET = struct.pack("ii", 1, 0)
"""For SO_LINGER: the connection ends by a reset."""


class Disturbed:
    """What is done to all connections, and what came of it since the last report."""

    def __init__(self) -> None:
        self.delay = self.rate = self.share = 0.0
        """Seconds; bytes a second in each direction; the share of answers that are dropped. 0: as it comes."""
        self.links: set[Link] = set()
        self.counts = {"connections": 0, "cut": 0, "answers": 0, "dropped": 0, "late": 0}
        self._free = [0.0, 0.0]
        self._random = random.Random(1)
        self._answers = 0
        self._drop_at = 0.0

    def due(self, back: bool, size: int, now: float) -> float:
        """When a piece of so many bytes goes on; `back` to the client."""
        due = now + (self.delay if back else 0.0)
        if self.rate:
            due = max(due, self._free[back])
            self._free[back] = due = due + size / self.rate
        if due > now:
            self.counts["late"] += 1
        return due

    def drops(self) -> bool:
        """Whether the answer that begins now is lost: of each 1/share one, by chance which."""
        self.counts["answers"] += 1
        if not self.share:
            return False
        self._answers += 1
        if self._answers * self.share < self._drop_at:
            return False
        self._drop_at = int(self._drop_at) + 1 + self._random.random()
        self.counts["dropped"] += 1
        return True

    def asked(self, wish: dict[str, Any]) -> dict[str, int]:
        """Do what is wished for; the counts since the last wish."""
        told = {**self.counts, "open": len(self.links)}
        self.counts = dict.fromkeys(self.counts, 0)
        self.delay, self.rate, self.share = (float(wish.get(name, 0.0)) for name in ("delay", "rate", "share"))
        self._answers, self._drop_at, self._free = 0, self._random.random(), [0.0, 0.0]
        if wish.get("cut"):
            told["cut"] = told["open"]
        for link in list(self.links):
            link.reset() if wish.get("cut") else link.hurry()
        return told


class Side(asyncio.Protocol):
    """One end of a link: what it receives goes to the other end."""

    def __init__(self, link: "Link", back: bool) -> None:
        """`back`: it receives from the target, for the client."""
        self.link, self.back = link, back
        self.transport: asyncio.Transport | None = None
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._ended = self._paused = self.full = False
        """Whether this side has sent its end; whether it is not read; whether it takes no more for now."""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def other(self) -> "Side":
        """The other end."""
        return self.link.client if self.back else self.link.target

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take what came before the other end was there."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.link.made(self)

    def data_received(self, data: bytes) -> None:
        """Pass a piece on when it is due."""
        if self.back and self.link.asked:
            self.link.asked = False
            if self.link.disturbed.drops():
                self.link.reset()
                return
        elif not self.back:
            self.link.asked = True
        now = self.link.loop.time()
        self._put(self.link.disturbed.due(self.back, len(data), now), data)

    def eof_received(self) -> bool:
        """Pass the end on, after all that came before it; the other direction goes on."""
        self._ended = True
        self._go_on()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """The link ends with either side; by a reset, if this one did so or left something unsaid."""
        self.link.lost(self, reset=error is not None)

    def pause_writing(self) -> None:
        """It takes no more for now: the other side is not read meanwhile."""
        self.full = True
        self.other.heed()

    def resume_writing(self) -> None:
        """It does again."""
        self.full = False
        self.other.heed()

    def heed(self) -> None:
        """Read, or don't, as there is room for what comes."""
        if self.transport is None or self.transport.is_closing():
            return
        crowded = self._size > MOST_WAITING or self.other.full or self.other.transport is None
        if crowded and not self._paused:
            self.transport.pause_reading()
        elif not crowded and self._paused:
            self.transport.resume_reading()
        self._paused = crowded
        self._go_on()

    def _put(self, due: float, data: bytes) -> None:
        self._waiting.append((due, data))
        self._size += len(data)
        self._go_on()
        if self._size > MOST_WAITING:
            self.heed()

    def hurry(self) -> None:
        """Hand on at once what waits for its time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._waiting = deque((0.0, data) for _, data in self._waiting)
        self._go_on()
        self.heed()

    def _go_on(self) -> None:
        """Hand on what is due, in its order."""
        if self._timer is not None or self.other.transport is None:
            return
        to, loop = self.other.transport, self.link.loop
        if to.is_closing():
            self._waiting.clear()
            self._size = 0
            return
        while self._waiting and not self.other.full:
            due, data = self._waiting[0]
            if due > loop.time():
                self._timer = loop.call_at(due, self._fired)
                return
            self._waiting.popleft()
            self._size -= len(data)
            to.write(data)
        if self._ended and not self._waiting:
            self._ended = False
            to.write_eof()
            self.link.ended(self)

    def _fired(self) -> None:
        self._timer = None
        self._go_on()
        self.heed()

    def close(self, reset: bool) -> None:
        """End it: at once if by a `reset`, else after what was handed to it."""
        if self._timer is not None:
            self._timer.cancel()
        if self.transport is None or self.transport.is_closing():
            return
        if reset:
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.transport.abort()
        else:
            self.transport.close()


class Link:
    """A connection of a client, and the one to the target that goes with it."""

    def __init__(self, disturbed: Disturbed, to: tuple[str, int]) -> None:
        self.disturbed, self._to = disturbed, to
        self.loop = asyncio.get_running_loop()
        self.client, self.target = Side(self, back=False), Side(self, back=True)
        self.asked = False
        """Whether the client has sent something since the target last did."""
        self._halves, self._over = 0, False
        self._connecting: asyncio.Task[None] | None = None

    def made(self, side: Side) -> None:
        """One of its ends is there."""
        if self._over:
            side.close(reset=True)
        elif side is self.client:
            self.disturbed.links.add(self)
            self.disturbed.counts["connections"] += 1
            self._connecting = self.loop.create_task(self._connect())
        for each in (self.client, self.target):
            each.heed()

    async def _connect(self) -> None:
        try:
            await self.loop.create_connection(lambda: self.target, *self._to)
        except OSError:
            self.reset()

    def ended(self, side: Side) -> None:
        """A direction is at its end; with both the link is."""
        self._halves += 1
        if self._halves == 2:
            for each in (self.client, self.target):
                each.close(reset=False)

    def lost(self, side: Side, reset: bool) -> None:
        """One end is gone."""
        side.other.close(reset)
        self._gone()

    def reset(self) -> None:
        """End both by a reset, whatever waits."""
        if self._connecting is not None:
            self._connecting.cancel()
        for side in (self.client, self.target):
            side.close(reset=True)
        self._gone()

    def hurry(self) -> None:
        """Hand on at once what waits for its time, both ways."""
        for side in (self.client, self.target):
            side.hurry()

    def _gone(self) -> None:
        self._over = True
        self.disturbed.links.discard(self)


async def serve(to: tuple[str, int]) -> None:
    """Stand before `to` until standard input ends."""
    disturbed, loop = Disturbed(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Link(disturbed, to).client, HOST, 0, backlog=2048)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    wishes = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(wishes), sys.stdin)
    while line := await wishes.readline():
        print(json.dumps(disturbed.asked(json.loads(line))), flush=True)


def main() -> int:
    """Stand before the address on the command line."""
    host, _, port = sys.argv[1].rpartition(":")
    asyncio.run(serve((host, int(port))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
