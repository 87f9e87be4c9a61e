"""A rule with windows has one value, which is within the limit exactly if enough of its windows are."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.outcomes import Outcome
from harness.plan.grammar import parse
from harness.verdict import RuleState
from reports.rules.evaluate import evaluate, judge
from reports.rules.result import RuleResult
from reports.rules.windows import cut, lasting
from reports.samples.evidence import gather
from reports.samples.scope import covered
from tests.support.synthetic_run import EXPECTED, Answer, Answering, synthetic_run, taking

PASS, UNPROVEN, CONDITIONAL = RuleState.PASS, RuleState.UNPROVEN, RuleState.CONDITIONAL
NO_GO, ERROR = RuleState.NO_GO, RuleState.ERROR


def found(
    runs: Path, text: str, profile: str = "smoke", table: dict[str, Any] | None = None, **asked: Any
) -> RuleResult:
    """What the rule says of twenty seconds at ten a second, if nothing else is asked for."""
    stages = {"arrivals": {profile: [{"rate": 10, "for": "20s"}]}}
    run = synthetic_run(
        runs, profile=profile, table={"rules": ["count(errors) == 0"], **stages, **(table or {})}, **asked
    )
    return evaluate(parse(text), gather(run.folder))


def slow(*seconds: int, by: float = 0.6) -> Answering:
    """Whatever is planned in these seconds takes so long; all else 20 ms."""
    return lambda p, kind, s: Answer(EXPECTED[kind].outcome, EXPECTED[kind].status, by if int(s) in seconds else 0.02)


@pytest.mark.parametrize(
    ("answer", "text", "value", "state"),
    [
        (slow(), "p95(response_time) < 500ms for 3s", 0.02, PASS),
        (slow(4, 5), "p95(response_time) < 500ms for 3s", 0.02, PASS),
        (slow(4, 5, 7, 8), "p95(response_time) < 500ms for 3s", 0.02, PASS),
        (slow(4, 5, 6), "p95(response_time) < 500ms for 3s", 0.6, CONDITIONAL),
        (slow(17, 18, 19), "p95(response_time) < 500ms for 3s", 0.6, CONDITIONAL),
        (slow(4, 5, 6, by=0.8), "p95(response_time) < 500ms for 3s", 0.8, NO_GO),
        (slow(4), "p95(response_time) < 500ms for 1s", 0.6, CONDITIONAL),
        (slow(4), "p95(response_time) < 500ms in 95% of 1s windows", 0.02, PASS),
        (slow(4, 9), "p95(response_time) < 500ms in 95% of 1s windows", 0.6, CONDITIONAL),
        (slow(4, 9, by=0.8), "p95(response_time) < 500ms in 95% of 1s windows", 0.8, NO_GO),
        (slow(4, 9), "p50(response_time) < 500ms in 90% of 1s windows", 0.02, PASS),
        (slow(4, 5), "p50(response_time) < 500ms in 100% of 4s windows", 0.02, PASS),
        (slow(4, 5), "p95(response_time) < 500ms in 100% of 4s windows", 0.6, CONDITIONAL),
        (slow(4), "max(service_time) < 500ms in 100% of 20s windows", 0.6, CONDITIONAL),
        (slow(4), "min(service_time) < 500ms in 100% of 1s windows", 0.6, CONDITIONAL),
        (slow(4, by=0.22), "mean(service_time) < 100ms in 100% of 2s windows", 0.12, CONDITIONAL),
        (slow(4), "max(end_to_end) < 1s in 100% of 1s windows", 0.1, PASS),
        (slow(), "rate(goodput) >= 10/s in 100% of 1s windows", 10.0, PASS),
        (slow(), "rate(goodput) > 10/s in 100% of 1s windows", 10.0, CONDITIONAL),
        (slow(), "rate(requests{op!=race}) >= 9/s for 2s", 10.0, PASS),
        (slow(), "count(requests) <= 40 in 100% of 4s windows", 40.0, PASS),
        # Of what takes 0.6 s, four of ten end in the same second.
        (slow(4), "rate(throughput) >= 4/s in 100% of 1s windows", 4.0, PASS),
    ],
)
def test_the_value_of_a_rule_with_windows(
    tmp_path: Path, answer: Answering, text: str, value: float, state: RuleState
) -> None:
    result = found(tmp_path, text, answer=answer)

    assert (result.value, result.state) == (pytest.approx(value, abs=0.05 * value + 1e-9), state), result


def test_the_errors_of_a_window_are_a_share_of_it(tmp_path: Path) -> None:
    def failing(place: int, kind: str, sched: float) -> Answer:
        return Answer(Outcome.UNKNOWN, 500) if sched < 1 and place % 2 else EXPECTED[kind]

    shares = {
        text: found(tmp_path / str(place), text, answer=failing).value
        for place, text in enumerate(
            [
                "ratio(errors) < 1% in 100% of 1s windows",
                "ratio(errors) < 1% in 100% of 2s windows",
                "ratio(errors) < 1% in 95% of 1s windows",
                "rate(errors) < 1/s in 100% of 1s windows",
                "count(errors) < 1 in 100% of 20s windows",
            ]
        )
    }

    assert list(shares.values()) == pytest.approx([5 / 11, 5 / 21, 0.0, 5.0, 5.0])


def test_a_window_without_any_operation_is_missed(tmp_path: Path) -> None:
    table = {"arrivals": {"smoke": [{"rate": 10, "for": "10s"}, {"rate": 1, "for": "10s"}]}}

    times = found(tmp_path / "times", "p95(response_time) < 1s in 100% of 500ms windows", table=table)
    rates = found(tmp_path / "rates", "rate(goodput) >= 1/s in 100% of 500ms windows", table=table)
    enough = found(tmp_path / "enough", "p95(response_time) < 1s in 75% of 500ms windows", table=table)

    assert (times.state, times.value, times.detail) == (NO_GO, None, "10 windows without any operation count as missed")
    assert (rates.state, rates.value) == (NO_GO, 0.0)
    assert enough.state is PASS


def test_windows_cover_what_the_rule_covers(tmp_path: Path) -> None:
    stages = [
        {"rate": 10, "for": "5s", "phase": "warm-up"},
        {"rate": 10, "for": "5500ms", "phase": "a"},
        {"pause": "2s"},
        {"rate": 10, "for": "3s", "phase": "b"},
        {"rate": 10, "for": "3s", "phase": "c"},
    ]
    run = synthetic_run(tmp_path, table={"arrivals": {"smoke": stages}, "rules": ["count(errors) == 0"]})
    samples = gather(run.folder).samples

    begin, end = cut(2.0, samples, covered(parse("p50(lag) < 1s"), samples))

    # Two whole ones, the second with the second that is left over; b and c are one stretch.
    assert list(zip(begin.tolist(), end.tolist(), strict=True)) == [
        (5, 7),
        (7, 10.5),
        (12.5, 14.5),
        (14.5, 16.5),
        (16.5, 18.5),
    ]


def test_nothing_lasts_over_a_gap_or_longer_than_the_load(tmp_path: Path) -> None:
    stages = [
        {"rate": 10, "for": "4s", "phase": "a"},
        {"pause": "1s"},
        {"rate": 10, "for": "4s", "phase": "a"},
    ]
    table = {"arrivals": {"smoke": stages}}

    over_a_gap = found(tmp_path / "gap", "p50(lag) < 1ms for 4s", table=table, lag_s=0.002)
    too_long = found(tmp_path / "long", "p50(lag) < 1ms for 5s", table=table, lag_s=0.002)

    assert over_a_gap.state is NO_GO
    assert (too_long.state, too_long.detail) == (
        ERROR,
        "nothing can last 5 s: what the rule covers is 4 s long at most",
    )


def test_few_windows_prove_nothing_of_most_of_them(tmp_path: Path) -> None:
    table = {"arrivals": {"ci": [{"rate": 10, "for": "2m"}]}}

    nearly_all = found(tmp_path / "99", "p95(response_time) < 1s in 99% of 1s windows", "ci", table)
    most = found(tmp_path / "90", "p95(response_time) < 1s in 90% of 1s windows", "ci", table)
    lasting = found(tmp_path / "for", "p95(response_time) < 1s for 10s", "ci", table)
    below = found(tmp_path / "below", "rate(goodput) >= 1/s in 99% of 1s windows", "ci", table)

    assert [nearly_all.state, most.state, lasting.state, below.state] == [UNPROVEN, PASS, PASS, UNPROVEN]
    assert nearly_all.needs == pytest.approx(507 - 120, abs=2)
    assert (lasting.interval, nearly_all.n) == (None, 120)
    assert below.interval is not None
    assert below.interval[0] is None


VALUES = st.lists(st.floats(0, 100), min_size=1, max_size=60)


@given(VALUES, st.integers(1, 12), st.floats(0, 100), st.sampled_from(["<", "<="]))
def test_a_limit_is_missed_for_so_long_exactly_if_the_value_misses_it(
    values: list[float], number: int, limit: float, comparison: str
) -> None:
    if number > len(values):
        return
    misses = [judge(value, comparison, limit) is not PASS for value in values]
    begin = np.arange(len(values), dtype=float)

    value = lasting(np.array(values), number, begin, begin + 1)

    in_a_row = any(all(misses[at : at + number]) for at in range(len(values) - number + 1))
    assert (judge(value, comparison, limit) is not PASS) is in_a_row


@given(VALUES, st.integers(1, 100), st.floats(0, 100), st.sampled_from(["<", "<=", ">", ">="]))
def test_enough_windows_hold_exactly_if_the_value_does(
    values: list[float], percent: int, limit: float, comparison: str
) -> None:
    ordered = sorted(values, reverse=comparison.startswith(">"))
    value = ordered[math.ceil(len(values) * percent / 100) - 1]

    holding = sum(judge(one, comparison, limit) is PASS for one in values)
    assert (judge(value, comparison, limit) is PASS) is (holding * 100 >= percent * len(values))


@pytest.mark.parametrize("text", ["p95(response_time) < 1s for 2s", "ratio(errors) < 1% in 90% of 1s windows"])
def test_windows_of_nothing_are_an_error(tmp_path: Path, text: str) -> None:
    result = found(tmp_path, text, dropped=200)

    assert (result.state, result.n) == (ERROR, 0)


def test_a_run_that_is_one_second_short_of_anything_is_judged_as_one_window(tmp_path: Path) -> None:
    result = found(tmp_path, "p95(response_time) < 1s in 100% of 1m windows", answer=taking(0.3))

    assert (result.value, result.n, result.state) == (0.3, 1, PASS)
