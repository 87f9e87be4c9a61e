"""How far the events of a run had come by a time."""

from dataclasses import dataclass, field

import numpy as np

from systems.event_store_pool import TENANTS
from verification.arrays import Array

SUBJECTS = TENANTS + 1
"""What is asked for: the end of all events (0), or of those of a tenant (its number and 1)."""


@dataclass(frozen=True)
class End:
    """Positions, and when each of them was reached."""

    time: Array
    position: Array
    tenant: Array
    before: Array = field(default_factory=lambda: np.zeros(SUBJECTS, np.int64))
    """Of each subject the highest position that was reached before all of these."""

    def at(self, subject: int, times: Array) -> Array:
        """The highest position of a subject that had been reached by each time."""
        own = np.ones(len(self.tenant), bool) if subject == 0 else self.tenant == subject - 1
        moments = self.time[own]
        order = np.argsort(moments)
        reached = np.maximum.accumulate(np.concatenate([[self.before[subject]], self.position[own][order]]))
        found: Array = reached[np.searchsorted(moments[order], times, "right")]
        return found


def highest(position: Array, tenant: Array, ranges: Array, count: int) -> Array:
    """In each of so many ranges of time the highest position of each subject; 0 where there is none."""
    found = np.zeros((count, SUBJECTS), np.int64)
    np.maximum.at(found[:, 0], ranges, position)
    known = (tenant >= 0) & (tenant < TENANTS)
    np.maximum.at(found.reshape(-1), ranges[known] * SUBJECTS + tenant[known] + 1, position[known])
    return found
