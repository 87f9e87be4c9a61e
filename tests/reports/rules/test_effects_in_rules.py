"""Rules count effects item by item, at the point that they select."""

from pathlib import Path

import numpy as np
import pytest

from harness import effects
from harness.plan.grammar import parse
from harness.run import Run
from harness.verdict import RuleState
from reports.record import record
from reports.rules.evaluate import evaluate
from reports.samples.evidence import gather
from tests.support.evaluated import NO_GO, PASS, effects_of, found, steady
from tests.support.rows import operations
from tests.support.synthetic_run import bind, synthetic_run


def test_end_to_end_is_from_stored_to_completed(tmp_path: Path) -> None:
    result = found(tmp_path, "p95(end_to_end) < 1s", completing=lambda committed: committed + 0.25)

    assert result.value == pytest.approx(0.25)


@pytest.mark.parametrize(("percentile", "state"), [("p50", PASS), ("p95", NO_GO)])
def test_what_was_never_completed_is_later_than_all_else(tmp_path: Path, percentile: str, state: RuleState) -> None:
    result = found(
        tmp_path,
        f"{percentile}(end_to_end) < 1s",
        completing=lambda committed: None if committed > 5013 else committed + 0.1,
    )

    assert result.state is state
    assert (result.value is None) is (state is NO_GO)
    assert "were never completed" in result.detail


def test_delivered_counts_what_was_completed_during_the_phase(tmp_path: Path) -> None:
    table = steady(("a", 10, "5s", None), ("b", 10, "5s", None))

    # Everything is completed 2 s after it was stored, so the first phase completes three fifths of its own.
    counts = [
        found(
            tmp_path / phase,
            f"count(delivered{{phase={phase}}}) >= 1",
            table=table,
            completing=lambda stored: stored + 2,
        ).value
        for phase in "ab"
    ]

    effects = effects_of(synthetic_run(tmp_path / "all", table=table))
    stored = effects["stored"][~effects["stays"]]
    assert counts == [(stored + 2 <= 5).sum(), ((stored + 2 >= 5) & (stored + 2 <= 10)).sum()]


def batches(runs: Path) -> Run:
    """Ten operations a second over 2 × 5 s; each acknowledged one leaves three items, sent 1, 2 and 3 s later."""
    run = synthetic_run(runs, table=steady(("a", 10, "5s", None), ("b", 10, "5s", None)))
    one = effects.read(run.folder, run.scenario.points)
    assert one is not None
    several = np.repeat(one, 3)
    several["item"] = np.tile(np.arange(3), len(one))
    several["sent"] = several["stored"] + (several["item"] + 1) * 10**9
    effects.write(run.folder, several)
    return bind(run)


@pytest.mark.parametrize("name", ["effects", "messages"])
def test_effects_are_counted_item_by_item_at_the_point_that_is_selected(tmp_path: Path, name: str) -> None:
    run = batches(tmp_path)
    evidence, every = gather(run.folder), effects_of(run)

    def value(text: str) -> float | None:
        return evaluate(parse(text, "messages"), evidence).value

    for phase, begin, end in (("a", 0, 5), ("b", 5, 10)):
        for point in ("stored", "sent"):
            during = ((every[point] >= begin) & (every[point] <= end)).sum()
            assert value(f"count({name}{{phase={phase}, point={point}}}) >= 1") == during
            assert value(f"rate({name}{{phase={phase}, point={point}}}) >= 1/s") == during / 5
    assert value(f"count({name}) >= 1") == value(f"count({name}{{point=stored}}) >= 1") == len(every)
    assert value("count(delivered) >= 1") == value(f"count({name}{{point=sent}}) >= 1")
    assert value("p50(end_to_end) < 1s") == 2.0
    # Of the last items of the operations of the first phase some were sent after the second had begun.
    planned = evidence.samples.frame["sched"][every["place"]]
    due = ~every["stays"]
    assert value("count(backlog{phase=a}) == 0") == ((planned < 5) & (every["sent"] > 5) & due).sum()
    assert value(f"count({name}{{op=race}}) >= 1") == 3 * (operations(evidence.samples)["kind"] == "race").sum() / 2


def test_the_report_counts_effects(tmp_path: Path) -> None:
    run = batches(tmp_path)
    found = record(gather(run.folder))

    assert found["totals"]["effects"] == len(effects_of(run))
    assert sum(phase["delivered"] for phase in found["phases"]) == (effects_of(run)["sent"] <= 10).sum()


@pytest.mark.parametrize("after", [1.0, 4.0, 60.0, None])
def test_the_backlog_is_what_is_not_completed_when_the_next_phase_begins(tmp_path: Path, after: float | None) -> None:
    stages = [{"rate": 10, "for": "5s", "phase": "a"}, {"pause": "2s"}, {"rate": 10, "for": "5s", "phase": "b"}]
    run = synthetic_run(
        tmp_path,
        table={"arrivals": {"smoke": stages}},
        completing=lambda stored: None if after is None else stored + after,
    )
    evidence = gather(run.folder)

    result = evaluate(parse("count(backlog{phase=a}) == 0"), evidence)

    planned = evidence.samples.frame["sched"][effects_of(run)["place"]]
    stored = effects_of(run)["stored"][planned < 5]
    assert result.n == len(stored)
    assert result.value == (len(stored) if after is None else (stored + after > 7).sum())
    assert result.state is (PASS if after == 1.0 else NO_GO)


def test_effects_without_any_time_are_not_counted_as_none(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path)
    stored = effects.read(run.folder, run.scenario.points)
    assert stored is not None
    stored = stored.copy()
    stored["stored"] = 0
    effects.write(run.folder, stored)

    result = evaluate(parse("count(effects) == 0"), gather(bind(run).folder))

    assert (result.state, result.detail) == (RuleState.ERROR, "the database does not tell when effects were stored")
