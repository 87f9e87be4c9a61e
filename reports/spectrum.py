"""The percentile spectrum: how the tail goes on, on an axis where each nine takes as much room as the one before."""

import numpy as np

from harness.rules import WARM_UP
from reports.samples import Samples
from reports.statistics import percentiles

STEPS_A_NINE = 12
FEWEST_BEYOND = 5
"""So many operations must lie beyond a point for it to be one: the tail's last values are single accidents."""


def spectrum(samples: Samples) -> list[list[float]]:
    """Points [quantile, response time, service time] (s) over what the rules cover; none if nothing ended."""
    stages = np.array([stretch.loads and stretch.phase != WARM_UP for stretch in samples.stretches])
    covered = stages[samples.frame["stage"].to_numpy()]
    response, service = (samples.frame[name][covered].dropna().to_numpy() for name in ("response_s", "service_s"))
    if not len(response):
        return []
    nines = np.log10(max(len(response) / FEWEST_BEYOND, 1))
    quantiles = [1 - 10 ** (-step / STEPS_A_NINE) for step in range(int(nines * STEPS_A_NINE) + 1)]
    times = (percentiles(values, quantiles) for values in (response, service))
    return [list(point) for point in zip(quantiles, *times, strict=True)]
