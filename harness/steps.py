"""How far a stage is: lines on its stderr that the pipeline shows as they come, and keeps apart from errors."""

import math
import sys
from collections.abc import Callable

from harness import quantities

MARK = "… "
"""What such a line begins with, and no other line of a stage does."""


def step(text: str) -> None:
    """Say what this stage does now."""
    print(f"{MARK}{text}", file=sys.stderr, flush=True)


def take(line: str, told: Callable[[str], None]) -> bool:
    """Whether `line` says how far a stage is; then `told` hears it."""
    if line.startswith(MARK):
        told(line.removeprefix(MARK).strip())
        return True
    return False


def rows_line(done: int, total: int, seconds: float) -> str:
    """How far something is that did `done` of `total` rows in `seconds`: rows, rate, time left."""
    rate = done / seconds if seconds > 0 else 0.0
    left = math.ceil(max(total - done, 0) / rate) if rate else 0
    return f"{done:,} of {total:,} rows · {quantities.rate(rate)}" + (
        f" · {quantities.duration(left)} left" if left else ""
    )
