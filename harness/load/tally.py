"""What Locust's web UI and the progress line show, counted from the journal in batches.

Locust's `request` event costs as much as the rest of an operation. So what has been closed in the
journal since the last count is counted at once, and merged by the same `extend` with which a master
merges the reports of its workers. Other listeners to the event still get every operation.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from locust.env import Environment
from locust.stats import StatsEntry, StatsError, bucket_response_time

from harness.journal import Journal
from harness.outcomes import Failure, Outcome

NEAR = 100_000
"""Values (ms) that are no further apart are counted by place, without being sorted."""

FLUSH_S = 0.1
"""How often is counted: so often that no count holds up the users for as long as would be seen."""
_LISTENERS_OF_LOCUST = 1


def failure_text(outcome: int, failure: int, status: int) -> str:
    """How an unexpected outcome is called in Locust's list of failures."""
    return f"{Outcome(outcome).name}: {Failure(failure).name if failure else status}"


class Tally:
    """Counts what `journal` has closed, and tells Locust. `expected` holds for each kind the outcomes it may have."""

    def __init__(
        self, environment: Environment, journal: Journal, kinds: Sequence[str], expected: Sequence[frozenset[Outcome]]
    ) -> None:
        self.ended = self.errors = 0
        self.routes = ["POST /"] * len(kinds)
        """Method and path of the latest operation of each kind."""
        self.bytes = [0] * len(kinds)
        """Bytes of the answers to each kind, since the last count."""
        self.alone = len(environment.events.request._handlers) <= _LISTENERS_OF_LOCUST
        """Whether Locust's own statistics are the only listener to the request event."""
        self._stats, self._journal, self._kinds = environment.stats, journal, kinds
        self.expect(expected)
        self._first = 0
        """Everything before this place has been counted ..."""
        self._counted = np.zeros(0, bool)
        """... and of the places from there on, these."""

    def expect(self, expected: Sequence[frozenset[Outcome]]) -> None:
        """From now on these are the outcomes that the kinds may have, by number."""
        self._unexpected = np.ones((len(expected), len(Outcome)), bool)
        for kind, outcomes in enumerate(expected):
            self._unexpected[kind, [int(outcome) for outcome in outcomes]] = False
        self.outcomes = np.zeros(self._unexpected.shape, int)
        """How often each kind ended as what."""

    def count(self) -> None:
        """Count what was closed since the last time."""
        records = self._journal.records(self._first)
        ends = records["end"]
        counted = np.zeros(len(records), bool)
        counted[: len(self._counted)] = self._counted
        fresh = np.flatnonzero((ends > 0) > counted)
        counted[fresh] = True
        behind = int(np.argmin(counted)) if not counted.all() else len(counted)
        self._first, self._counted = self._first + behind, counted[behind:]
        if not len(fresh):
            return
        kinds, outcomes = records["kind"][fresh].astype(np.intp), records["outcome"][fresh]
        # No user gets a turn meanwhile: nothing is sorted here.
        cells = np.bincount(kinds * len(Outcome) + outcomes, minlength=self.outcomes.size)
        found = cells.reshape(self.outcomes.shape)
        failed = (found * self._unexpected).sum(axis=1)
        self.ended += len(fresh)
        self.outcomes += found
        self.errors += int(failed.sum())
        if self.alone and self._kinds:
            took = (ends[fresh] - records["start"][fresh]) / 1e6
            for kind in np.flatnonzero(found.sum(axis=1)).tolist():
                mine = kinds == kind
                bad = records[fresh[mine & self._unexpected[kind][outcomes]]] if failed[kind] else None
                self._tell(kind, took[mine], bad)

    def _tell(self, kind: int, took: npt.NDArray[np.float64], failed: npt.NDArray[np.void] | None) -> None:
        """How long (ms) the operations of a kind took that have ended, and the records of those that failed."""
        name, method, now = self._kinds[kind], self.routes[kind].partition(" ")[0], time.time()
        entry: Any = StatsEntry(self._stats, name, method)
        entry.num_requests = len(took)
        entry.total_response_time = float(took.sum())
        entry.min_response_time, entry.max_response_time = float(took.min()), float(took.max())
        entry.total_content_length, self.bytes[kind] = self.bytes[kind], 0
        entry.last_request_timestamp = now
        entry.num_reqs_per_sec[int(now)] = len(took)
        for value, times in _often(np.rint(took).astype(np.int64)):
            entry.response_times[bucket_response_time(value)] += times
        if failed is not None:
            entry.num_failures = len(failed)
            entry.num_fail_per_sec[int(now)] = entry.num_failures
            ways, counts = np.unique(failed[["outcome", "failure", "status"]], return_counts=True)
            for way, often in zip(ways.tolist(), counts.tolist(), strict=True):
                text = failure_text(*way)
                key = StatsError.create_key(method, name, text)
                error = self._stats.errors.setdefault(key, StatsError(method, name, text))
                error.occurrences += often
                error.first_seen, error.last_seen = error.first_seen or now, now
        self._stats.entries[(name, method)].extend(entry)
        self._stats.total.extend(entry)


def _often(values: npt.NDArray[np.int64]) -> Iterable[tuple[int, int]]:
    """Each value, and how often it is there."""
    least = int(values.min())
    if int(values.max()) - least > NEAR:
        found, counts = np.unique(values, return_counts=True)
        return zip(found.tolist(), counts.tolist(), strict=True)
    places = np.bincount(values - least)
    there = np.flatnonzero(places)
    return zip((there + least).tolist(), places[there].tolist(), strict=True)
