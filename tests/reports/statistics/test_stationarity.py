"""A series has a warm-up where it differs from the rest, and drifts where chance does not explain it."""

import numpy as np
import numpy.typing as npt
import pytest

from reports.statistics.stationarity import drift, trend, warm_up

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


@pytest.mark.parametrize("depends", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("slope", [0.0, 0.01, -0.05])
@pytest.mark.parametrize("number", [60, 600])
def test_the_interval_of_a_slope_holds_it_in_nine_of_ten_runs(depends: float, slope: float, number: int) -> None:
    if depends == 0.9 and number == 60:
        return  # ten parts of six seconds, each of which depends on the last twenty: too short
    moments = 7.0 + np.arange(number) + 0.5
    runs = (noise(number, depends, seed) + slope * moments for seed in range(SEEDS))
    found = [trend(moments, values, 7.0, 7.0 + number) for values in runs]
    held = [one.low <= slope <= one.high for one in found if one]

    assert len(held) == SEEDS
    assert np.mean(held) >= 0.9


def test_a_slope_is_that_of_a_line_and_sure() -> None:
    moments = np.arange(100) + 0.5

    found = trend(moments, 3 - 0.25 * moments, 0.0, 100.0)

    assert found == pytest.approx((-0.25, -0.25, -0.25))


def test_a_slope_needs_something_in_each_tenth() -> None:
    moments = np.array([second for second in range(100) if not 30 <= second < 40]) + 0.5

    assert trend(moments, moments, 0.0, 100.0) is None
    assert trend(np.append(moments, 35.0), np.append(moments, 35.0), 0.0, 100.0) is not None


def test_a_few_outliers_do_not_tilt_a_slope() -> None:
    moments = np.arange(100) + 0.5
    values = 0.1 * moments
    values[[55, 56]] += 500

    found = trend(moments, values, 0.0, 100.0)

    assert found is not None
    assert found.slope == pytest.approx(0.1, rel=0.01)
