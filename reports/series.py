"""The course of the load in steps of a second, or of more where a chart could not show them."""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reports.phases import arrivals_until
from reports.samples import Samples
from reports.statistics import binned

MOST_STEPS = 600
WIDTHS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 14_400, 86_400)
QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}

Values = list[float | None]


class Series(NamedTuple):
    """Values a step of `width` seconds; the first begins with the plan. None: nothing to measure in that step.

    Response times are of the operations planned in the step; begun, ok and errors are what happened in it, a second,
    and of begun and ok the second halves of races are left out, for they are not offered either.
    """

    width: int
    begin: list[int]
    offered: Values
    begun: Values
    ok: Values
    errors: Values
    p50: Values
    p95: Values
    p99: Values


def series(samples: Samples) -> Series:
    """The course of the load until its last operation ended."""
    frame = samples.frame
    sched, start, end = (frame[name].to_numpy() for name in ("sched", "start", "end"))
    over = max(samples.seconds, np.fmax(start, end).max(initial=0.0))
    width = next((width for width in WIDTHS if over / width <= MOST_STEPS), WIDTHS[-1])
    steps = max(int(np.ceil(over / width)), 1)
    edges = [arrivals_until(samples.stretches, step * width) for step in range(steps + 1)]
    ok, arrival = frame["ok"].to_numpy(), ~frame["partner"].to_numpy()

    def rate(moments: npt.NDArray[np.float64]) -> Values:
        return [count / width for count in np.bincount(_steps(moments, width, steps), minlength=steps).tolist()]

    return Series(
        width,
        [step * width for step in range(steps)],
        [(after - before) / width for before, after in pairwise(edges)],
        rate(start[arrival]),
        rate(end[ok & arrival]),
        # What never ended has failed since it was begun.
        rate(np.where(np.isnan(end), start, end)[~ok]),
        *_quantiles(sched, frame["response_s"].to_numpy(), width, steps),
    )


def _steps(moments: npt.NDArray[np.float64], width: int, steps: int) -> npt.NDArray[np.int64]:
    return np.clip(moments // width, 0, steps - 1).astype(np.int64)


def _quantiles(sched: npt.NDArray[Any], response: npt.NDArray[Any], width: int, steps: int) -> list[Values]:
    ended = ~np.isnan(response)
    step = _steps(sched[ended], width, steps)
    found = binned(response[ended], step, steps, list(QUANTILES.values()))
    return [[None if np.isnan(value) else value for value in values.tolist()] for values in found]
