"""A percentile is the smallest observed value that at least this share of all values does not exceed."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.plan.grammar import parse
from reports.statistics.percentiles import percentile, percentiles, rank


@pytest.mark.parametrize(
    ("quantile", "n", "place"),
    [
        (0.50, 1, 0),
        (0.00, 10, 0),
        (1.00, 10, 9),
        (0.50, 10, 4),
        (0.50, 11, 5),
        (0.95, 20, 18),
        (0.95, 21, 19),
        (0.95, 100, 94),
        (0.99, 100, 98),
        (0.99, 99, 98),
        (0.999, 1000, 998),
        # In floats these products are a little too large, which would be one place too far.
        (0.07, 100, 6),
        (0.55, 100, 54),
        (0.29, 100, 28),
    ],
)
def test_the_rank_is_the_nearest_one_that_is_not_below(quantile: float, n: int, place: int) -> None:
    assert rank(quantile, n) == place


def test_a_percentile_of_a_rule_is_the_one_that_was_written() -> None:
    rule = parse("p99.9(response_time) < 1s")
    assert rule.quantile is not None

    assert percentile(np.arange(1, 1001), rule.quantile) == 999


def test_the_percentiles_of_one_to_a_hundred_are_themselves() -> None:
    values = np.random.default_rng(1).permutation(np.arange(1, 101))

    assert percentiles(values, [0.01, 0.5, 0.95, 0.99, 1.0]) == [1, 50, 95, 99, 100]


def test_what_never_came_is_later_than_all_else() -> None:
    values = np.array([np.inf, 1.0, 2.0, 3.0])

    assert percentiles(values, [0.75, 0.76]) == [3.0, np.inf]


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=200),
    st.integers(0, 1000).map(lambda thousandths: Fraction(thousandths, 1000)),
)
def test_a_percentile_is_by_its_definition(values: list[float], quantile: Fraction) -> None:
    by_definition = min(x for x in values if Fraction(sum(y <= x for y in values), len(values)) >= quantile)

    assert percentile(np.array(values), float(quantile)) == by_definition
