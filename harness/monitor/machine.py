"""The machine under a run: whether its cores were free, and whether they were as fast as a moment before."""

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

CANARY_TURNS = 20_000
"""Turns of an empty loop: a part of a millisecond of one core; longer when the core is shared."""

CANARY_TRIES, IDLE_TRIES = 5, 100

PRESSURE = Path("/proc/pressure/cpu")


class Machine:
    """machine.cores (those that we may run on), machine.cpu (how many of them are in use),
    machine.busy (how many by processes, not by the kernel for itself or by other guests), machine.steal (share of them
    taken by other guests), machine.pressure (share of the time in which something waited for a core, over 10 s),
    machine.canary (seconds of a loop that is always the same).
    """

    def __init__(self) -> None:
        self._before = _times()

    def sample(self) -> dict[str, float]:
        """What there is now, since the last time."""
        now, before = _times(), self._before
        self._before = now
        line: dict[str, float] = {"machine.canary": _canary(), "machine.cores": len(now)}
        whole, idle, busy, stolen = (_grown(before, now, names) for names in (_ALL, _IDLE, _BUSY, _STOLEN))
        if whole > 0:
            line["machine.cpu"] = (1 - idle / whole) * len(now)
            line["machine.busy"] = busy / whole * len(now)
            line["machine.steal"] = stolen / whole
        with contextlib.suppress(OSError, IndexError, ValueError):  # a kernel without it
            line["machine.pressure"] = float(PRESSURE.read_text().split("avg10=")[1].split()[0]) / 100
        return line


_ALL = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_IDLE = ("idle", "iowait")
_BUSY = ("user", "nice", "system")
_STOLEN = ("steal",)


def _times() -> list[Any]:
    """The times of each core that we may run on; of all, where that is not known."""
    each = psutil.cpu_times(percpu=True)
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(len(each))
    return [each[core] for core in sorted(allowed) if core < len(each)] or each


def _grown(before: Sequence[Any], now: Sequence[Any], names: Sequence[str]) -> float:
    """By how many seconds these times grew, of all cores together."""
    return sum(
        float(getattr(after, name, 0.0)) - float(getattr(earlier, name, 0.0))
        for earlier, after in zip(before, now, strict=False)
        for name in names
    )


def idle() -> float:
    """How long the loop takes (s) while nothing of a run is there yet: the quickest of many tries."""
    return _canary(IDLE_TRIES)


def _canary(tries: int = CANARY_TRIES) -> float:
    """The quickest of some tries: to be interrupted by our own load says nothing of how fast the cores are."""
    return min(_loop() for _ in range(tries))


def _loop() -> float:
    began = time.perf_counter()
    for _ in range(CANARY_TURNS):
        pass
    return time.perf_counter() - began
