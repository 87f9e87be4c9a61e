"""The language of rules: what it says is what is judged, and what it can't say is refused with its place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.rules import METRICS, RuleError, parse
from harness.units import duration, seconds


@pytest.mark.parametrize(
    ("text", "limit", "of"),
    [
        ("p95(response_time) < 500ms", 0.5, None),
        ("p99.9(service_time) <= 1.5s", 1.5, None),
        ("p95(response_time) < 700ms", 0.7, None),
        ("max(lag) < 2m", 120.0, None),
        ("mean(end_to_end{phase=peak}) < 250us", 0.00025, None),
        ("ratio(errors) < 1%", 0.01, None),
        ("ratio(errors) < 1 %", 0.01, None),
        ("ratio(dropped) <= 0.1%", 0.001, None),
        ("rate(goodput) >= 95% of offered", 0.95, "offered"),
        ("rate(delivered{phase=b}) >= 90% of linear", 0.9, "linear"),
        ("rate(requests) > 100/s", 100.0, None),
        ("count(backlog) == 0", 0.0, None),
    ],
)
def test_a_limit_is_read_in_its_base_unit(text: str, limit: float, of: str | None) -> None:
    rule = parse(text)

    assert (rule.limit, rule.of) == (limit, of)


def test_selectors_keep_key_value_and_negation() -> None:
    rule = parse('p50(response_time{op=process, phase!="1 worker"}) < 1s')

    assert [(s.key, s.value, s.negated) for s in rule.selectors] == [
        ("op", "process", False),
        ("phase", "1 worker", True),
    ]


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("", 1, "expected an aggregate"),
        ("p95(response_tim) < 500ms", 5, "did you mean 'response_time'?"),
        ("median(lag) < 1s", 1, "unknown aggregate 'median'"),
        ("p101(lag) < 1s", 1, "expected p0 to p100"),
        ("mean(errors) < 1%", 6, "errors has no mean"),
        ("p95(errors) < 1%", 5, "errors has no percentiles"),
        ("p95(response_time) < 500", 22, "a limit without unit"),
        ("p95(response_time) < 500parsec", 22, "unknown unit 'parsec'"),
        ("ratio(errors) < 1", 17, "a limit without unit"),
        ("ratio(errors) < 5ms", 17, "unknown unit 'ms'"),
        ("rate(goodput) >= 95%", 18, "a share of"),
        ("rate(goodput) >= 95% of offred", 25, "did you mean 'offered'?"),
        ("p95(response_time{opp=x}) < 1s", 19, "did you mean 'op'?"),
        ("p95(response_time{op=x) < 1s", 23, "expected ',' or '}'"),
        ("p95(response_time < 5ms", 19, "expected '{' or ')'"),
        ("p95(response_time) 500ms", 20, "expected '<='"),
        ("p95(response_time) < fast", 22, "expected a limit such as 500ms"),
        ("count(backlog) == 0 else", 20, "expected the end"),
        ("p95(response_time) < 1s ; x", 24, "expected the end"),
    ],
)
def test_what_is_not_a_rule_is_refused_with_its_column(text: str, column: int, says: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse(text)

    assert f"column {column}:" in str(caught.value)
    assert says in str(caught.value)


@given(st.text(alphabet='p95(){}=<>!,%/. abcopms_"0123456789\n', max_size=60))
def test_any_text_is_a_rule_or_a_rule_error(text: str) -> None:
    try:
        rule = parse(text)
    except RuleError:
        return

    assert rule.metric in METRICS


@pytest.mark.parametrize(("text", "value"), [("500ms", 0.5), ("1m30s", 90.0), ("2h", 7200.0), ("0.5s", 0.5)])
def test_a_duration_is_read_in_seconds(text: str, value: float) -> None:
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "0s", "-1s", "5", 5, None, "5 s", "1s5", "five", "1.s"])
def test_what_is_no_duration_above_zero_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        seconds(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0 ms"), (0.0005, "0.5 ms"), (0.0123, "12.3 ms"), (1.5, "1.5 s"), (90, "1 m 30 s"), (3600, "1 h")],
)
def test_a_duration_is_written_for_people(value: float, text: str) -> None:
    assert duration(value) == text
