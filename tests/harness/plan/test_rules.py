"""The language of rules: what it says is what is judged, and what it can't say is refused with its place."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.outcomes import Outcome
from harness.plan.grammar import RuleError, parse
from harness.plan.rules import (
    COUNT,
    DURATION,
    DURATION_SLOPE,
    METRICS,
    NUMBER,
    NUMBER_SLOPE,
    RATE,
    SHARE,
    Selector,
    Window,
    selected,
)
from harness.quantities import duration, seconds


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
        ("ratio(conflicts) >= 10%", 0.1, None),
        ("rate(goodput) >= 95% of offered", 0.95, "offered"),
        ("rate(delivered{phase=b}) >= 90% of linear", 0.9, "linear"),
        ("p95(response_time{phase=b}) < 150% of phase a", 1.5, "phase"),
        ("mean(service_time{phase=b}) <= 150 % of phase a", 1.5, "phase"),
        ("rate(requests) > 100/s", 100.0, None),
        ("rate(throughput) > 100 /s", 100.0, None),
        ("count(backlog) == 0", 0.0, None),
        ("value(recovery_time{phase=spike}) < 30s", 30.0, None),
        ("value(capacity) >= 250/s", 250.0, None),
        ("value(efficiency{phase=b}) >= 90%", 0.9, None),
        ("value(invariant.X1) == 0", 0.0, None),
        ("max(resource.target.rss) < 1500000000", 1.5e9, None),
        ("p95(resource.target.rss) < 1.5GB", 1.5e9, None),
        ("value(resource.target.rss) < 1500 MB", 1.5e9, None),
        ("mean(resource.db.wal_bytes) < 20kB", 2e4, None),
        ("min(resource.target.rss) > 1B", 1.0, None),
        ("slope(response_time{phase=a}) < 5ms/min", 0.005, None),
        ("slope(service_time) <= 1s/h", 1 / 60, None),
        ("slope(service_time) <= 100us/s", 0.006, None),
        ("slope(in_flight) < 10/min", 10.0, None),
        ("slope(backlog) < 1 /s", 60.0, None),
        ("slope(backlog{phase=steady}) < 1% of offered", 0.01, "offered"),
        ("slope(resource.target.rss) < 1MB/min", 1e6, None),
        ("p95(metric.cart_size) < 20", 20.0, None),
        ("ratio(metric.cache-hit{phase=a}) >= 90%", 0.9, None),
        ("rate(metric.sent.all) > 10/s", 10.0, None),
        ("count(metric.sent) <= baseline +10%", 1.1, "baseline"),
        ("slope(resource.target.rss) < 1.5 GB/h", 2.5e7, None),
        ("slope(resource.db.connections) <= 0/min", 0.0, None),
        ("slope(resource.queue.depth) < 1% of offered", 0.01, "offered"),
        ("value(drain_time) < 10s", 10.0, None),
        ("value(drain_time{phase=spike}) < 1m", 60.0, None),
        ("p95(response_time) <= baseline +10%", 1.1, "baseline"),
        ("rate(goodput) >= baseline - 5 %", 0.95, "baseline"),
        ("p50(lag) <= baseline+0%", 1.0, "baseline"),
    ],
)
def test_a_limit_is_read_in_its_base_unit(text: str, limit: float, of: str | None) -> None:
    rule = parse(text)

    assert (rule.limit, rule.of) == (limit, of)


def test_selectors_keep_key_comparison_and_value() -> None:
    rule = parse('p50(response_time{op=~"re.*", phase!="1 worker", status=201, outcome!=ACK, worker=1}) < 1s')

    assert rule.selectors == (
        Selector("op", "=~", "re.*"),
        Selector("phase", "!=", "1 worker"),
        Selector("status", "=", "201"),
        Selector("outcome", "!=", "ACK"),
        Selector("worker", "=", "1"),
    )


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("{phase=a}", ["a"]),
        ("{phase!=a}", ["ab", "b"]),
        ("{phase=~a.*}", ["a", "ab"]),
        ("{phase=~a}", ["a"]),
        ("{phase=~.*,phase!=b}", ["a", "ab", "warm-up"]),
        ("{phase=warm-up}", ["warm-up"]),
        ("", ["a", "ab", "b"]),
    ],
)
def test_selectors_keep_names_and_the_warm_up_only_if_it_is_meant(text: str, kept: list[str]) -> None:
    rule = parse(f"p50(lag{text}) < 1s")

    assert selected(["a", "ab", "b", "warm-up"], rule.selectors, "phase") == kept


@pytest.mark.parametrize("text", ["rate(events{point=routed, op=a}) > 1/s", "rate(effects{point=routed, op=a}) > 1/s"])
def test_a_system_may_name_its_effects(text: str) -> None:
    rule = parse(text, "events")

    assert (rule.metric, rule.kind, rule.text) == ("effects", "rate", text)
    assert rule.selectors == (Selector("point", "=", "routed"), Selector("op", "=", "a"))
    with pytest.raises(RuleError, match="unknown metric 'event'; did you mean 'events'"):
        parse("rate(event) > 1/s", "events")


def test_a_metric_with_a_name_keeps_what_belongs_to_it() -> None:
    resource = parse("p95(resource.db.waiting.lock) <= 2")

    assert (resource.metric, resource.name, resource.kind) == ("resource", "db.waiting.lock", "number")


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("p95(response_time) < 1s", None),
        ("p95(response_time) < 1s for 10s", Window(1.0, None, 10)),
        ("ratio(errors) < 5% for 1m", Window(1.0, None, 60)),
        ("p95(response_time) < 1s in 99% of 1s windows", Window(1.0, 0.99)),
        ("rate(goodput) >= 180/s in 99.5% of 500ms windows", Window(0.5, 0.995)),
        ("count(errors) == 0 in 100% of 10s windows", Window(10.0, 1.0)),
        ("p95(response_time) <= baseline +10% in 90% of 2s windows", Window(2.0, 0.9)),
    ],
)
def test_windows_are_read(text: str, window: Window | None) -> None:
    assert parse(text).window == window


@pytest.mark.parametrize(
    "text",
    [
        "p95(response_time) < 1s else abort",
        "max(service_time) <= 30s else abort",
        "ratio(errors{op=process}) < 50% for 10s else abort",
        "count(errors) == 0 else abort",
        "ratio(conflicts) < 90% in 90% of 1s windows else abort",
    ],
)
def test_a_rule_can_end_the_load(text: str) -> None:
    assert parse(text).aborts
    assert not parse(text.removesuffix("else abort")).aborts


def test_what_a_rule_measures_is_known_without_its_limit() -> None:
    texts = [
        "p95(response_time{op=a,  phase=b}) < 1s for 10s",
        "p95(response_time{op=a, phase=b})   <=  2s   for 10s else abort",
        "p95(response_time{op=a, phase=b}) <= baseline +10%",
    ]
    measures = [parse(text).measures for text in texts]

    assert measures[0] == measures[1] == "p95(response_time{op=a, phase=b}) for 10s" != measures[2]


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("p95(metric.9x) < 20", 5, "metric '9x': expected a letter, then up to 63 letters, digits and _ . -"),
        ("p95(metric.a/b) < 20", 5, "metric 'a/b': expected a letter"),
        ("p95(metric) < 20", 5, "unknown metric 'metric'; did you mean 'metric.<name>'?"),
        ("value(metric.x) < 20", 7, "metric has no value; it has p50 … p99.9, mean, max, min, ratio, count, rate"),
        ("p95(metric.x{op=process}) < 20", 14, "metric can't be selected by op; it can by phase, worker"),
        ("p95(metric.x) < 20ms", 17, "unknown unit 'ms'"),
        ("slope(metric.x) < 20/min for 2s", 26, "the slope of metric is not measured window by window"),
        ("mean(metric.x) < 20 else abort", 21, "mean of metric is known afterwards"),
        ("", 1, "expected an aggregate"),
        ("p95(response_tim) < 500ms", 5, "did you mean 'response_time'?"),
        ("median(lag) < 1s", 1, "unknown aggregate 'median'"),
        ("apdex(response_time) > 0.9", 1, "unknown aggregate 'apdex'"),
        ("value(fairness) > 0.9", 7, "unknown metric 'fairness'"),
        ("p101(lag) < 1s", 1, "expected p0 to p100"),
        ("mean(errors) < 1%", 6, "errors has no mean"),
        ("p95(errors) < 1%", 5, "errors has no percentiles"),
        ("value(lag) > 1", 7, "lag has no value; it has p50"),
        ("value(invariant) == 0", 7, "unknown metric 'invariant'; did you mean 'invariant.<name>'?"),
        ("value(invariants.X1) == 0", 7, "unknown metric 'invariants.X1'"),
        ("value(capacity.x) > 1/s", 7, "did you mean 'capacity'?"),
        ("p95(response_time) < 500", 22, "a limit without unit"),
        ("p95(response_time) < 500parsec", 22, "unknown unit 'parsec'"),
        ("max(resource.target.rss) < 1XB", 28, "unknown unit 'XB'"),
        ("max(response_time) < 1MB", 22, "unknown unit 'MB'"),
        ("slope(response_time) < 5ms", 24, "such as 5ms/min"),
        ("slope(response_time) < 5/min", 24, "unknown unit '/min'"),
        ("slope(response_time) < 5% of offered", 24, "unknown unit '%'"),
        ("slope(backlog) < 5MB/min", 18, "unknown unit 'MB/min'"),
        ("slope(backlog) < 5", 18, "such as 10/min or 1% of offered"),
        ("slope(backlog) < 1%", 18, "a limit in % needs what it is a share of: '95% of offered'"),
        ("slope(backlog) < 1% of linear", 24, "unknown reference 'linear'"),
        ("slope(errors) < 1/min", 7, "errors has no slope"),
        ("slope(lag) < 1ms/min", 7, "lag has no slope"),
        ("mean(in_flight) < 3", 6, "in_flight has no mean; it has slope"),
        ("slope(response_time) < 5ms/min for 3s", 32, "the slope of response_time is not measured window by window"),
        ("slope(response_time) < 5ms/min else abort", 32, "slope of response_time is known afterwards"),
        ("max(drain_time) < 5s", 5, "drain_time has no max; it has value"),
        ("ratio(errors) < 1", 17, "a limit without unit"),
        ("ratio(errors) < 5ms", 17, "unknown unit 'ms'"),
        ("rate(goodput) >= 95%", 18, "a share of"),
        ("rate(goodput) >= 95% of offred", 25, "did you mean 'offered'?"),
        ("rate(errors) >= 95% of offered", 17, "unknown unit '%'"),
        ("p95(response_time) < 150%", 22, "a limit in % needs what it is a share of: '150% of phase quiet'"),
        ("p95(response_time) < 150% of quiet", 30, "unknown reference 'quiet'"),
        ("p95(response_time) < 150% of phase", 35, "expected the name of a phase"),
        ("p95(lag) < 150% of phase quiet", 12, "unknown unit '%'"),
        ("p95(response_time) < 150% of phase a for 10s", 38, "leave out the windows"),
        ("p95(response_time) < 150% of phase a else abort", 38, "a comparison with another phase"),
        ("p95(response_time) < baseline", 22, "such as 'baseline +10%'"),
        ("p95(response_time) < baseline 10%", 22, "such as 'baseline +10%'"),
        ("p95(response_time) < baseline -100%", 22, "such as 'baseline +10%'"),
        ("p95(response_time) < baselin +10%", 22, "or 'baseline +10%', found 'baselin'"),
        ("p95(response_time{opp=x}) < 1s", 19, "did you mean 'op'?"),
        ("p95(response_time{op=x) < 1s", 23, "expected ',' or '}'"),
        ("p95(response_time{op=~[a}) < 1s", 23, "not a regular expression"),
        ("p95(response_time{status=~2..}) < 1s", 25, "expected '=' or '!=', found '=~'"),
        ("p95(response_time{status=ok}) < 1s", 26, "expected an HTTP status"),
        ("p95(response_time{worker=a}) < 1s", 26, "expected the number of a load process"),
        ("p95(response_time{outcome=ACKED}) < 1s", 27, "did you mean 'ACK'?"),
        ("rate(effects{point!=sent}) > 1/s", 19, "expected '=', found '!='"),
        ("rate(effects{point=a,point=b}) > 1/s", 22, "one point at a time"),
        ("rate(delivered{point=a}) > 1/s", 16, "delivered can't be selected by point"),
        ("rate(effects) >= 95% of offered", 25, "unknown reference 'offered'"),
        ("rate(events) > 1/s", 6, "unknown metric 'events'"),
        ("p95(effects) < 1s", 5, "effects has no percentiles; it has rate, count"),
        ("ratio(dropped{op=a}) < 1%", 15, "dropped can't be selected by op; it can by phase"),
        ("value(invariant.X1{op=a}) == 0", 20, "invariant can't be selected by op; it can by nothing"),
        ("p95(response_time < 5ms", 19, "expected '{' or ')'"),
        ("p95(response_time, 1s) < 1s", 18, "expected '{' or ')'"),
        ("p95(response_time) 500ms", 20, "expected '<='"),
        ("p95(response_time) < fast", 22, "expected a limit such as 500ms"),
        ("p95(response_time) < 1s for ever", 29, "how long: 'ever' is not a duration"),
        ("p95(response_time) < 1s for 1500ms", 29, "expected whole seconds"),
        ("p95(response_time) < 1s in 99 of 1s windows", 28, "expected a share of the windows"),
        ("p95(response_time) < 1s in 0% of 1s windows", 28, "expected a share of the windows"),
        ("p95(response_time) < 1s in 101% of 1s windows", 28, "expected a share of the windows"),
        ("p95(response_time) < 1s in 99% off 1s windows", 32, "did you mean 'of'?"),
        ("p95(response_time) < 1s in 99% of 1 windows", 35, "is not a duration"),
        ("p95(response_time) < 1s in 99% of 1s window", 38, "did you mean 'windows'?"),
        ("ratio(dropped) < 1% for 10s", 21, "dropped is not measured window by window"),
        ("value(capacity) > 1/s for 10s", 23, "capacity is not measured window by window"),
        ("rate(goodput) >= 95% of offered for 10s", 33, "leave out the windows"),
        ("count(backlog) == 0 else", 25, "expected consequence, found the end"),
        ("p95(lag) < 1s else abrt", 20, "did you mean 'abort'?"),
        ("mean(lag) < 1s else abort", 16, "mean of lag is known afterwards"),
        ("rate(goodput) >= 5/s else abort", 22, "rate of goodput is known afterwards"),
        ("count(backlog) == 0 else abort", 21, "count of backlog is known afterwards"),
        ("p95(lag) > 1s else abort", 15, "'>' can't be broken before the end"),
        ("p95(lag) == 1s else abort", 16, "'==' can't be broken before the end"),
        ("p95(lag) <= baseline +10% else abort", 27, "a comparison with the baseline"),
        ("p95(response_time) < 1s ; x", 24, "expected the end"),
    ],
)
def test_what_is_not_a_rule_is_refused_with_its_column(text: str, column: int, says: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse(text)

    assert f"column {column}:" in str(caught.value), str(caught.value)
    assert says in str(caught.value)


@given(st.text(alphabet='p95(){}=<>!~,%/. abcopmsforelse_+"0123456789\n', max_size=60))
def test_any_text_is_a_rule_or_a_rule_error(text: str) -> None:
    try:
        rule = parse(text)
    except RuleError:
        return

    assert rule.metric in METRICS


NAMES = st.text(alphabet="abcXYZ019 _-./<>=~", min_size=1, max_size=8).filter(str.strip)
LIMITS = {
    DURATION: ("{}ms", 0.001),
    SHARE: ("{}%", 0.01),
    RATE: ("{}/s", 1.0),
    COUNT: ("{}", 1.0),
    NUMBER: ("{}", 1.0),
    DURATION_SLOPE: ("{}ms/min", 0.001),
    NUMBER_SLOPE: ("{}/s", 60.0),
}


@st.composite
def rules(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A rule as somebody could write it, and what it says."""
    metric, about = draw(st.sampled_from(sorted(METRICS.items())))
    aggregate, kind = draw(st.sampled_from(sorted(about.aggregates.items())))
    quantile = draw(st.integers(0, 1000)) if aggregate == "p" else None
    name = "." + draw(st.sampled_from(["X1", "db.waiting.lock"])) if about.named else ""
    selectors = []
    for key in draw(st.lists(st.sampled_from(sorted(about.selectors)), max_size=3)) if about.selectors else []:
        value = {
            "op": NAMES,
            "phase": NAMES,
            "status": st.integers(0, 599).map(str),
            "worker": st.integers(0, 9).map(str),
            "outcome": st.sampled_from(list(Outcome.__members__)),
            "point": NAMES,
        }[key]
        if key != "point":
            selectors.append(Selector(key, draw(st.sampled_from(["=", "!="])), draw(value)))
        elif not any(one.key == key for one in selectors):
            selectors.append(Selector(key, "=", draw(value)))
    inside = ", ".join(f'{one.key} {one.comparison} "{one.value}"' for one in selectors)
    number = draw(st.integers(0, 10_000))
    comparison = draw(st.sampled_from(["<", "<=", ">", ">=", "=="]))
    ways: list[tuple[str, float, str | None]] = [
        (LIMITS[kind][0].format(number), number * LIMITS[kind][1], None),
        (f"baseline +{number}%", 1 + number / 100, "baseline"),
        *[
            (f"{number}% of {reference}", number / 100, reference)
            for reference in about.references
            if kind in (RATE, NUMBER_SLOPE)
        ],
    ]
    limit, value, of = draw(st.sampled_from(ways))
    lasting, share = draw(st.integers(1, 99)), draw(st.integers(1, 100))
    windows: list[tuple[str, Window | None]] = [("", None)]
    if about.windows and kind != DURATION_SLOPE and of in (None, "baseline"):
        windows += [(f" for {lasting}s", Window(1.0, None, lasting))]
        windows += [(f" in {share}% of {lasting}s windows", Window(float(lasting), share / 100))]
    ending, window = draw(st.sampled_from(windows))
    aborts = draw(st.booleans()) and aggregate in about.aborts and comparison in ("<", "<=") and of is None
    written = "p" + str(Decimal(quantile) / 10) if quantile is not None else aggregate
    text = f"{written}({metric}{name}{f'{{{inside}}}' * bool(inside)}) "
    text += f"{comparison} {limit}{ending}{' else abort' * aborts}"
    said = {"metric": metric, "name": name[1:], "aggregate": aggregate, "kind": kind, "of": of, "window": window}
    said |= {"quantile": quantile / 1000 if quantile is not None else None}
    return text, said | {"selectors": tuple(selectors), "comparison": comparison, "limit": value, "aborts": aborts}


@given(rules())
def test_what_a_rule_says_is_what_is_read(rule: tuple[str, dict[str, Any]]) -> None:
    text, said = rule

    read = parse(text)

    for key, value in said.items():
        expected = pytest.approx(value) if key == "limit" else value
        assert getattr(read, key) == expected, (text, key)


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
