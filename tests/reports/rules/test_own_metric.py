"""Rules on metrics that users record themselves: what each kind has, by phase; without data nothing passes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from harness.own_metrics import Recorder
from harness.plan.grammar import parse
from harness.run import Run
from harness.settings import ROOT
from harness.verdict import RuleState
from reports.__main__ import report
from reports.rules.evaluate import evaluate
from reports.rules.result import RuleResult
from reports.samples.evidence import gather
from tests.support.synthetic_run import BEGAN, bind, synthetic_run

PASS, CONDITIONAL, NO_GO, ERROR, UNPROVEN = (
    RuleState.PASS,
    RuleState.CONDITIONAL,
    RuleState.NO_GO,
    RuleState.ERROR,
    RuleState.UNPROVEN,
)
PHASES = {
    "arrivals": {
        "smoke": [
            {"rate": 5, "for": "2s", "phase": "warm-up"},
            {"rate": 5, "for": "10s", "phase": "steady"},
            {"rate": 5, "for": "10s", "phase": "late"},
        ]
    }
}
Recording = Callable[[Recorder], None]


def at(second: float) -> int:
    """That second of the plan, ns."""
    return BEGAN + round(second * 1e9)


def some(recorder: Recorder) -> None:
    """In the warm-up 1,000; then 1 … 20 in the steady phase and 21 … 40 in the late one; a quarter of hits; sums."""
    recorder.record(at(-1), "asked", count=0)
    recorder.record(at(1), "size", 1000)
    for number in range(1, 41):
        second = 1.75 + number / 2
        recorder.record(at(second), "size", number)
        recorder.record(at(second), "hit", number % 4 == 0)
        recorder.record(at(second), "sent", count=number)
    recorder.record(at(13), "late_only", 7)


def recorded(runs: Path, recording: Recording = some, worker: int = 0, **asked: Any) -> Run:
    run = synthetic_run(runs, table={"rules": ["ratio(errors) < 50%"], **PHASES}, **asked)
    recording(Recorder(run.folder / f"journal-{worker}.bin"))
    return bind(run)


def found(run: Run, text: str) -> RuleResult:
    return evaluate(parse(text), gather(run.folder))


@pytest.mark.parametrize(
    ("text", "value", "state"),
    [
        ("p95(metric.size) < 39", 38.0, PASS),
        ("p95(metric.size) < 38", 38.0, CONDITIONAL),
        ("p95(metric.size) < 20", 38.0, NO_GO),
        ("max(metric.size) <= 40", 40.0, PASS),
        ("min(metric.size) >= 1", 1.0, PASS),
        ("mean(metric.size) < 21", 20.5, PASS),
        ("count(metric.size) == 40", 40.0, PASS),
        ("rate(metric.size) >= 2/s", 2.0, PASS),
        ("p95(metric.size{phase=steady}) < 20", 19.0, PASS),
        ("mean(metric.size{phase=late}) < 31", 30.5, PASS),
        ("max(metric.size{phase=warm-up}) <= 1000", 1000.0, PASS),
        ("ratio(metric.hit) >= 25%", 0.25, PASS),
        ("ratio(metric.hit) >= 26%", 0.25, CONDITIONAL),
        ("count(metric.hit) == 10", 10.0, PASS),
        ("rate(metric.hit) >= 0.5/s", 0.5, PASS),
        ("count(metric.sent) == 820", 820.0, PASS),
        ("count(metric.sent{phase=steady}) == 210", 210.0, PASS),
        ("rate(metric.sent) < 42/s", 41.0, PASS),
        ("count(metric.asked) == 0", 0.0, PASS),
        ("max(metric.size{worker=0}) <= 40", 40.0, PASS),
        # Two values a second, each one more than the last.
        ("max(metric.size{phase=late}) < 40 for 10s", 22.0, PASS),
        ("max(metric.size{phase=late}) < 22 for 10s", 22.0, CONDITIONAL),
        ("mean(metric.size) < 40 in 90% of 1s windows", 35.5, PASS),
        ("ratio(metric.hit) <= 50% in 100% of 2s windows", 0.25, PASS),
        ("count(metric.sent) < 80 in 100% of 1s windows", 79.0, PASS),
        ("rate(metric.size) >= 2/s in 100% of 2s windows", 2.0, PASS),
        ("slope(metric.size{phase=steady}) < 121/min", 120.0, PASS),
        ("slope(metric.size{phase=steady}) < 60/min", 120.0, NO_GO),
    ],
)
def test_a_rule_measures_what_its_kind_has(tmp_path: Path, text: str, value: float, state: RuleState) -> None:
    result = found(recorded(tmp_path), text)

    assert (result.value, result.state) == (pytest.approx(value), state)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("p95(metric.sise) < 39", "no user recorded a metric 'sise'; did you mean 'size'?"),
        ("count(metric.nothing) == 0", "no user recorded a metric 'nothing'"),
        ("max(metric.late_only{phase=steady}) < 9", "nothing of the metric 'late_only' was recorded"),
        ("max(metric.size{worker=3}) < 9", "nothing of the metric 'size' was recorded"),
        ("p95(metric.sent) < 9", "'sent' is a counter, which has no percentiles; it has count, rate"),
        ("ratio(metric.size) < 9%", "'size' is a trend, which has no ratio; it has p50 … p99.9, mean"),
        ("mean(metric.hit) < 9", "'hit' is a rate, which has no mean; it has ratio, count, rate"),
        ("slope(metric.hit) < 9/min", "'hit' is a rate, which has no slope; it has ratio, count, rate"),
        ("max(metric.late_only{phase=steady}) < 9 for 2s", "nothing of the metric 'late_only' was recorded"),
    ],
)
def test_without_data_a_rule_is_never_passed(tmp_path: Path, text: str, why: str) -> None:
    result = found(recorded(tmp_path), text)

    assert (result.state, result.value) == (ERROR, None)
    assert why in result.detail


def test_a_window_without_a_value_is_missed(tmp_path: Path) -> None:
    result = found(recorded(tmp_path), "max(metric.late_only{phase=late}) < 9 in 100% of 1s windows")

    assert (result.state, result.value) == (NO_GO, None)
    assert "9 windows without any value count as missed" in result.detail


def test_where_nothing_was_recorded_at_all_it_is_an_error_too(tmp_path: Path) -> None:
    result = found(recorded(tmp_path, lambda _: None), "count(metric.size) == 0")

    assert (result.state, result.detail) == (ERROR, "no user recorded a metric 'size'; known: none")


def test_two_processes_that_mean_other_kinds_by_a_name_have_no_figure(tmp_path: Path) -> None:
    run = recorded(tmp_path, lambda recorder: recorder.record(at(3), "x", 1), clocks=(0, 0))
    Recorder(run.folder / "journal-1.bin").record(at(3), "x", True)

    assert "recorded as rate and as trend: expected one kind" in found(bind(run), "count(metric.x) > 0").detail


def test_few_values_do_not_prove_a_percentile_and_many_do(tmp_path: Path) -> None:
    def recording(times: int) -> Recording:
        return lambda recorder: [  # type: ignore[return-value]
            recorder.record(at(2 + 20 * number / times), "size", number % 10) for number in range(times)
        ]

    long = {"profile": "ci", "runs": tmp_path}
    table = {**PHASES, "arrivals": {"ci": PHASES["arrivals"]["smoke"]}, "rules": ["ratio(errors) < 50%"]}
    states = []
    for times in (40, 4000):
        run = synthetic_run(table=table, **long)  # type: ignore[arg-type]
        recording(times)(Recorder(run.folder / "journal-0.bin"))
        states.append(found(bind(run), "p95(metric.size) < 11").state)

    assert states == [UNPROVEN, PASS]


def test_what_was_recorded_is_in_verdict_page_summary_and_metrics(tmp_path: Path) -> None:
    run = recorded(tmp_path)

    verdict = report(run.folder)

    Draft202012Validator(json.loads((ROOT / "docs" / "verdict.schema.json").read_text())).validate(verdict)
    rows = {row["name"]: row for row in verdict["metrics"]}
    assert list(rows) == ["asked", "hit", "late_only", "sent", "size"]
    assert rows["size"] == {
        **{"name": "size", "kind": "trend", "n": 40, "count": 40, "rate": 2.0, "ratio": None},
        **{"mean": 20.5, "min": 1.0, "p50": 20.0, "p95": 38.0, "p99": 40.0, "max": 40.0},
    }
    assert (rows["hit"]["ratio"], rows["hit"]["count"], rows["hit"]["p95"]) == (0.25, 10, None)
    assert (rows["sent"]["count"], rows["sent"]["n"], rows["sent"]["rate"]) == (820, 40, 41.0)
    page, summary, metrics = ((run.folder / name).read_text() for name in ("report.html", "summary.md", "metrics.txt"))
    assert "Metrics of the users" in page
    assert '<th scope="row">late_only</th>' in page
    assert "| `size` | trend | 40 | 2.0/s | – | 20.5 | 20 | 38 | 40 | 40 |" in summary
    assert (
        'proofload_metric{figure="p95",kind="trend",name="size",profile="smoke",scenario="sustained"} 38.0' in metrics
    )


def test_without_metrics_no_rendering_speaks_of_them(tmp_path: Path) -> None:
    run = recorded(tmp_path, lambda _: None)

    assert report(run.folder)["metrics"] == []
    assert "Metrics of the users" not in (run.folder / "report.html").read_text()
    assert "share True" not in (run.folder / "summary.md").read_text()
    assert not list(run.folder.glob("metrics-*"))


@pytest.mark.parametrize("name", ["metrics-0.bin", "metrics-0.jsonl"])
def test_metrics_that_were_changed_count_as_missing_and_are_named(tmp_path: Path, name: str) -> None:
    run = recorded(tmp_path)
    path = run.folder / name
    path.write_bytes(path.read_bytes() * 2)

    verdict = report(run.folder)

    assert verdict["verdict"] == "INVALID"
    assert f"{name} was changed after the run ended" in verdict["reason"]
    assert verdict["metrics"] == []
