"""How long a run waited in all: for locks, for the disk, for a connection, for garbage collectors."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from reports.samples.evidence import Evidence
from reports.samples.monitor_lines import Line

SAMPLED = {
    "locks in the database": "db.waiting.lock",
    "the database’s own short locks": "db.waiting.lwlock",
    "the database’s disk": "db.waiting.io",
}
"""How many backends waited at a sample: times the time until the next one, that is how long all of them did."""

COUNTED = {
    "a connection of the target’s pool": ("metrics.pool_waited_seconds_total",),
    "the target’s garbage collector": ("metrics.gc_seconds_total", "metrics.jvm_gc_pause_seconds_sum"),
}
"""What the target counts itself; the first of these names that it has."""


def waited(evidence: Evidence) -> list[dict[str, Any]]:
    """What was waited for, how long by all together (s), and how that is known; without what nobody told."""
    began, end = evidence.began, evidence.samples.seconds
    if began is None:
        return []
    lines = [line for line in evidence.monitor if 0 <= (line["at"] - began) / 1e9 <= end]
    rows = [*_sampled(lines), *_counted(lines)]
    gc = [max((line["gc_s"] for line in one.health if "gc_s" in line), default=None) for one in evidence.processes]
    own = [seconds for seconds in gc if seconds is not None]
    if own:
        rows.append({"what": "the generator’s garbage collector", "seconds": sum(own), "by": "counted"})
    return rows


def _sampled(lines: Sequence[Line]) -> Iterator[dict[str, Any]]:
    for what, name in SAMPLED.items():
        seen = [(line["at"] / 1e9, line[name]) for line in lines if name in line]
        if len(seen) > 1:
            seconds = sum(waiting * (after - at) for (at, waiting), (after, _) in pairwise(seen))
            yield {"what": what, "seconds": seconds, "by": f"{len(seen):,} samples"}


def _counted(lines: Sequence[Line]) -> Iterator[dict[str, Any]]:
    for what, names in COUNTED.items():
        name = next((name for name in names if any(name in line for line in lines)), None)
        seen = [line[name] for line in lines if name in line] if name else []
        if len(seen) > 1:
            # A process that was started again counts from 0.
            seconds = sum(after - before if after >= before else after for before, after in pairwise(seen))
            yield {"what": what, "seconds": seconds, "by": "counted"}
