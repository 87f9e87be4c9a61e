"""The way to the target, or from it to PostgreSQL, where a plan disturbs it: it leads through a proxy of ours."""

import json
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, cast

from harness.errors import StackError
from harness.parent import die_with_parent
from harness.project import environment
from harness.stack import process


class Line:
    """A proxy before host:port that is up; `stop` it."""

    def __init__(self, name: str, to: str, log: Path) -> None:
        """`name` is what it leads to, for people; its errors go into `log`. StackError if it does not come up."""
        self.name, self._log = name, log
        # Without it a load would wait for ever: it ends with the pipeline, whose pipe is its standard input.
        with log.open("ab") as errors:
            self._proxy = subprocess.Popen(
                [sys.executable, "-m", "harness.stack.proxy", to],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment(),
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )
        self.port = self._told()["port"]
        """Where it listens, on 127.0.0.1."""

    def ask(self, **wish: float) -> dict[str, int]:
        """Have it do that and nothing else from now on: delay (s), rate (bytes a second), share (of answers to drop),
        cut (all connections, once). What it has counted since it was last asked: connections, open, cut, answers,
        dropped, late (pieces). StackError if it ended.
        """
        wishes = cast(IO[bytes], self._proxy.stdin)
        try:
            wishes.write(json.dumps(wish).encode() + b"\n")
            wishes.flush()
        except OSError:
            raise self._ended() from None
        return self._told()

    def _told(self) -> dict[str, int]:
        line = cast(IO[bytes], self._proxy.stdout).readline()
        if not line:
            raise self._ended()
        told: dict[str, int] = json.loads(line)
        return told

    def _ended(self) -> StackError:
        said = process.tail(self._log)
        return StackError(f"the proxy before {self.name} ended with code {self._proxy.wait()}\n{said}".rstrip())

    def stop(self) -> None:
        """End it, and all connections with it."""
        for pipe in (self._proxy.stdin, self._proxy.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # it may have ended
                    pipe.close()
        process.stop(self._proxy)
