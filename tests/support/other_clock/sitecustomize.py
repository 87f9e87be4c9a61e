"""A Python whose clocks are others, for the machines of a test: on PYTHONPATH, where Python looks for this name.

OTHER_CLOCK has, with a space between: by how many seconds the wall clock is ahead; by how many millionths the monotonic
one is too fast; and a file as of whose existence it is 2 s ahead. All processes of a machine have the same clocks.
"""

import os
import time

_wall, _fast, *_file = os.environ.get("OTHER_CLOCK", "0 0").split()
WALL_NS, PER_MILLION, STEP_NS = round(float(_wall) * 1e9), int(_fast), 2_000_000_000
_real_wall, _real_monotonic = time.time_ns, time.monotonic_ns


def wall_ns() -> int:
    """As time.time_ns."""
    return _real_wall() + WALL_NS


def monotonic_ns() -> int:
    """As time.monotonic_ns."""
    now = _real_monotonic()
    set_ = STEP_NS if _file and os.path.exists(_file[0]) else 0
    return now + now * PER_MILLION // 1_000_000 + set_


time.time_ns, time.monotonic_ns = wall_ns, monotonic_ns
time.time, time.monotonic = (lambda: wall_ns() / 1e9), (lambda: monotonic_ns() / 1e9)
