"""What PostgreSQL wrote to its log while a run was on: errors by their code, and whether it crashed and recovered."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

PREFIX = "%m [%p] %e "
"""For log_line_prefix: time, process and SQLSTATE."""

_LINE = re.compile(rb"^\S+ \S+ \S+ \[\d+\] (\w{5}) (ERROR|FATAL|PANIC):", re.MULTILINE)
_CRASHED = (b"was terminated by signal", b"automatic recovery in progress", b"terminating any other active server")
_ENDED = (b"57P01", b"57P02", b"57P03")
"""Sessions that were told to end, or came while the server was starting: no errors of a statement."""


def read(log: Path, offset: int) -> dict[str, Any]:
    """What run.json holds of the log from `offset` (bytes) on: errors (how many by SQLSTATE), crashed."""
    try:
        with log.open("rb") as file:
            file.seek(offset)
            text = file.read()
    except OSError:
        return {"errors": {}, "crashed": False}
    codes = Counter(code.decode() for code, _ in _LINE.findall(text) if code not in _ENDED)
    return {"errors": dict(codes.most_common()), "crashed": any(sign in text for sign in _CRASHED)}
