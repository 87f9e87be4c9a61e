"""How response times and outcomes went so far, in even steps of the plan."""

import math

import numpy as np
import numpy.typing as npt

from reports.samples.samples import Samples
from reports.samples.series import Values

MOST_STEPS = 240
LATELY_S = 10.0
"""What "lately" is."""

Times = npt.NDArray[np.float32]


class Course:
    """What has ended so far, by the step in which it was planned."""

    def __init__(self, seconds: float) -> None:
        """Of a plan of so many seconds: steps of a whole number of them, MOST_STEPS at most."""
        self.width = max(math.ceil(seconds / MOST_STEPS), 1)
        self._times: dict[int, list[Times]] = {}
        self._good: dict[int, int] = {}
        self._bad: dict[int, int] = {}

    def add(self, fresh: Samples) -> None:
        """Take operations that have ended; each of them once. A warm-up has its place in it."""
        frame = fresh.frame
        step = (frame["sched"].clip(0) // self.width).astype(int)
        times, good = frame["response_s"].astype(np.float32), frame["ok"]
        for one in np.unique(step).tolist():
            own = step == one
            found = times[own]
            self._times.setdefault(one, []).append(found[~np.isnan(found)])
            self._good[one] = self._good.get(one, 0) + int(good[own].sum())
            self._bad[one] = self._bad.get(one, 0) + int((~good[own]).sum())

    def until(self, second: float) -> float:
        """The end of the last step that is whole at `second`: the one that goes on would look as if all had stopped."""
        return max(second // self.width, 1) * self.width

    def begin(self, until: float) -> list[int]:
        """When each step begins that has begun by second `until`."""
        return list(range(0, max(math.ceil(until / self.width), 1) * self.width, self.width))

    def percentiles(self, until: float, share: float) -> Values:
        """Of the response times (s) of each step, exactly; None of one without any."""
        return [self._percentile([step // self.width], share) for step in self.begin(until)]

    def lately(self, until: float, share: float) -> float | None:
        """Of all that were planned in the last LATELY_S before second `until`."""
        first = max(int((until - LATELY_S) // self.width), 0)
        return self._percentile(list(range(first, int(until // self.width) + 1)), share)

    def whole(self, share: float) -> float | None:
        """Of all response times so far, exactly."""
        return self._percentile(list(self._times), share)

    def rates(self, until: float, good: bool) -> Values:
        """How many operations of each step, a second, ended as they should; or otherwise."""
        of = self._good if good else self._bad
        return [of.get(step // self.width, 0) / self.width for step in self.begin(until)]

    def _percentile(self, steps: list[int], share: float) -> float | None:
        found = [times for step in steps for times in self._times.get(step, ())]
        whole = np.concatenate(found) if found else np.zeros(0, np.float32)
        if not len(whole):
            return None
        place = max(math.ceil(share * len(whole)), 1) - 1
        return float(np.partition(whole, place)[place])
