"""A rule without data, or that can select nothing, is an error."""

from pathlib import Path

import pytest

from tests.support.evaluated import ERROR, found, scaling


@pytest.mark.parametrize(
    ("text", "rates", "reason"),
    [
        ("rate(delivered{phase=one}) >= 90% of linear", (10, 40), "no phase with fewer processes"),
        ("rate(delivered{phase=four}) >= 90% of linear", (10, 50), "no phase with fewer processes"),
        ("rate(delivered{phase=pause}) >= 90% of linear", (10, 40), "has no load, or no one number of processes"),
        ("rate(delivered) >= 90% of linear", (10, 40), "the rule must select one"),
    ],
)
def test_a_phase_without_reference_has_no_linear_rate(
    tmp_path: Path, text: str, rates: tuple[int, int], reason: str
) -> None:
    result = found(tmp_path, text, table=scaling(rates))

    assert (result.state, result.limit) == (ERROR, None)
    assert reason in result.detail


def test_a_share_of_nothing_is_no_limit(tmp_path: Path) -> None:
    result = found(
        tmp_path,
        "rate(delivered{phase=four}) >= 90% of linear",
        table=scaling((10, 40)),
        completing=lambda stored: None,
    )

    assert (result.state, result.detail) == (ERROR, "its limit is a share of the linear rate, which is 0")


RULES = [
    "p95(response_time) < 500ms",
    "p95(response_time) < 500ms for 2s",
    "ratio(errors) < 1% in 90% of 1s windows",
    "rate(throughput) >= 0/s",
    "p95(response_time) <= baseline +10%",
    "max(service_time) < 500ms",
    "p99(lag) < 10ms",
    "p95(end_to_end) < 1s",
    "ratio(errors) < 1%",
    "count(errors) == 0",
    "rate(requests) >= 1/s",
    "rate(goodput) >= 95% of offered",
    "rate(delivered) >= 0/s",
    "count(backlog) == 0",
]


@pytest.mark.parametrize("text", RULES)
def test_a_rule_without_samples_is_an_error(tmp_path: Path, text: str) -> None:
    result = found(tmp_path, text, dropped=180)

    assert (result.state, result.value, result.margin, result.n) == (ERROR, None, None, 0)
    assert "nothing to measure" in result.detail


@pytest.mark.parametrize("text", ["p95(end_to_end) < 1s", "rate(delivered) >= 0/s", "count(backlog) == 0"])
def test_a_rule_on_effects_that_nobody_read_is_an_error(tmp_path: Path, text: str) -> None:
    result = found(tmp_path, text, with_effects=False)

    assert (result.state, result.detail) == (ERROR, "the effects in the database were not read (no effects.npy)")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("count(errors{phase=steady,phase!=steady}) == 0", "no phase of this profile"),
        ("p95(response_time{op=process,op=repeat}) < 1s", "nothing to measure"),
    ],
)
def test_a_rule_that_can_select_nothing_is_an_error(tmp_path: Path, text: str, reason: str) -> None:
    result = found(tmp_path, text)

    assert result.state is ERROR
    assert reason in result.detail


@pytest.mark.parametrize(
    "text", ["max(lag{worker=1}) < 1s", "max(lag{status=204}) < 1s", "ratio(errors{worker=1}) < 1%"]
)
def test_selectors_that_no_operation_meets_are_an_error(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, text).state is ERROR
