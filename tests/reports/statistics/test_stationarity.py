"""A series has a warm-up where it differs from the rest, and drifts where chance does not explain it."""

import numpy as np
import numpy.typing as npt
import pytest

from reports.statistics.stationarity import drift, warm_up

SEEDS = 100
Values = npt.NDArray[np.float64]


def noise(number: int, depends: float, seed: int) -> Values:
    """Values around 5 with a deviation of 1, each of which depends on the one before it."""
    steps = np.random.default_rng(seed).normal(0.0, 1.0, number + 100)
    series = np.empty_like(steps)
    before = 0.0
    for place, step in enumerate(steps):
        series[place] = before = depends * before + step
    found: Values = 5 + series[100:] * (1 - depends**2) ** 0.5
    return found


def test_a_decay_is_cut_off_when_it_is_within_the_noise() -> None:
    time = np.arange(600)
    cuts = [warm_up(1 + 5 * np.exp(-time / 30) + noise(600, 0.0, seed) * 0.3, 0.1) for seed in range(20)]

    # After 2.5 to 5 times its constant of 30.
    assert 75 <= min(cuts) <= max(cuts) <= 155


@pytest.mark.parametrize("begin", [20, 55, 80])
def test_a_step_is_cut_off_where_it_is(begin: int) -> None:
    series = np.where(np.arange(120) < begin, 3.0, 1.0)

    assert warm_up(series, 0.1) == begin


@pytest.mark.parametrize("number", [1, 20, 60, 600])
def test_a_constant_has_no_warm_up_and_no_drift(number: int) -> None:
    assert (warm_up(np.ones(number), 0.0), drift(np.ones(number))) == (0, 0.0)


def test_a_ramp_never_settles() -> None:
    assert warm_up(np.arange(120.0), 1.0) > 60
    assert warm_up(1 + np.arange(600) / 600 + noise(600, 0.0, 1) * 0.1, 0.1) > 300


def test_what_differs_by_less_than_counts_is_no_warm_up() -> None:
    series = np.where(np.arange(120) < 40, 1.09, 1.0)

    assert (warm_up(series, 0.1), warm_up(series, 0.05)) == (0, 40)


@pytest.mark.parametrize("depends", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("number", [60, 120, 600])
def test_noise_rarely_seems_unsettled(number: int, depends: float) -> None:
    cuts = [warm_up(noise(number, depends, seed), 0.5) for seed in range(SEEDS)]

    assert sum(cut > number / 2 for cut in cuts) <= 0.08 * SEEDS


@pytest.mark.parametrize("number", [10, 60, 97, 3600])
def test_the_drift_is_by_how_much_a_series_grows(number: int) -> None:
    series = np.linspace(2.0, 3.0, number)

    assert drift(series) == pytest.approx(1.0, abs=1.2 / min(number, 10))
    assert drift(-series) == pytest.approx(-drift(series))


@pytest.mark.parametrize(("depends", "most"), [(0.0, 0.1), (0.5, 0.12)])
def test_noise_rarely_drifts(depends: float, most: float) -> None:
    drifting = [drift(noise(120, depends, seed)) != 0.0 for seed in range(SEEDS)]

    assert sum(drifting) <= most * SEEDS


def test_one_outlier_is_no_drift() -> None:
    series = np.ones(120)
    series[110:] = 100.0

    assert drift(series) == 0.0
