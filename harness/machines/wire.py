"""What goes between the depot, in the pipeline's process, and the agents, one on each other machine.

A message is its kind, a JSON object and bytes. An agent speaks first, and whatever it ships is acknowledged: at most
CREDITS messages of it are under way, so that a slow way slows the shipping down and nothing else. What the depot says
may be lost with a connection: each answer for its clock says once more what a machine is to do, and what it asked for
by a message that is shipped it asks for again over the next connection.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

PROTOCOL = 2
"""The version of all this; the two ends must have the same."""

CREDITS = 8
CHUNK_BYTES = 256 * 1024
"""So much is shipped in one message at most, before it is compressed."""
ROUND_TRIPS = 32
"""How often the clock is asked for at the join; later once a second."""

HELLO, WELCOME, REFUSED = "hello", "welcome", "refused"
PING, PONG = "ping", "pong"
BUNDLE, WANT, PIECE, READY, UNFIT = "bundle", "want", "piece", "ready", "unfit"
START, EXITED, STOP = "start", "exited", "stop"
RECORDS, BYTES, ACK = "records", "bytes", "ack"
STEPS = "steps"
"""What search.json holds now."""
MANIFEST, AGAIN, BYE = "manifest", "again", "bye"


class Message(NamedTuple):
    """One message."""

    kind: str
    data: dict[str, Any]
    payload: bytes = b""


def frames(message: Message) -> list[bytes]:
    """As it is sent."""
    return [message.kind.encode(), json.dumps(message.data).encode(), message.payload]


def message(received: Sequence[bytes]) -> Message:
    """What was received; ValueError if it is no message of ours."""
    if len(received) != 3:
        raise ValueError(f"{len(received)} frames: expected 3")
    kind, data, payload = received
    value = json.loads(data)
    if not isinstance(value, dict):
        raise ValueError("expected an object")
    return Message(kind.decode("ascii"), value, payload)
