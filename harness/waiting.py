"""`python -m harness.waiting STAGE [MODULE…] [-- WORD…]`: a stage that waits, its imports done, until it has to begin.

It imports the stage and the modules, says so by a line to its stdin, which is a socket, and waits for one from there:
JSON of an Order. If it comes to the end of its stdin instead, for it is not needed or its parent is gone, it ends
without a word.
"""

import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TypedDict

from harness.parent import die_with_parent

KNOWN = "--"
"""Behind it are the words of the stage's command line that are known."""
STDIN = 0


class Order(TypedDict):
    """What a stage has to know to begin."""

    words: list[str]
    """The rest of its command line."""
    environment: dict[str, str]
    """What else belongs there."""
    parent: int
    """Whose child it is."""
    signal: int
    """What it gets when that dies."""


def main() -> int:
    """Be the stage on the command line, as soon as it is told to begin."""
    line = ""
    with suppress(OSError):  # the other end is gone
        os.write(STDIN, b"\n")
        line = sys.stdin.readline()
    if not line:
        return 0
    order: Order = json.loads(line)
    if die := die_with_parent(signal.Signals(order["signal"])):
        die()
    if os.getppid() != order["parent"]:
        return 0
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), STDIN)  # as all processes of ours have it
    os.environ.update(order["environment"])
    (stage, *_), known = _asked()
    sys.argv[1:] = [*known, *order["words"]]
    begin: Callable[[], int] = importlib.import_module(f"{stage}.__main__").main
    return begin()


def _imports() -> None:
    """Import all that was asked for; what can't be imported is said when the stage begins."""
    (stage, *modules), _ = _asked()
    for name in (f"{stage}.__main__", *modules):
        with suppress(Exception):
            importlib.import_module(name)


def _asked() -> tuple[list[str], list[str]]:
    """Stage and modules, and the words of the stage that are known."""
    words = sys.argv[1:]
    end = words.index(KNOWN) if KNOWN in words else len(words)
    return words[:end], words[end + 1 :]


if __name__ == "__main__":
    # Before what else of ours is needed: Locust changes the standard library under what has been imported.
    _imports()
    from harness.errors import leave

    leave(main)
