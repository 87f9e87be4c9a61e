"""Whether a change is real: pairs of runs, base and head, made one after the other, are the unit, never requests.

Requests of one run are not independent, and neither are runs of one hour: a test on pooled requests "finds" a change in
most comparisons of equals. Each pair gives one log-ratio; the pairs are tested exactly, and a change counts only if it
is as large as a user would care about (statistics.md §0.4, §0.5 and §2).
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from harness.run import MOST_PAIRS

ALPHA = 0.05
EQUAL = 0.10
"""Within ± this of no change, a change is called none."""

Ratios = npt.NDArray[np.float64]


class Change(StrEnum):
    """The result of comparing a metric."""

    REGRESSED = "REGRESSED"
    IMPROVED = "IMPROVED"
    NO_CHANGE = "NO CHANGE"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True)
class ComparedMetric:
    """What is compared of each run, and how large a change matters."""

    name: str
    higher_is_better: bool
    least: float
    """The least relative change that counts."""
    floor: float
    """… and the least absolute one, in the metric's unit: below it no user notices."""


@dataclass(frozen=True)
class Comparison:
    """What the pairs say of a metric. Ratios are head / base: 1.1 is 10 % more."""

    metric: ComparedMetric
    change: Change
    ratio: float
    """Hodges-Lehmann's estimate over the pairs."""
    low: float
    high: float
    """Its 95 % interval: 0 and infinite if there are too few pairs for one."""
    p: float
    """Of "it did not get worse" or "… better", whichever is contradicted more; corrected by Holm over all metrics."""
    pairs: int
    more: int | None
    """How many more pairs might decide; None where it is decided."""


def compare(
    metrics: Sequence[ComparedMetric], base: Sequence[Sequence[float]], head: Sequence[Sequence[float]]
) -> list[Comparison]:
    """What pairs of runs say: `base` and `head` hold the values of each metric, pair by pair, all above 0."""
    ratios = [np.log(np.asarray(h, float)) - np.log(np.asarray(b, float)) for b, h in zip(base, head, strict=True)]
    # Worse is up, for every metric.
    worse = [-r if metric.higher_is_better else r for metric, r in zip(metrics, ratios, strict=True)]
    found = holm([min(sign_flip(r), sign_flip(-r)) for r in worse])
    return [
        _judge(metric, r, w, p, np.asarray(b, float), np.asarray(h, float))
        for metric, r, w, p, b, h in zip(metrics, ratios, worse, found, base, head, strict=True)
    ]


def _judge(metric: ComparedMetric, ratios: Ratios, worse: Ratios, p: float, base: Ratios, head: Ratios) -> Comparison:
    estimate, (low, high) = hodges_lehmann(ratios), interval(ratios)
    large = abs(estimate) >= math.log1p(metric.least) and abs(np.median(head - base)) >= metric.floor
    if p < ALPHA and large:
        change = Change.REGRESSED if hodges_lehmann(worse) > 0 else Change.IMPROVED
    elif math.log1p(-EQUAL) < low and high < math.log1p(EQUAL):
        change = Change.NO_CHANGE
    else:
        change = Change.INCONCLUSIVE
    more = _more(ratios, low, high) if change is Change.INCONCLUSIVE else None
    return Comparison(metric, change, math.exp(estimate), math.exp(low), math.exp(high), p, len(ratios), more)


def sign_flip(worse: Ratios) -> float:
    """The exact one-sided p of a mean above 0: the share of all 2**K signs of the pairs that give as much or more.

    If nothing changed, either run of a pair could as well have been the other.
    """
    k = len(worse)
    if not 1 <= k <= MOST_PAIRS:
        raise ValueError(f"{k} pairs: expected 1 to {MOST_PAIRS}")
    signs = 1 - 2 * (np.arange(2**k)[:, None] >> np.arange(k) & 1)
    sums = signs @ worse
    return float(np.mean(sums >= worse.sum() - 1e-12 * np.abs(worse).sum()))


def holm(values: Sequence[float]) -> list[float]:
    """The p values, each raised for the number of comparisons (Holm 1979), in their order."""
    order = sorted(range(len(values)), key=values.__getitem__)
    adjusted, highest = [0.0] * len(values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[place]))
        adjusted[place] = highest
    return adjusted


def hodges_lehmann(ratios: Ratios) -> float:
    """The median of the means of all pairs of values, each with itself too: robust against one wild run."""
    return float(np.median(_walsh(ratios)))


def interval(ratios: Ratios) -> tuple[float, float]:
    """The 95 % interval of the Hodges-Lehmann estimate, from the exact distribution of the signed-rank statistic.

    Infinite with fewer than six pairs: no interval of that confidence exists.
    """
    k = len(ratios)
    counts = np.ones(1)
    for rank in range(1, k + 1):
        counts = np.concatenate([counts, np.zeros(rank)]) + np.concatenate([np.zeros(rank), counts])
    below = np.cumsum(counts) / 2**k
    out = int(np.searchsorted(below, ALPHA / 2, side="right"))
    if out == 0:
        return -math.inf, math.inf
    walsh = np.sort(_walsh(ratios))
    return float(walsh[out - 1]), float(walsh[len(walsh) - out])


def _walsh(ratios: Ratios) -> Ratios:
    return np.array([(a + b) / 2 for a, b in itertools.combinations_with_replacement(ratios.tolist(), 2)])


def _more(ratios: Ratios, low: float, high: float) -> int:
    """About how many more pairs make the interval as narrow as ± EQUAL: it narrows with the root of their number."""
    k = len(ratios)
    if math.isinf(low) or math.isinf(high):
        return max(6 - k, 1)
    needed = k * ((high - low) / (2 * math.log1p(EQUAL))) ** 2
    return max(math.ceil(needed) - k, 1)
