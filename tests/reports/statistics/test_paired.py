"""A real change of a size that matters is found, noise is not, and too few pairs say so."""

import math

import numpy as np
import pytest

from reports.statistics.paired import ALPHA, Change, ComparedMetric, compare, hodges_lehmann, holm, interval, sign_flip

P95 = ComparedMetric("p95", higher_is_better=False, least=0.05, floor=0.001)
RATE = ComparedMetric("rate", higher_is_better=True, least=0.05, floor=0.0)


@pytest.mark.parametrize(
    ("worse", "p"),
    [
        ([1.0], 1 / 2),
        ([1, 1, 1, 1, 1], 1 / 32),
        ([1, 1, 1, 1, 1, 1], 1 / 64),
        ([-1, -1, -1], 1.0),
        ([0, 0, 0], 1.0),
        ([3, 2, -1], 2 / 8),
    ],
)
def test_the_sign_flip_test_is_exact(worse: list[float], p: float) -> None:
    assert sign_flip(np.array(worse, float)) == p


@pytest.mark.parametrize("pairs", [0, 17])
def test_more_pairs_than_can_be_tried_are_refused(pairs: int) -> None:
    with pytest.raises(ValueError, match="expected 1 to 16"):
        sign_flip(np.ones(pairs))


def test_holm_raises_each_p_and_keeps_their_order() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_the_estimate_does_not_follow_one_wild_run() -> None:
    assert hodges_lehmann(np.array([0.1, 0.1, 0.1, 0.1, 0.1, 9.0])) == pytest.approx(0.1, abs=0.01)


def test_an_interval_needs_six_pairs_and_is_that_of_the_signed_ranks() -> None:
    assert interval(np.arange(5.0)) == (-math.inf, math.inf)
    # Tables of Wilcoxon's statistic: with six pairs, the whole range of the means.
    assert interval(np.arange(6.0)) == (0.0, 5.0)
    low, high = interval(np.arange(8.0))
    assert (low, high) == (1.0, 6.0)  # T = 3, the fourth mean from either end


def values(
    seed: int, change: float, pairs: int = 6, noise: float = 0.05, drift: float = 0.10
) -> tuple[list[float], list[float]]:
    """Runs of a noisy machine: each differs by `noise`, each pair by `drift`; head is `change` times base."""
    draw = np.random.default_rng(seed)
    level = 0.1 * np.exp(draw.normal(0, drift, pairs))
    base = level * np.exp(draw.normal(0, noise, pairs))
    head = level * (1 + change) * np.exp(draw.normal(0, noise, pairs))
    return base.tolist(), head.tolist()


def rate_of(change: float, said: Change, pairs: int, runs: int = 400) -> float:
    hits = 0
    for seed in range(runs):
        base, head = values(seed, change, pairs)
        hits += compare([P95], [base], [head])[0].change is said
    return hits / runs


@pytest.mark.parametrize(("pairs", "least"), [(6, 0.75), (8, 0.85)])
def test_ten_percent_are_found_as_often_as_is_promised(pairs: int, least: float) -> None:
    assert rate_of(0.10, Change.REGRESSED, pairs) >= least


@pytest.mark.parametrize("pairs", [6, 8])
def test_no_change_is_seldom_called_one(pairs: int) -> None:
    # 2.3 % with six pairs and 1.9 % with eight, over 2,000 draws.
    assert rate_of(0.0, Change.REGRESSED, pairs) <= 0.04
    assert rate_of(0.0, Change.IMPROVED, pairs) <= 0.04


def test_better_is_up_for_a_rate_and_down_for_a_time() -> None:
    base, head = [0.1] * 6, [0.12] * 6
    assert [one.change for one in compare([P95], [base], [head])] == [Change.REGRESSED]
    assert [one.change for one in compare([P95], [head], [base])] == [Change.IMPROVED]
    assert [one.change for one in compare([RATE], [base], [head])] == [Change.IMPROVED]
    assert [one.change for one in compare([RATE], [head], [base])] == [Change.REGRESSED]


def test_what_nobody_would_notice_is_no_regression() -> None:
    """10 % of 2 ms are 0.2 ms."""
    (one,) = compare([P95], [[0.0020] * 8], [[0.0022] * 8])
    assert one.p < ALPHA
    assert one.change is not Change.REGRESSED


def test_equal_runs_are_no_change_and_few_or_wild_ones_inconclusive() -> None:
    (same,) = compare([P95], [[0.1] * 6], [[0.1001] * 6])
    assert same.change is Change.NO_CHANGE
    assert same.more is None
    (few,) = compare([P95], [[0.1] * 3], [[0.2] * 3])
    assert few.change is Change.INCONCLUSIVE
    assert few.more == 3
    (wild,) = compare([P95], [[0.1, 0.2, 0.1, 0.3, 0.1, 0.2]], [[0.2, 0.1, 0.3, 0.1, 0.1, 0.3]])
    assert wild.change is Change.INCONCLUSIVE
    assert wild.more
    assert wild.more > 6


def test_several_metrics_are_corrected_together() -> None:
    metrics = [ComparedMetric(str(n), False, 0.05, 0.0) for n in range(4)]
    base, head = [[0.1] * 6] * 4, [[0.12] * 6, [0.1] * 6, [0.1] * 6, [0.1] * 6]
    found = compare(metrics, base, head)
    # 1/64 of one metric alone; four are looked at.
    assert found[0].p == pytest.approx(4 / 64)
    assert found[0].change is Change.INCONCLUSIVE
