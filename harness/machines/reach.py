"""Until when all is known of a load that goes on elsewhere: what is judged meanwhile must not take late for absent.

An agent ships what it saw of all journals, and then says when it looked: shipped-<machine>.jsonl, a line each time.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from harness.machines import clocks

NEVER = -(1 << 62)
"""Before all times (ns): nothing is known."""


def name(machine: int) -> str:
    """The file in the run folder with the times of a machine's clock at which it looked, a line each."""
    return f"shipped-{machine}.jsonl"


def until(folder: Path, machines: Iterable[int], now: int) -> int:
    """Until when (ns of the master's clock, at most `now`) all operations of all `machines` are here."""
    return min([now, *(_of(folder, machine) for machine in machines)])


def _of(folder: Path, machine: int) -> int:
    clock, at = clocks.read(folder / clocks.name(machine)), _last(folder / name(machine))
    if clock is None or at is None:
        return NEVER
    places = np.array([at], np.int64)
    return at + int(clock.shift(places)[0]) - int(clock.doubt(places)[0])


def _last(path: Path) -> int | None:
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - 200, 0))
            lines = file.read().split(b"\n")[:-1]
        return int(json.loads(lines[-1]))
    except (OSError, ValueError, TypeError, IndexError):
        return None
