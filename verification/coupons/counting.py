"""How often something had happened by a time: by the answers, at least and at most."""

import numpy as np

from verification.arrays import Array


def before(groups: Array, times: Array, group: Array, time: Array) -> Array:
    """For each (`group`, `time`): how many of the events (`groups`, `times`) are of that group, and earlier."""
    ranks = np.unique(np.concatenate([times, time]))
    width = len(ranks) + 1
    known, place = np.unique(groups, return_inverse=True)
    events = np.sort(place.reshape(-1) * width + np.searchsorted(ranks, times))
    mine = np.searchsorted(known, group)
    there = mine < len(known)
    there[there] = known[mine[there]] == group[there]
    mine = np.where(there, mine, 0)
    counted = np.searchsorted(events, mine * width + np.searchsorted(ranks, time)) - np.searchsorted(
        events, mine * width
    )
    return np.where(there, counted, 0)
