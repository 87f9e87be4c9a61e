"""How long the garbage collector held up a service, of all its processes together."""

import gc
import mmap
import time
from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from target import pool_use

# Made before the processes are forked, so that whichever of them is asked can tell of all.
_nanoseconds = memoryview(mmap.mmap(-1, pool_use.MOST_PROCESSES * 8)).cast("q")
_began = 0


def counted() -> None:
    """From now on each collection of this process counts."""
    if _told not in gc.callbacks:
        gc.callbacks.append(_told)


def _told(phase: str, _: dict[str, int]) -> None:
    global _began
    if phase == "start":
        _began = time.perf_counter_ns()
    else:
        _nanoseconds[pool_use.place(1)] += time.perf_counter_ns() - _began


class Collected(Collector):
    """gc_seconds_total."""

    def collect(self) -> Iterator[Metric]:
        """The sum over all processes."""
        yield CounterMetricFamily("gc_seconds", "how long garbage was collected", sum(_nanoseconds) / 1e9)
