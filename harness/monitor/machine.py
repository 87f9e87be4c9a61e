"""The machine under a run: whether its cores were free, and whether they were as fast as a moment before."""

import contextlib
import time
from pathlib import Path

import psutil

CANARY_TURNS = 20_000
"""Turns of an empty loop: a part of a millisecond of one core; longer when the core is shared."""

CANARY_TRIES = 5

PRESSURE = Path("/proc/pressure/cpu")


class Machine:
    """machine.cpu (cores in use), machine.steal (share taken by other guests), machine.pressure (share of the time in
    which something waited for a core, over 10 s), machine.canary (seconds of a loop that is always the same).
    """

    def __init__(self) -> None:
        self._before = psutil.cpu_times()

    def sample(self) -> dict[str, float]:
        """What there is now, since the last time."""
        now, before = psutil.cpu_times(), self._before
        self._before = now
        whole, idle = sum(now) - sum(before), now.idle - before.idle + _iowait(now) - _iowait(before)
        line = {"machine.canary": _canary()}
        if whole > 0:
            line["machine.cpu"] = (1 - idle / whole) * (psutil.cpu_count() or 1)
            line["machine.steal"] = (getattr(now, "steal", 0.0) - getattr(before, "steal", 0.0)) / whole
        with contextlib.suppress(OSError, IndexError, ValueError):  # a kernel without it
            line["machine.pressure"] = float(PRESSURE.read_text().split("avg10=")[1].split()[0]) / 100
        return line


def _iowait(times: object) -> float:
    return float(getattr(times, "iowait", 0.0))


def _canary() -> float:
    """The quickest of some tries: to be interrupted by our own load says nothing of how fast the cores are."""
    return min(_loop() for _ in range(CANARY_TRIES))


def _loop() -> float:
    began = time.perf_counter()
    for _ in range(CANARY_TURNS):
        pass
    return time.perf_counter() - began
