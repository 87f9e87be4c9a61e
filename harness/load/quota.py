"""A load that is bounded by a number of operations: how many of them are of this process, and how many are left."""

import time

from harness.plan.scenario import Scenario


class Quota:
    """The share of load process `worker`, of `workers`, in the requests that end a scenario; `size` 0: time ends it."""

    def __init__(self, scenario: Scenario | None, worker: int, workers: int) -> None:
        requests = scenario.requests if scenario else 0
        self.size = requests // workers + (worker < requests % workers)
        self.taken = 0
        self._before = 0
        """How many operations the journal had at most before the stage that is bounded."""
        self._lead_ns = (scenario.seconds - scenario.stages[-1].seconds) * 1e9 if scenario else 0.0

    def take(self, began: int, begun: int) -> bool:
        """Whether another operation may be begun, of a load that `began` (ns) and has `begun` so many."""
        if not self.size:
            return True
        if time.monotonic_ns() < began + self._lead_ns:
            self._before = begun + 1
            return True
        if self.taken == self.size:
            return False
        self.taken += 1
        return True

    def done(self, begun: int, flying: int) -> bool:
        """Whether all have been begun and have ended."""
        return bool(self.size) and self.taken == self.size and begun >= self._before + self.size and not flying
