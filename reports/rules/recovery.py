"""How long it takes until all is as it was before a spike, or a disturbance (statistics.md §7.3)."""

from typing import Any

import numpy as np
import numpy.typing as npt

from reports.rules.measure import Measured
from reports.samples.samples import Samples
from reports.samples.scope import Mask, Unmeasurable, runs
from reports.samples.series import Course, course

HOLD_S = 10
"""The consecutive seconds that must be as before; the target recovered at the first of them."""
BEFORE_S = 3
"""With fewer seconds of load before a spike it is not known how it was."""
GROWN = 1.2
"""p95 and operations in flight may be this many times what they were before, …"""
NOISE = 3.0
"""… or more by this multiple of their median absolute deviation then, if that is more, …"""
ALONE = 1.0
"""… and in flight by one operation, which is no backlog."""
LATER_S = 0.020
"""… and p95 by this much: of the few operations of one second that much is chance."""
ERRORS = 0.001
"""The share of errors may be greater by this much."""

Values = npt.NDArray[Any]


def recovery_time(samples: Samples, stages: Mask) -> Measured:
    """Seconds from the end of the spike in these stages until p95, errors and operations in flight are as before it.

    Of several spikes the longest; infinite if the target did not recover before the next one, or before something else
    is disturbed, or the plan's end.
    """
    seconds, spikes = course(samples), runs(samples, stages)
    disturbed = [stretch.begin for stretch in samples.stretches if stretch.disturb]
    worst, details = -1.0, []
    for begin, end in spikes:
        until = min(one for one in (*(begin for begin, _ in spikes), *disturbed, samples.seconds) if one >= end)
        after = _recovered(seconds, samples, begin, end, until)
        worst = max(worst, after)
        if np.isinf(after):
            details.append(f"not recovered within the {until - end:g} s after second {end:g}")
    return Measured(worst, len(spikes), "; ".join(details) or f"{len(spikes)} spikes" * (len(spikes) > 1))


def _recovered(seconds: Course, samples: Samples, begin: float, end: float, until: float) -> float:
    """How long after `end` all is as before `begin`; infinite if it isn't before `until`."""
    # As before is as in the last stage that loaded evenly: a ramp belongs neither to it nor to the spike.
    calm = [stretch for stretch in samples.stretches if stretch.end <= begin and stretch.even and not stretch.disturb]
    before = slice(int(np.ceil(calm[-1].begin)), int(calm[-1].end)) if calm else slice(0, 0)
    after = slice(int(np.ceil(end)), int(until))
    if before.stop - before.start < BEFORE_S or np.isnan(seconds.p95[before]).any():
        raise Unmeasurable(
            f"expected {BEFORE_S} s of even load, and operations in each, before the spike at {begin:g} s"
        )
    if after.stop - after.start < HOLD_S:
        raise Unmeasurable(f"all must be as before for {HOLD_S} s, but there are {until - end:g} s after the spike")
    as_before = (
        (seconds.p95[after] <= _allowed(seconds.p95[before], LATER_S))
        & (seconds.errors[after] <= np.mean(seconds.errors[before]) + ERRORS)
        & (seconds.flying[after] <= _allowed(seconds.flying[before], ALONE))
    )
    holds = np.lib.stride_tricks.sliding_window_view(as_before, HOLD_S).all(axis=1)
    return float(after.start + np.argmax(holds) - end) if holds.any() else float("inf")


def _allowed(before: Values, least: float) -> float:
    middle = float(np.median(before))
    spread = float(np.median(np.abs(before - middle)))
    return max(GROWN * middle, middle + NOISE * spread, middle + least)
