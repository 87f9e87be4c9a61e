"""A stage that has imported what it needs before there is anything for it to do, and waits until it is told to begin.

`python -m harness.ready STAGE [MODULE…]` imports the stage and the modules, and waits for a line on its stdin: JSON of
the words of the stage's command line, and of what else belongs into its environment. If it comes to the end of its
stdin instead, for it is not needed or its parent is gone, it ends without a word.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO, Any, Self

from harness import errors
from harness.parent import die_with_parent
from harness.project import environment
from harness.stack import process


class Ready:
    """A stage that waits; it does not outlive the block."""

    def __init__(self, name: str, *modules: str, surroundings: Mapping[str, str] | None = None, **streams: Any) -> None:
        """`surroundings`: its environment, by default that of all processes of ours; `streams`: as of subprocess."""
        self.name, self._begun = name, False
        # A session of its own: Ctrl-C is for the pipeline to decide about.
        self.child = subprocess.Popen(
            [sys.executable, "-m", "harness.ready", name, *modules],
            stdin=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env=environment() if surroundings is None else dict(surroundings),
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
            **streams,
        )

    def begin(self, words: Sequence[str], **values: str) -> subprocess.Popen[str]:
        """Have it do what its command line would; its process. One that has died meanwhile is none that does it."""
        self._begun = True
        with suppress(BrokenPipeError):
            print(json.dumps([list(words), values]), file=self._stdin, flush=True)
        self._end_of_input()
        return self.child

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end_of_input()
        try:
            self.child.wait(0 if self._begun else process.GRACE_S)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        for stream in (self.child.stdout, self.child.stderr):
            if stream:
                stream.close()

    @property
    def _stdin(self) -> IO[str]:
        assert self.child.stdin is not None
        return self.child.stdin

    def _end_of_input(self) -> None:
        with suppress(BrokenPipeError):
            self._stdin.close()


def main() -> int:
    """Be the stage on the command line, as soon as it is told to begin."""
    stage, *modules = sys.argv[1:]
    for name in (f"{stage}.__main__", *modules):
        with suppress(Exception):  # it is said when the stage needs it
            importlib.import_module(name)
    line = sys.stdin.readline()
    if not line:
        return 0
    words, values = json.loads(line)
    os.environ.update(values)
    sys.argv[1:] = words
    begin: Callable[[], int] = importlib.import_module(f"{stage}.__main__").main
    return begin()


if __name__ == "__main__":
    errors.command(main)
