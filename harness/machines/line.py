"""An agent's end of the connection with the depot: what it says and hears, and whether the master is still there.

ZeroMQ connects again by itself. What was under way when a connection broke is lost then, so that what is shipped is
kept until it is acknowledged, and sent again over the next connection.
"""

import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import zmq
from zmq.utils.monitor import parse_monitor_message

from harness.errors import StackError
from harness.machines import wire
from harness.machines.clocks import Trip
from harness.machines.key import FILE_VARIABLE, VARIABLE, JoinKey
from harness.machines.wire import Message

STRANGE = 3
"""So many handshakes must fail before the key is called wrong: a master that ends breaks one off, too."""


class Line:
    """The connection of an agent, which asks for the master's clock whenever it is told to."""

    def __init__(self, host: str, port: int, key: JoinKey, name: str) -> None:
        self._where = f"{host}:{port}"
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.IDENTITY, name.encode())
        self._socket.setsockopt(zmq.LINGER, 500)
        self._socket.setsockopt(zmq.RECONNECT_IVL, 100)
        self._socket.setsockopt(zmq.SNDHWM, 0)
        key.connect(self._socket)
        self._events = self._socket.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
        )
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._strange = 0
        self._broken_off: float | None = None
        self.connected = False
        """Whether there ever was a connection."""
        self.heard = time.monotonic()
        self.under_way: dict[int, Message] = {}
        """What was shipped and is not acknowledged, by its number."""
        self._shipped = 0
        self.trips: list[Trip] = []
        """The round trips that came back, to be taken out."""
        self.steps = ""
        """Stands for the search.json that was heard of last: the depot sends what is newer."""
        self._socket.connect(f"tcp://{host}:{port}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self._socket.disable_monitor()
        self._context.destroy(linger=500)

    def say(self, message: Message) -> None:
        """Send it, now or once there is a connection."""
        self._socket.send_multipart(wire.frames(message))

    def ask(self) -> None:
        """Ask for the master's clock."""
        self.say(Message(wire.PING, {"left": time.monotonic_ns(), "steps": self.steps}))

    def ship(self, message: Message) -> None:
        """Send it until it is acknowledged, or answered."""
        self._shipped += 1
        numbered = message._replace(data={**message.data, "seq": self._shipped})
        self.under_way[self._shipped] = numbered
        self.say(numbered)

    @property
    def free(self) -> bool:
        """Whether more may be shipped."""
        return len(self.under_way) < wire.CREDITS

    def hear(self, milliseconds: int) -> Iterator[Message]:
        """What has come, after waiting for it so long; clocks and acknowledgements are dealt with here.

        StackError if the master does not know our key.
        """
        came = self._poller.poll(milliseconds)
        self._look()
        while came:
            try:
                received = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            back = time.monotonic_ns()
            self.heard = time.monotonic()
            message = wire.message(received)
            if message.kind == wire.PONG:
                self.trips.append(Trip(int(message.data["left"]), int(message.data["there"]), back))
                if order := message.data.get("do"):
                    yield Message(order, {})
            elif message.kind == wire.ACK:
                self.under_way.pop(int(message.data["seq"]), None)
            else:
                self.under_way.pop(int(message.data.get("seq", 0)), None)
                yield message

    def _look(self) -> None:
        """What has become of the connection."""
        while self._events.poll(0):
            event = parse_monitor_message(self._events.recv_multipart())["event"]
            if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._strange, self._broken_off = 0, None
                if self.connected:
                    for message in list(self.under_way.values()):
                        self.say(message)
                self.connected = True
            elif event == zmq.EVENT_DISCONNECTED:
                self._broken_off = self._broken_off or time.monotonic()
            else:
                self._strange += 1
                if self._strange >= STRANGE and not self.connected:
                    raise StackError(
                        f"{self._where} does not know our key, or is no master of Proofload: expected the {VARIABLE} "
                        f"that its command printed, or {FILE_VARIABLE}"
                    )

    def gone(self) -> float:
        """For how many s the master's process has been gone: the connection ended, and there is no other; 0: it is not.

        Of a network that is cut nothing is heard either, but no connection ends.
        """
        return time.monotonic() - self._broken_off if self._broken_off is not None and self.connected else 0.0

    @property
    def silence(self) -> float:
        """For how many s nothing was heard."""
        return time.monotonic() - self.heard
