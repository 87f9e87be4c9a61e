"""A rule passes only if it measured something and the measured value is within its limit."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.outcomes import Outcome
from harness.plan.grammar import parse
from harness.verdict import RuleState
from reports.rules.evaluate import evaluate, judge
from reports.samples.evidence import gather
from tests.support.evaluated import CONDITIONAL, NO_GO, PASS, POSITIVE, effects_of, found, scaling, steady
from tests.support.rows import operations
from tests.support.synthetic_run import EXPECTED, Answer, Answering, synthetic_run, taking


@pytest.mark.parametrize(
    ("value", "comparison", "limit", "state"),
    [
        (0.499, "<", 0.5, PASS),
        (0.5, "<", 0.5, CONDITIONAL),
        (0.5, "<=", 0.5, PASS),
        (0.7, "<=", 0.7, PASS),
        (0.75, "<", 0.5, CONDITIONAL),
        (1.05, "<", 0.7, CONDITIONAL),  # exactly 1.5 times; in floats a little more
        (1.050000001, "<", 0.7, NO_GO),
        (float("inf"), "<", 1.0, NO_GO),
        (0.0, "<", 0.01, PASS),
        (11.4, ">=", 11.4, PASS),
        (11.4, ">", 11.4, CONDITIONAL),
        (11.399, ">=", 11.4, CONDITIONAL),
        (7.6, ">=", 11.4, CONDITIONAL),  # a factor of exactly 1.5
        (7.599, ">=", 11.4, NO_GO),
        (0.0, ">=", 11.4, NO_GO),
        (0.0, "==", 0.0, PASS),
        (1.0, "==", 0.0, NO_GO),
        (101.0, "==", 100.0, NO_GO),
        (0.0, "<=", 0.0, PASS),
        (0.0, "<", 0.0, NO_GO),
        (1.0, "<=", 0.0, NO_GO),
        (0.0, ">", 0.0, NO_GO),
    ],
)
def test_the_state_follows_from_value_and_limit(value: float, comparison: str, limit: float, state: RuleState) -> None:
    assert judge(value, comparison, limit) is state


ORDER = [PASS, CONDITIONAL, NO_GO]


@given(POSITIVE, POSITIVE, POSITIVE, st.sampled_from(["<", "<=", ">", ">="]))
@example(0.5, 0.75, 0.5, "<")
def test_a_worse_value_never_has_a_better_state(one: float, other: float, limit: float, comparison: str) -> None:
    better, worse = sorted((one, other), reverse=comparison.startswith(">"))

    assert ORDER.index(judge(better, comparison, limit)) <= ORDER.index(judge(worse, comparison, limit))


@given(POSITIVE, POSITIVE, st.sampled_from(["<", "<=", ">", ">="]))
def test_the_state_does_not_depend_on_the_unit(value: float, limit: float, comparison: str) -> None:
    assert judge(value, comparison, limit) is judge(value * 1024, comparison, limit * 1024)


@pytest.mark.parametrize(
    ("seconds", "state"), [(0.499, PASS), (0.5, CONDITIONAL), (0.75, CONDITIONAL), (0.751, NO_GO), (5.0, NO_GO)]
)
def test_every_state_of_a_limit_on_time(tmp_path: Path, seconds: float, state: RuleState) -> None:
    result = found(tmp_path, "p95(response_time) < 500ms", answer=taking(seconds))

    assert (result.state, result.value, result.limit) == (state, seconds, 0.5)
    assert result.margin == pytest.approx((0.5 - seconds) / 0.5)


def failing(places: range, outcome: Outcome = Outcome.UNKNOWN, seconds: float | None = 0.02) -> Answering:
    """The operations at `places` fail."""
    return lambda place, kind, sched: Answer(outcome, 500, seconds) if place in places else EXPECTED[kind]


def slower_and_slower(place: int, kind: str, sched: float) -> Answer:
    """The first arrival takes 10 ms, the second 20 ms, and so on."""
    return Answer(EXPECTED[kind].outcome, EXPECTED[kind].status, (place + 1) / 100)


@pytest.mark.parametrize(
    ("text", "value", "n"),
    [
        # A hundred arrivals, and the second half of the one race, which is one of the first fifty.
        ("p0(response_time) < 1s", 0.01, 101),
        ("p50(response_time) < 1s", 0.50, 101),
        ("p95(service_time) < 1s", 0.95, 101),
        ("max(response_time) <= 1s", 1.0, 101),
        ("min(service_time) < 1s", 0.01, 101),
        ("p95(lag) < 1s", 0.0, 101),
        ("count(requests) >= 1", 100, 100),
        ("rate(requests) >= 1/s", 10, 100),
        ("count(goodput{op=process}) >= 1", 93, 93),
        ("count(goodput{op!=process}) >= 1", 7, 7),
        ("rate(goodput) >= 95% of offered", 10, 100),
        ("ratio(errors) < 1%", 0, 101),
        ("rate(errors) < 1/s", 0, 101),
        ("ratio(dropped) < 1%", 0, 100),
    ],
)
def test_each_metric_is_measured_on_what_it_selects(tmp_path: Path, text: str, value: float, n: int) -> None:
    result = found(tmp_path, text, table=steady(("steady", 10, "10s", None)), answer=slower_and_slower)

    assert (result.value, result.n) == (value, n)


@pytest.mark.parametrize(("selected", "n"), [("op=repeat", 2), ("op!=process", 8), ("op!=process,op!=repeat", 6)])
def test_a_time_can_be_that_of_some_operations(tmp_path: Path, selected: str, n: int) -> None:
    text = f"max(response_time{{{selected}}}) < 10s"
    run = synthetic_run(tmp_path, table=steady(("steady", 10, "10s", None)), answer=slower_and_slower)
    evidence = gather(run.folder)

    result = evaluate(parse(text), evidence)

    rows = operations(evidence.samples).query("kind == 'repeat'" if selected == "op=repeat" else "kind != 'process'")
    rows = rows.query("kind != 'repeat'") if selected.endswith("op!=repeat") else rows
    assert (result.value, result.n) == (rows["response_s"].max(), n)


def test_failed_operations_are_in_the_percentiles(tmp_path: Path) -> None:
    result = found(tmp_path, "max(response_time) < 1s", answer=failing(range(9, 10), seconds=9.0))

    assert (result.value, result.state) == (9.0, NO_GO)


def test_operations_that_never_ended_are_errors_and_not_in_the_percentiles(tmp_path: Path) -> None:
    answer = failing(range(5, 9), Outcome.OPEN, None)

    times = found(tmp_path / "times", "p95(response_time) < 1s", answer=answer)
    errors = found(tmp_path / "errors", "count(errors) == 0", answer=answer)

    assert times.detail == "4 that never ended are not in it; they are errors"
    assert (times.n, errors.n) == (errors.n - 4, times.n + 4)
    assert (errors.value, errors.state, errors.detail) == (4, NO_GO, "4 of them never ended")


def test_the_warm_up_is_covered_only_if_it_is_named(tmp_path: Path) -> None:
    table = steady(("warm-up", 10, "5s", None), ("steady", 10, "5s", None))

    def answer(place: int, kind: str, sched: float) -> Answer:
        return Answer(EXPECTED[kind].outcome, EXPECTED[kind].status, 2.0 if sched < 5 else 0.1)

    values = [
        found(tmp_path / str(place), text, table=table, answer=answer).value
        for place, text in enumerate(
            [
                "max(response_time) < 9s",
                "max(response_time{phase=warm-up}) < 9s",
                "max(response_time{phase!=steady}) < 9s",
                "max(response_time{phase!=warm-up}) < 9s",
            ]
        )
    ]

    assert values == [0.1, 2.0, None, 0.1]


def test_pauses_do_not_water_down_a_rate(tmp_path: Path) -> None:
    stages = [{"rate": 10, "for": "5s"}, {"pause": "20s"}, {"rate": 10, "for": "5s"}]

    result = found(tmp_path, "rate(goodput) >= 95% of offered", table={"arrivals": {"smoke": stages}})

    assert (result.value, result.limit, result.detail) == (10.0, 9.5, "10.0/s were offered")


@pytest.mark.parametrize(("dropped", "state"), [(0, PASS), (1, CONDITIONAL), (10, NO_GO)])
def test_arrivals_that_were_never_begun_are_dropped(tmp_path: Path, dropped: int, state: RuleState) -> None:
    result = found(tmp_path, "ratio(dropped) < 0.5%", dropped=dropped)

    assert (result.state, result.value, result.n) == (state, dropped / 180, 180)


def test_an_arrival_on_the_edge_of_two_phases_is_not_dropped(tmp_path: Path) -> None:
    # 1.6 arrivals each: two fall to the first phase and one to the second.
    table = steady(("a", 1, "1600ms", None), ("b", 1, "1600ms", None), ("c", 10, "5s", None))

    values = [found(tmp_path / p, f"count(dropped{{phase={p}}}) == 0", table=table).value for p in "abc"]

    assert values == [0, 0, 0]


def test_what_was_dropped_is_dropped_from_its_phase(tmp_path: Path) -> None:
    table = steady(("a", 10, "5s", None), ("b", 10, "5s", None))

    values = [found(tmp_path / p, f"count(dropped{{phase={p}}}) == 0", table=table, dropped=7).value for p in "ab"]

    assert values == [0, 7]


def test_the_offered_rate_of_an_operation_is_its_share_of_the_mix(tmp_path: Path) -> None:
    table = steady(("steady", 10, "10s", None))

    result = found(tmp_path, "rate(goodput{op=process}) >= 95% of offered", table=table)

    assert (result.value, result.limit, result.state) == (9.3, pytest.approx(0.95 * 9.3), PASS)


@pytest.mark.parametrize(("slower", "state"), [(1.0, PASS), (1.4, PASS), (2.0, CONDITIONAL), (3.0, NO_GO)])
def test_a_time_can_be_limited_by_what_it_is_in_another_phase(tmp_path: Path, slower: float, state: RuleState) -> None:
    def answer(place: int, kind: str, sched: float) -> Answer:
        return taking(0.02 * (slower if sched >= 5 else 1.0))(place, kind, sched)

    table = steady(("quiet", 20, "5s", None), ("noisy", 20, "5s", None))
    result = found(tmp_path, "p95(response_time{phase=noisy}) < 150% of phase quiet", table=table, answer=answer)

    assert (result.limit, result.state) == (pytest.approx(0.03, rel=0.01), state)
    assert result.detail == "in quiet it is 20 ms"


@pytest.mark.parametrize(("completed", "state"), [(40, PASS), (36, PASS), (34, CONDITIONAL), (20, NO_GO)])
def test_linear_is_the_rate_of_the_fewest_workers_times_their_ratio(
    tmp_path: Path, completed: int, state: RuleState
) -> None:
    def completing(stored: float) -> float | None:
        """Of the 40 a second of the second phase, so many are completed."""
        in_second = (stored - 5006) % 1
        return stored if stored < 5006 or in_second < completed / 40 else None

    table = {**scaling((10, 40)), "mix": {"process": 1}}
    run = synthetic_run(tmp_path, table=table, completing=completing, answer=taking(0))
    evidence = gather(run.folder)
    completions = effects_of(run)["sent"]
    result = evaluate(parse("rate(delivered{phase=four}) >= 90% of linear"), evidence)

    reference = int((completions < 5).sum()) / 5
    assert result.limit == pytest.approx(0.9 * 4 * reference)
    assert result.detail == f"linear is 4 × the {reference:.1f}/s of one"
    assert result.value == int((completions > 5).sum()) / 5
    assert result.state is state


def by_second(place: int, kind: str, sched: float) -> Answer:
    """Every tenth arrival is answered 503, of the outcome UNKNOWN."""
    return Answer(Outcome.UNKNOWN, 503, 0.5) if place % 10 == 0 else EXPECTED[kind]


@pytest.mark.parametrize(
    ("text", "value", "n"),
    [
        # Of 100 arrivals and one second half of a race, ten are answered 503.
        ("count(errors{status=503}) < 99", 10, 101),
        ("ratio(errors{status=503}) < 99%", 10 / 101, 101),
        ("ratio(errors{status=500}) < 99%", 0, 101),
        ("count(errors{status!=503}) < 99", 0, 101),
        ("count(errors{outcome=UNKNOWN}) < 99", 10, 101),
        ("count(errors{outcome!=UNKNOWN}) < 99", 0, 101),
        ("max(response_time{outcome=UNKNOWN}) < 9s", 0.5, 10),
        ("max(response_time{status!=503}) < 9s", 0.02, 91),
        ("count(goodput{outcome=ACK}) > 1", 86, 100),
        ("count(throughput) > 1", 101, 101),
        ("count(throughput{status=503}) > 1", 10, 101),
        ("count(requests{worker=0}) > 1", 100, 100),
        ("count(requests{worker!=1}) > 1", 100, 100),
        ("count(requests{op=~repeat|conflict}) > 1", 3, 3),
        ("count(requests{op=~r.*}) > 1", 3, 3),
    ],
)
def test_status_and_outcome_select_what_is_counted_and_the_others_among_what(
    tmp_path: Path, text: str, value: float, n: int
) -> None:
    result = found(tmp_path, text, table=steady(("steady", 10, "10s", None)), answer=by_second)

    assert (result.value, result.n) == (value, n)


def test_throughput_counts_what_ended_during_the_phase(tmp_path: Path) -> None:
    table = steady(("a", 10, "5s", None), ("b", 10, "5s", None))

    counts = [
        found(tmp_path / phase, f"count(throughput{{phase={phase}}}) > 0", table=table, answer=taking(2))
        for phase in "ab"
    ]

    # Each takes two seconds: three fifths of the first phase end in it.
    assert [result.value for result in counts] == pytest.approx([30, 50], abs=1)
    assert counts[0].n == 51


def test_what_is_not_due_in_the_run_is_no_backlog_and_has_no_time(tmp_path: Path) -> None:
    evidence = gather(synthetic_run(tmp_path, table={"mix": {"process": 1, "later": 1}}).folder)
    stays = effects_of(synthetic_run(tmp_path / "same", table={"mix": {"process": 1, "later": 1}}))["stays"]

    assert 0 < stays.sum() < len(stays)
    for text, value in (
        ("count(backlog) == 0", 0),
        ("value(drain_time) < 1s", pytest.approx(0, abs=0.2)),
        ("count(effects) > 0", len(stays)),
        ("count(delivered) > 0", (~stays).sum()),
    ):
        assert evaluate(parse(text), evidence).value == value
    assert evaluate(parse("max(end_to_end) < 1s"), evidence).n == (~stays).sum()
