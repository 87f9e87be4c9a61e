"""What all keep by a wide margin is proven by how many there are; and a rule that is false is proven seldom."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from harness.plan.sample_sizes import APART_S
from reports.statistics import confidence, kept_by_all
from reports.statistics.confidence import Interval
from reports.statistics.ranked import Ranked

SEEDS = 200
LIMIT = 0.5
Values = npt.NDArray[np.float64]
NOTHING = Interval(-math.inf, math.inf, None, lambda limit: math.inf)
"""What batches know of a run that is too short for them."""


def proven(values: Values, moments: Values, q: float, limit: float = LIMIT) -> bool:
    """Whether all that is known of the quantile is within the limit."""
    return kept_by_all.against(limit, q, NOTHING, values, moments).high < limit


def apart(count: int, seconds: float = APART_S) -> Values:
    return np.arange(count) * seconds


@pytest.mark.parametrize(("q", "least"), [(0.5, 5), (0.9, 29), (0.95, 59), (0.99, 299), (0.999, 2995)])
def test_so_many_within_half_of_a_limit_prove_it(q: float, least: int) -> None:
    assert proven(np.full(least, LIMIT / 3), apart(least), q)
    assert not proven(np.full(least - 1, LIMIT / 3), apart(least - 1), q)
    assert q**least <= 0.05 < q ** (least - 1)


def test_the_greatest_is_the_end_of_the_interval_and_nothing_else_changes() -> None:
    values = np.random.default_rng(1).uniform(0.001, 0.1, 80)
    batches = confidence.quantile(values, Ranked(values), 0.95)

    found = kept_by_all.against(LIMIT, 0.95, batches, values, apart(80))

    assert batches.high == math.inf
    assert (found.low, found.high, found.n_eff) == (batches.low, values.max(), 80)
    long = np.tile(values, 10)
    known = confidence.quantile(long, Ranked(long), 0.95)
    assert kept_by_all.against(LIMIT, 0.95, known, long, apart(800)) is known


def test_one_beyond_half_of_the_limit_and_nothing_is_proven() -> None:
    values = np.full(400, 0.005)
    values[7] = LIMIT / 2 + 1e-6

    assert kept_by_all.against(LIMIT, 0.95, NOTHING, values, apart(400)) is NOTHING


@pytest.mark.parametrize(
    ("moments", "worth"),
    [
        (apart(240), 240),
        (apart(240, 0.1), 120),
        (apart(240, 0.01), 12),
        (apart(240, 0.0), 1),
        # Rounds of forty who begin at one instant.
        (np.repeat(apart(6, 1.0), 40), 6),
        # However few there are at other times: as many make a group as at most are planned together.
        (np.concatenate([apart(120, 0.01), 10 + apart(120)]), 12),
    ],
)
def test_operations_that_are_planned_together_count_as_one(moments: Values, worth: int) -> None:
    assert kept_by_all.worth(np.full(240, 0.005), moments, LIMIT) == worth


def test_operations_that_overlap_count_as_one() -> None:
    values = np.full(240, 0.005)
    values[100] = 0.25

    # One that took five seconds makes all that were planned within five seconds of each other one.
    assert kept_by_all.worth(values * 20, apart(240), 20 * LIMIT) == 240 // 25
    assert kept_by_all.worth(values, apart(240), LIMIT) == pytest.approx(120, abs=1)


@pytest.mark.parametrize("height", kept_by_all.NEAR)
def test_values_that_come_near_the_limit_together_count_as_few(height: float) -> None:
    together, spread = np.full(400, 0.001), np.full(400, 0.001)
    together[200:220] = spread[np.linspace(0, 399, 20).astype(int)] = LIMIT / height * 1.01
    far = APART_S * 3  # so that none overlap

    assert kept_by_all.worth(together, apart(400, far), LIMIT) < 50
    assert kept_by_all.worth(spread, apart(400, far), LIMIT) > 350
    assert not proven(together, apart(400, far), 0.95)


@pytest.mark.parametrize("height", kept_by_all.FAR)
def test_a_level_that_swings_so_far_that_it_could_reach_the_limit_counts_as_few(height: float) -> None:
    # The last tenth of the values is at another level; once more so far, and once more, and the limit is reached.
    high = LIMIT / height * 1.01
    swing = (LIMIT / high) ** 0.5

    def worth(factor: float) -> float:
        values = np.full(400, high / factor)
        values[360:] = high
        return kept_by_all.worth(values, apart(400, 0.6), LIMIT)

    assert worth(swing * 1.01) < 50
    assert worth(swing * 0.99) == 400


def test_times_of_nothing_are_within_any_limit() -> None:
    assert kept_by_all.worth(np.zeros(60), apart(60), LIMIT) == 60


def test_what_comes_together_far_below_the_limit_does_not_matter() -> None:
    values = np.where(np.arange(400) < 100, 0.015, 0.002)

    assert kept_by_all.worth(values, apart(400), LIMIT) == 400
    assert confidence.effective(values <= 0.01) == pytest.approx(10, abs=3)


def test_how_much_longer_is_enough() -> None:
    values = np.full(100, 0.005)
    longer = kept_by_all.against(LIMIT, 0.99, NOTHING, values, apart(100)).longer(LIMIT)

    count = math.ceil(100 * longer)
    assert (count, proven(np.full(count, 0.005), apart(count), 0.99)) == (299, True)


def queue(load: float, number: int, seed: int = 1) -> tuple[Values, Values]:
    """Response times of M/M/1 with a service time of 10 ms, and when each arrived: a row for each of SEEDS runs."""
    random = np.random.default_rng(seed)
    service, gaps = random.exponential(0.01, (SEEDS, number)), random.exponential(0.01 / load, (SEEDS, number))
    first = np.where(random.random(SEEDS) < load, random.exponential(0.01 / (1 - load), SEEDS), 0.0)
    steps = np.concatenate([first[:, None], (service - gaps)[:, :-1]], axis=1)
    sums = np.cumsum(steps, axis=1)
    return sums - np.minimum(np.minimum.accumulate(sums, axis=1), 0.0) + service, np.cumsum(gaps, axis=1)


def quantile_of_queue(load: float, q: float) -> float:
    return -math.log(1 - q) * 0.01 / (1 - load)


def drifting(dependence: float, spread: float, number: int) -> tuple[Values, Values]:
    """Log-normal times, each of which depends on the one before, planned APART_S apart."""
    random = np.random.default_rng(1)
    noise = random.normal(size=(SEEDS, number))
    noise[:, 1:] *= math.sqrt(1 - dependence**2)
    for place in range(1, number):
        noise[:, place] += dependence * noise[:, place - 1]
    return 0.01 * np.exp(spread * noise), np.tile(apart(number), (SEEDS, 1))


def bursts(q: float, seconds: float, rate: float, length: float, beyond: float) -> tuple[Values, Values]:
    """Times of 5 ms, but for bursts of this mean `length` (s) in which a share `beyond` takes longer than LIMIT, and
    the rest nearly as long: so often that a little more than 1 − q are beyond it in the long run.
    """
    random = np.random.default_rng(1)
    share = 1.01 * (1 - q) / beyond
    moments = np.arange(int(seconds * rate)) / rate
    rows = []
    for _ in range(SEEDS):
        values = 0.005 * np.exp(random.normal(0, 0.5, len(moments)))
        at, inside = 0.0, random.random() < share
        while at < seconds:
            lasts = random.exponential(length if inside else length * (1 - share) / share)
            if inside:
                burst = (moments >= at) & (moments < at + lasts)
                times = np.where(random.random(burst.sum()) < beyond, 1.2 * LIMIT, 0.8 * LIMIT)
                values[burst] = times
            at, inside = at + lasts, not inside
        rows.append(values)
    return np.array(rows), np.tile(moments, (SEEDS, 1))


def share_proven(runs: tuple[Values, Values], q: float, limit: float) -> float:
    return float(np.mean([proven(values, moments, q, limit) for values, moments in zip(*runs, strict=True)]))


@pytest.mark.parametrize("load", [0.5, 0.8, 0.9, 0.95, 0.99])
@pytest.mark.parametrize(("q", "number"), [(0.95, 60), (0.95, 600), (0.95, 6000), (0.99, 300), (0.99, 6000)])
def test_a_queue_does_not_prove_a_limit_that_is_missed(load: float, q: float, number: int) -> None:
    # The limit is just below the true quantile: the rule is false.
    limit = 0.999 * quantile_of_queue(load, q)

    assert share_proven(queue(load, number), q, limit) <= 0.05


@pytest.mark.parametrize("dependence", [0.0, 0.5, 0.9, 0.95])
@pytest.mark.parametrize("spread", [0.2, 0.5, 1.0, 1.5])
@pytest.mark.parametrize(("q", "normal", "number"), [(0.95, 1.645, 59), (0.95, 1.645, 600), (0.99, 2.326, 299)])
def test_times_that_depend_on_the_last_do_not_prove_a_limit_that_is_missed(
    dependence: float, spread: float, q: float, normal: float, number: int
) -> None:
    limit = 0.01 * math.exp(spread * normal) * 0.999

    assert share_proven(drifting(dependence, spread, number), q, limit) <= 0.05


SHORT = [(0.95, 12.0), (0.99, 60.0)]
"""A quantile, and the seconds in which so many groups begin as prove it."""


@pytest.mark.parametrize(("q", "seconds"), SHORT)
@pytest.mark.parametrize("rate", [5.0, 12.0, 60.0])
@pytest.mark.parametrize("length", [0.01, 0.05])
@pytest.mark.parametrize("beyond", [0.5, 1.0])
def test_bursts_at_the_limit_do_not_prove_it(
    q: float, seconds: float, rate: float, length: float, beyond: float
) -> None:
    # Of independent ones 5 % would; of 200 runs that is 10, and 15 by chance.
    assert share_proven(bursts(q, seconds, rate, length, beyond), q, LIMIT) <= 0.075


@pytest.mark.parametrize("length", [1.0, 3.0])
@pytest.mark.parametrize(("q", "seconds"), [(0.95, 20.0), (0.99, 120.0)])
def test_a_longer_burst_is_missed_only_if_none_came(q: float, seconds: float, length: float) -> None:
    # That bursts of seconds come at all, a run without one can't know: no more than the interval from batches can.
    runs, moments = bursts(q, seconds, 60.0, length, 1.0)
    calm = runs.max(axis=1) < LIMIT / 2
    wrong = np.array([proven(values, at, q) for values, at in zip(runs, moments, strict=True)])
    batches = np.array([confidence.quantile(values, Ranked(values), q).high < LIMIT for values in runs])

    assert 0 < calm.mean() < 1
    assert not wrong[~calm].any()
    assert wrong.mean() <= batches.mean()


@pytest.mark.parametrize("length", [1.0, 3.0])
def test_a_run_as_long_as_75_bursts_is_long_enough(length: float) -> None:
    # Of what is 5 % of the time: four times as long as one takes to come, on average.
    assert share_proven(bursts(0.95, 75 * length, 60.0, length, 1.0), 0.95, LIMIT) <= 0.05


def test_taken_for_independent_the_same_bursts_would_prove_it_often() -> None:
    runs, _ = bursts(0.95, 12.0, 60.0, 0.1, 1.0)
    alone: Callable[[Values], bool] = lambda values: values[:59].max() < LIMIT / 2  # noqa: E731

    assert np.mean([alone(values) for values in runs]) > 0.3
