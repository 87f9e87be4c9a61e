"""The join key: who has it is let in, and what goes over the wire is encrypted by it (CURVE, a part of ZeroMQ).

The key pair of the master is derived from it, so that it proves both: a machine that does not have the key can't make a
handshake with the master, and takes nobody else for it.
"""

import hashlib
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import zmq
from zmq.utils import z85

from harness.errors import PlanError

VARIABLE, FILE_VARIABLE = "PERF_JOIN_KEY", "PERF_JOIN_KEY_FILE"
_FORM = re.compile(r"[0-9a-fA-F]{64}")
BIND = "--master-bind-host"
NO_KEY = f"error: a master beyond this machine without {VARIABLE}: Locust's port would let everybody in; expected it"
EXPECTED = "expected 64 hexadecimal digits, as `openssl rand -hex 32` makes them"


@dataclass(frozen=True)
class JoinKey:
    """The key of a load. Its text is never shown, logged or put on a command line."""

    text: str

    def __repr__(self) -> str:
        return "JoinKey(…)"

    def environment(self) -> dict[str, str]:
        """What a process that needs it is started with: its environment is for nobody else to see."""
        return {VARIABLE: self.text}

    def listen(self, socket: zmq.Socket[bytes]) -> None:
        """Let nobody in at `socket`, which is to be bound, but who has the key."""
        socket.curve_server = True
        socket.curve_secretkey = self._secret

    def connect(self, socket: zmq.Socket[bytes]) -> None:
        """Have `socket`, which is to be connected, speak to the master with this key only."""
        socket.curve_serverkey = zmq.curve_public(self._secret)
        socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()

    @property
    def _secret(self) -> bytes:
        return bytes(z85.encode(hashlib.sha256(b"proofload master " + bytes.fromhex(self.text)).digest()))


def made() -> JoinKey:
    """Another one, by chance."""
    return JoinKey(secrets.token_hex(32))


def given() -> JoinKey | None:
    """The key of PERF_JOIN_KEY, or of the file that PERF_JOIN_KEY_FILE names; None if neither is set.

    PlanError if it is none. It is taken out of our environment: only what needs it is to be started with it.
    """
    text, file = os.environ.pop(VARIABLE, ""), os.environ.get(FILE_VARIABLE, "")
    if text and file:
        raise PlanError(f"{VARIABLE} with {FILE_VARIABLE}: expected one of them")
    where = VARIABLE
    if file:
        where = f"{FILE_VARIABLE}={file}"
        try:
            text = Path(file).read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "not the text of a key"
            raise PlanError(f"{where}: {why}: {EXPECTED}") from None
    elif not text:
        return None
    if not _FORM.fullmatch(text):
        raise PlanError(f"{where}: {len(text)} characters that are no key: {EXPECTED}")
    return JoinKey(text.lower())


def of_process() -> JoinKey | None:
    """The key that a load process was started with; None if it needs none, since all are on this machine."""
    text = os.environ.pop(VARIABLE, "")
    return JoinKey(text) if text else None


def open_to_all(words: Sequence[str]) -> bool:
    """Whether these words of a command line have Locust's master listen beyond this machine."""
    host = words[words.index(BIND) + 1] if BIND in words[:-1] else "*"
    return "--master" in words and host not in ("127.0.0.1", "localhost", "::1")
