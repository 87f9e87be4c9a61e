"""What Locust's web UI and the progress line show, counted from the journal in batches.

Locust's `request` event costs as much as the rest of an operation. So what has been closed in the
journal since the last count is counted at once, and merged by the same `extend` with which a master
merges the reports of its workers. Other listeners to the event still get every operation.
"""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from locust.env import Environment
from locust.stats import StatsEntry, StatsError, bucket_response_time

from harness.journal import Journal
from harness.outcomes import Failure, Outcome

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
        counted = np.zeros(len(records), bool)
        counted[: len(self._counted)] = self._counted
        closed = records["end"] > 0
        fresh = records[closed > counted]
        counted |= closed
        behind = int(np.argmin(counted)) if not counted.all() else len(counted)
        self._first, self._counted = self._first + behind, counted[behind:]
        if len(fresh):
            failed = self._unexpected[fresh["kind"], fresh["outcome"]]
            self.ended += len(fresh)
            np.add.at(self.outcomes, (fresh["kind"], fresh["outcome"]), 1)
            self.errors += int(failed.sum())
            if self.alone and self._kinds:
                for kind in np.unique(fresh["kind"]).tolist():
                    mine = fresh["kind"] == kind
                    self._tell(kind, fresh[mine], failed[mine])

    def _tell(self, kind: int, records: Any, failed: Any) -> None:
        name, method, now = self._kinds[kind], self.routes[kind].partition(" ")[0], time.time()
        took = (records["end"] - records["start"]) / 1e6
        entry: Any = StatsEntry(self._stats, name, method)
        entry.num_requests = len(records)
        entry.total_response_time = float(took.sum())
        entry.min_response_time, entry.max_response_time = float(took.min()), float(took.max())
        entry.total_content_length, self.bytes[kind] = self.bytes[kind], 0
        entry.last_request_timestamp = now
        entry.num_reqs_per_sec[int(now)] = len(records)
        values, counts = np.unique(np.rint(took).astype(np.int64), return_counts=True)
        for value, times in zip(values.tolist(), counts.tolist(), strict=True):
            entry.response_times[bucket_response_time(value)] += times
        if failed.any():
            entry.num_failures = int(failed.sum())
            entry.num_fail_per_sec[int(now)] = entry.num_failures
            ways, times = np.unique(records[failed][["outcome", "failure", "status"]], return_counts=True)
            for way, often in zip(ways.tolist(), times.tolist(), strict=True):
                text = failure_text(*way)
                key = StatsError.create_key(method, name, text)
                error = self._stats.errors.setdefault(key, StatsError(method, name, text))
                error.occurrences += often
                error.first_seen, error.last_seen = error.first_seen or now, now
        self._stats.entries[(name, method)].extend(entry)
        self._stats.total.extend(entry)
