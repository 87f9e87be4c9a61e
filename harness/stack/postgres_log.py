"""What PostgreSQL wrote to its log while a run was on: errors by their code, and whether it crashed and recovered."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PREFIX = "%m [%p] %e %q<%a> "
"""For log_line_prefix: time, process, SQLSTATE and, of a session, the name of its application."""

_LINE = re.compile(rb"^\S+ \S+ \S+ \[\d+\] (\w{5}) (?:<(.*?)> )?(?:ERROR|FATAL|PANIC):", re.MULTILINE)
_OURS = b"proofload "
"""How the names of our own sessions begin. Not all plans that the monitor asks for can be made."""
_CRASHED = (b"was terminated by signal", b"automatic recovery in progress", b"terminating any other active server")
_ENDED = (b"57P01", b"57P02", b"57P03")
"""Sessions that were told to end, or came while the server was starting: no errors of a statement."""


def read(log: Path, offset: int, announced: Iterable[tuple[int, int]] = ()) -> dict[str, Any]:
    """What run.json holds of the log from `offset` (bytes) on: errors (how many by SQLSTATE), crashed.

    A crash that is told of between two bytes of those that are `announced` was the plan's doing, and is none.
    """
    try:
        with log.open("rb") as file:
            file.seek(offset)
            text = file.read()
    except OSError:
        return {"errors": {}, "crashed": False}
    codes = Counter(
        code.decode() for code, name in _LINE.findall(text) if code not in _ENDED and not name.startswith(_OURS)
    )
    unannounced, at = [], 0
    for begin, end in sorted(announced):
        unannounced.append(text[at : max(begin - offset, 0)])
        at = max(end - offset, 0)
    unannounced.append(text[at:])
    crashed = any(sign in part for part in unannounced for sign in _CRASHED)
    return {"errors": dict(codes.most_common()), "crashed": crashed}
