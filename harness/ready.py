"""A stage that has imported what it needs before there is anything for it to do (harness/waiting.py)."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

from harness.project import environment
from harness.stack import process
from harness.waiting import KNOWN, Order


class Ready:
    """A stage that waits; it does not outlive the block, unless it has begun and is `released`."""

    def __init__(
        self,
        name: str,
        *modules: str,
        words: Sequence[str] = (),
        surroundings: Mapping[str, str] | None = None,
        released: bool = False,
        on_parent_death: signal.Signals = signal.SIGTERM,
        **streams: Any,
    ) -> None:
        """`words`: of its command line, those that are known. `surroundings`: its environment, by default that of all
        processes of ours. `released`: who has it begin ends it, too. `streams`: as of subprocess.
        """
        self.name, self._begun, self._released = name, False, released
        self._on_parent_death = on_parent_death
        self._line, its = socket.socketpair()
        # A session of its own: Ctrl-C is for the pipeline to decide about.
        with its:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "harness.waiting", name, *modules, KNOWN, *words],
                stdin=its.fileno(),
                encoding="utf-8",
                errors="replace",
                env=environment() if surroundings is None else dict(surroundings),
                start_new_session=True,
                **streams,
            )

    def imported(self, seconds: float) -> bool:
        """Wait for the end of its imports, or its own, for so long at most; whether that has come."""
        self._line.settimeout(seconds)
        try:
            self._line.recv(1)
        except TimeoutError:
            return False
        except ConnectionError:  # it has ended
            pass
        return True

    def begin(self, words: Sequence[str], **values: str) -> subprocess.Popen[str]:
        """Have it do what its command line would, with `words` at the end; its process. One that has died meanwhile is
        none that does it.
        """
        self._begun = True
        order = Order(words=list(words), environment=values, parent=os.getpid(), signal=self._on_parent_death)
        with suppress(OSError):
            self._line.sendall(json.dumps(order).encode() + b"\n")
            self._line.shutdown(socket.SHUT_WR)
        return self.child

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()
        if self._begun and self._released:
            return
        try:
            self.child.wait(0 if self._begun else process.GRACE_S)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        for stream in (self.child.stdout, self.child.stderr):
            if stream:
                stream.close()
