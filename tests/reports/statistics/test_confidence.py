"""An interval holds the true value as often as it says, although operations wait in the same queues."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.statistics import confidence
from reports.statistics.confidence import Interval, effective, wilson
from reports.statistics.percentiles import binned, percentile, percentiles
from reports.statistics.ranked import Ranked

SEEDS = 200
Values = npt.NDArray[np.float64]


def queue(load: float, number: int, seed: int = 1) -> Values:
    """Response times of M/M/1 at `load`, service rate 1: a row for each of SEEDS runs of `number` operations.

    Lindley's recursion, W' = max(0, W + S − A), as a sum less its least so far; the first waits as in the long run.
    """
    random = np.random.default_rng(seed)
    service = random.exponential(1.0, (SEEDS, number))
    gaps = random.exponential(1 / load, (SEEDS, number))
    first = np.where(random.random(SEEDS) < load, random.exponential(1 / (1 - load), SEEDS), 0.0)
    steps = np.concatenate([first[:, None], (service - gaps)[:, :-1]], axis=1)
    sums = np.cumsum(steps, axis=1)
    found: Values = sums - np.minimum(np.minimum.accumulate(sums, axis=1), 0.0) + service
    return found


def quantile(values: Values, q: float) -> Interval:
    return confidence.quantile(values, Ranked(values), q)


def covered(runs: Values, interval: Callable[[Values], Interval], truth: float) -> float:
    """The share of runs whose interval holds the truth."""
    return sum(found.low <= truth <= found.high for found in map(interval, runs)) / len(runs)


@pytest.mark.parametrize(
    ("load", "q", "least"), [(0.5, 0.95, 0.9), (0.5, 0.99, 0.9), (0.8, 0.95, 0.9), (0.8, 0.99, 0.9), (0.9, 0.95, 0.85)]
)
def test_the_interval_of_a_quantile_holds_it_in_nine_of_ten_runs(load: float, q: float, least: float) -> None:
    # Response times of M/M/1 are exponential with the rate 1 − load.
    truth = -math.log(1 - q) / (1 - load)

    assert covered(queue(load, 20_000), lambda values: quantile(values, q), truth) >= least


def test_taken_for_independent_the_same_values_would_hold_it_rarely() -> None:
    runs, truth = queue(0.8, 20_000), -math.log(0.05) / 0.2
    reach = confidence.NORMAL * math.sqrt(0.95 * 0.05 / 20_000)

    def textbook(values: Values) -> Interval:
        low, high = percentiles(values, [0.95 - reach, 0.95 + reach])
        return Interval(low, high, None, lambda limit: 1.0)

    assert covered(runs, textbook, truth) < 0.3


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_the_interval_of_a_mean_holds_it_in_nine_of_ten_runs(load: float) -> None:
    assert covered(queue(load, 20_000), confidence.mean, 1 / (1 - load)) >= 0.9


@pytest.mark.parametrize(("share", "number"), [(0.01, 2000), (0.2, 500), (0.001, 20_000)])
def test_the_interval_of_a_share_holds_it_in_nine_of_ten_runs(share: float, number: int) -> None:
    hits = (np.random.default_rng(1).random((SEEDS, number)) < share).astype(float)

    assert covered(hits, confidence.share, share) >= 0.9


def test_the_interval_of_a_share_is_wide_enough_for_errors_that_come_in_bursts() -> None:
    # In one second of fifty everything fails; a second has twenty operations.
    seconds = np.random.default_rng(1).random((SEEDS, 2000)) < 0.02
    hits = np.repeat(seconds, 20, axis=1).astype(float)

    assert covered(hits, confidence.share, 0.02) >= 0.9
    assert covered(hits, lambda values: Interval(*wilson(float(values.mean()), 40_000), None, float), 0.02) < 0.5


def test_the_interval_of_a_rate_holds_it_in_nine_of_ten_runs() -> None:
    counts = np.random.default_rng(1).poisson(200, (SEEDS, confidence.BATCHES))

    assert covered(counts, lambda found: confidence.rate(found, 100.0), 20.0) >= 0.9


def test_independent_values_are_worth_nearly_as_many_and_those_of_a_queue_far_fewer() -> None:
    independent = [effective(values) for values in np.random.default_rng(1).random((SEEDS, 2000)) < 0.5]
    queued = [effective(values <= 5.0) for values in queue(0.8, 2000)]

    assert np.median(np.array(independent, float)) > 1500
    assert np.median(np.array(queued, float)) < 150


def test_a_constant_is_known_for_sure() -> None:
    found = quantile(np.full(1000, 0.02), 0.95)

    assert (found.low, found.high, found.n_eff) == (0.02, 0.02, 1000)
    assert confidence.mean(np.full(1000, 0.25))[:3] == (0.25, 0.25, 1000)


def test_of_two_modes_the_quantile_is_the_one_that_it_lies_in() -> None:
    values = np.random.default_rng(1).permutation(np.repeat([0.01, 1.0], [940, 60]))

    assert percentiles(values, [0.5, 0.94, 0.95]) == [0.01, 0.01, 1.0]
    found = quantile(values, 0.95)
    # The step between the modes is within the reach of chance.
    assert (found.low, found.high) == (0.01, 1.0)
    assert quantile(values, 0.5)[:2] == (0.01, 0.01)


@pytest.mark.parametrize(
    ("q", "least"),
    # q + 2.262 √(q (1 − q) / n) ≤ 1.
    [(0.5, 20), (0.95, 98), (0.99, 507)],
)
def test_a_quantile_has_an_upper_end_from_so_many_values_on(q: float, least: int) -> None:
    def high(number: int) -> float:
        return quantile(np.zeros(number), q).high

    assert (high(least), high(least - 1)) == (0.0, math.inf)


def test_with_too_few_values_nothing_is_known() -> None:
    few = np.arange(confidence.LEAST - 1, dtype=float)

    assert quantile(few, 0.5)[:3] == (-math.inf, math.inf, None)
    assert confidence.mean(few)[:3] == (-math.inf, math.inf, None)
    assert effective(few) is None


@pytest.mark.parametrize(
    ("p", "n", "low", "high"),
    # By hand, with z² = 3.8415.
    [(0.0, 100, 0.0, 0.03699), (0.0, 3800, 0.0, 0.0010099), (0.5, 100, 0.40383, 0.59617), (1.0, 100, 0.96301, 1.0)],
)
def test_wilson_is_wilsons(p: float, n: int, low: float, high: float) -> None:
    assert wilson(p, n) == pytest.approx((low, high), abs=1e-5)


def test_what_never_happened_may_still_happen_3_8_times() -> None:
    found = confidence.rate(np.zeros(10), 100.0)

    assert (found.low, found.high) == (0.0, pytest.approx(0.0384, abs=1e-4))
    assert found.longer(0.0192) == pytest.approx(2.0, rel=0.01)


@given(st.floats(0.001, 0.2), st.integers(500, 5000), st.floats(1.05, 4.0))
def test_a_share_is_proven_by_a_run_as_much_longer_as_is_said(p: float, n: int, over: float) -> None:
    hits = (np.arange(n) % round(1 / p) == 0).astype(float)
    share, limit = float(hits.mean()), float(hits.mean()) * over
    longer = confidence.share(hits).longer(limit)
    n_eff = confidence.share(hits).n_eff or n

    assert wilson(share, n_eff * longer * 1.001)[1] <= limit
    assert wilson(share, n_eff * longer * 0.98)[1] >= limit * 0.999


@given(st.floats(1.02, 2.0), st.sampled_from([0.5, 0.9, 0.95]))
def test_a_quantile_is_proven_by_a_run_as_much_longer_as_is_said(over: float, q: float) -> None:
    values = np.random.default_rng(5).exponential(1.0, 400)
    found, limit = quantile(values, q), percentile(values, q) * over
    longer = found.longer(limit)
    below = float((values <= limit).mean())

    reach = confidence.STUDENT * math.sqrt(q * (1 - q) / ((found.n_eff or 400) * longer * 1.0001))
    assert q + reach <= below + 1e-9 or below == q


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0, 1e3)), min_size=1, max_size=60), st.sampled_from([0.5, 0.95]))
def test_the_percentiles_of_bins_are_those_of_each_bin(pairs: list[tuple[int, float]], q: float) -> None:
    bins, values = np.array([at for at, _ in pairs]), np.array([round(value, 6) for _, value in pairs])

    (found,) = binned(values, bins, 5, [q])

    for at in range(5):
        own = values[bins == at]
        assert found[at] == pytest.approx(percentile(own, q), abs=1e-9) if len(own) else np.isnan(found[at])


def test_what_never_came_stays_later_than_all_else_in_a_bin() -> None:
    (found,) = binned(np.array([1.0, np.inf, 2.0]), np.array([0, 0, 1]), 3, [0.95])

    assert found[:2].tolist() == [np.inf, 2.0]
    assert np.isnan(found[2])
