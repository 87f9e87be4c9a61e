"""What the API counts, over all of its processes: as the requirement's metrics are called."""

import mmap
from bisect import bisect_left
from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from target import pool_use

PROCESSED, ROUTED, FAILED, SHED, GENERATION, NANOSECONDS = range(6)
BUCKETS = (5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 1e-2, 1e-1)
"""Seconds to route an event."""
FIRST_BUCKET = 6
FIELDS = FIRST_BUCKET + len(BUCKETS) + 1

# Made before the processes are forked, so that whichever of them is asked can tell of all.
_shared = memoryview(mmap.mmap(-1, pool_use.MOST_PROCESSES * FIELDS * 8)).cast("q")


def total(field: int) -> int:
    """What all processes counted there."""
    return sum(_shared[field::FIELDS])


class Counters:
    """What one process counts."""

    def add(self, field: int, number: int) -> None:
        """Count so many."""
        _shared[pool_use.place(FIELDS) + field] += number

    def routed(self, events: int, seconds: float) -> None:
        """So many events were routed in that time."""
        if events:
            self.add(NANOSECONDS, int(seconds * 1e9))
            self.add(FIRST_BUCKET + bisect_left(BUCKETS, seconds / events), events)


class Metrics(Collector):
    """orchestrator_events_{processed,routed,failed,shed}_total; orchestrator_routing_time_seconds."""

    def collect(self) -> Iterator[Metric]:
        """The sums over all processes."""
        for name, what, field in (
            ("processed", "events that were accepted, each once", PROCESSED),
            ("routed", "messages that were put into queues for them", ROUTED),
            ("failed", "events that were refused", FAILED),
            ("shed", "requests that were refused since too many were under way", SHED),
        ):
            yield CounterMetricFamily(f"orchestrator_events_{name}", what, total(field))
        below, buckets = 0, []
        for place, limit in enumerate((*map(str, BUCKETS), "+Inf")):
            below += total(FIRST_BUCKET + place)
            buckets.append((limit, below))
        routing = HistogramMetricFamily("orchestrator_routing_time_seconds", "how long it took to route an event")
        routing.add_metric([], buckets, total(NANOSECONDS) / 1e9)
        yield routing
