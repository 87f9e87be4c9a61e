"""Where a load stops to hold, from steps that held or not: its 95 % interval by Bayes' rule, on a grid.

A step at load x holds with the probability of a logistic curve in log x. Nothing is taken to be known of where the
curve falls, but that it is in the range of the search, nor of how steeply. So steps that agree give an interval about
as wide as their gap, and steps that contradict each other a wider one.
"""

from collections.abc import Sequence

import numpy as np

PLACES, WIDTHS = 801, 25
SHARPEST, FLATTEST = 0.003, 0.1
"""How flat the curve may be: the change of load by which the odds of holding change e-fold."""
BEYOND = 1.2
"""The threshold may be beyond the loads that were tried by this factor."""


def interval(tries: Sequence[tuple[float, bool]]) -> tuple[float, float]:
    """Between which loads half of the steps hold, with 95 % probability, after `tries`: loads above 0, and whether each
    held.
    """
    loads = np.log([load for load, _ in tries])
    held = np.array([held for _, held in tries])
    places = np.linspace(loads.min() - np.log(BEYOND), loads.max() + np.log(BEYOND), PLACES)
    widths = np.geomspace(SHARPEST, FLATTEST, WIDTHS)
    odds = (places[:, None, None] - loads) / widths[:, None]
    # log P(held) = -log(1 + e^-odds), log P(not) = -log(1 + e^odds)
    likelihood = -np.logaddexp(0.0, np.where(held, -odds, odds)).sum(axis=2)
    posterior = np.exp(likelihood - likelihood.max()).sum(axis=1)
    below = np.cumsum(posterior) / posterior.sum()
    low, high = (float(np.exp(np.interp(share, below, places))) for share in (0.025, 0.975))
    return low, high
