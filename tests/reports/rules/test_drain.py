"""A load has drained when all that it caused is completed; what never was has not."""

from pathlib import Path
from typing import Any

import pytest

from harness import check
from harness.plan.grammar import parse
from harness.verdict import RuleState
from reports.rules.evaluate import evaluate
from reports.rules.result import RuleResult
from reports.samples.evidence import gather
from tests.support.synthetic_run import EXPECTED, Answer, bind, synthetic_run, taking

PASS, CONDITIONAL, NO_GO, ERROR = RuleState.PASS, RuleState.CONDITIONAL, RuleState.NO_GO, RuleState.ERROR

STAGES = [
    {"rate": 10, "for": "5s", "phase": "calm"},
    {"rate": 20, "for": "5s", "phase": "spike"},
    {"rate": 10, "for": "5s", "phase": "calm"},
    {"rate": 20, "for": "5s", "phase": "spike"},
    {"pause": "20s"},
]
LAST = 20 - 0.025
"""When the last arrival of the load is planned."""


def found(runs: Path, text: str, **asked: Any) -> RuleResult:
    table = {
        "arrivals": {"smoke": STAGES},
        "mix": {"process": 1},
        "rules": ["ratio(errors) < 50%"],
        **asked.pop("table", {}),
    }
    return evaluate(parse(text), gather(synthetic_run(runs, table=table, answer=taking(0), **asked).folder))


@pytest.mark.parametrize(
    ("after", "value", "state"),
    [(0.0, 0.0, PASS), (0.01, 0.0, PASS), (3.0, 2.975, PASS), (6.0, 5.975, CONDITIONAL), (9.0, 8.975, NO_GO)],
)
def test_it_takes_until_the_last_effect_is_completed(
    tmp_path: Path, after: float, value: float, state: RuleState
) -> None:
    result = found(tmp_path, "value(drain_time) < 5s", completing=lambda committed: committed + after)

    assert (result.value, result.state, result.n) == (pytest.approx(value), state, 300)
    assert result.interval is None


def test_of_a_phase_its_own_effects_count_and_the_slowest_of_its_runs(tmp_path: Path) -> None:
    def completing(committed: float) -> float:
        """Those of the first spike three seconds after it, of the second two; all others at once."""
        second = committed - 5000
        return {1: 5013.0, 3: 5022.0}.get(int(second // 5), committed)

    spike = found(tmp_path / "spike", "value(drain_time{phase=spike}) < 5s", completing=completing)
    calm = found(tmp_path / "calm", "value(drain_time{phase=calm}) < 5s", completing=completing)
    load = found(tmp_path / "load", "value(drain_time) < 5s", completing=completing)

    assert (spike.value, spike.n) == (pytest.approx(3), 200)
    assert (calm.value, calm.n) == (0, 100)
    assert (load.value, load.n) == (pytest.approx(2), 300)


def test_an_effect_that_was_never_completed_has_not_drained(tmp_path: Path) -> None:
    result = found(
        tmp_path, "value(drain_time) < 1h", completing=lambda committed: None if committed > 5019.9 else committed
    )

    assert (result.value, result.state) == (None, NO_GO)
    assert result.detail == "2 of 300 were never completed"


@pytest.mark.parametrize(
    ("text", "drained", "state"),
    [
        ("value(drain_time) < 1h", 0.1, PASS),
        ("value(drain_time) < 1h", None, NO_GO),
        # What is pending in the end may be of another phase.
        ("value(drain_time{phase=calm}) < 1h", None, PASS),
    ],
)
def test_what_verification_found_pending_has_not_drained(
    tmp_path: Path, text: str, drained: float | None, state: RuleState
) -> None:
    table = {"arrivals": {"smoke": STAGES}, "mix": {"process": 1}, "rules": ["ratio(errors) < 50%"]}
    run = synthetic_run(tmp_path, table=table)
    run.write(check.FILE, {**run.read(check.FILE), "observation": {"drained_seconds": drained}})
    bind(run)

    result = evaluate(parse(text), gather(run.folder))

    assert result.state is state
    assert ("still pending" in result.detail) is (state is NO_GO)


def test_without_effects_nothing_is_known(tmp_path: Path) -> None:
    unread = found(tmp_path / "unread", "value(drain_time) < 5s", with_effects=False)
    other = found(tmp_path / "other", "value(drain_time) < 5s", completing=lambda committed: None)
    table = {"arrivals": {"smoke": STAGES}, "rules": ["ratio(errors) < 50%"]}
    run = synthetic_run(
        tmp_path / "none", table=table, answer=lambda p, kind, s: Answer(EXPECTED["repeat"].outcome, 409)
    )
    none = evaluate(parse("value(drain_time) < 5s"), gather(run.folder))

    assert [one.state for one in (unread, other, none)] == [ERROR, NO_GO, ERROR]
    assert "were not read" in unread.detail
    assert "were never completed" in other.detail
    assert none.detail == "nothing to measure: no operation of this kind and phase has an effect"
