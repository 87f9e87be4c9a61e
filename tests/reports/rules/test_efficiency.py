"""Efficiency over several numbers is the least of them, and is not judged where the cores that they share are full."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.outcomes import Failure, Outcome
from harness.plan.grammar import parse
from harness.run import Run
from harness.verdict import RuleState, Verdict
from reports.__main__ import report
from reports.rules.evaluate import evaluate
from reports.rules.result import RuleResult
from reports.samples.evidence import gather
from tests.support.synthetic_run import BEGAN, EXPECTED, Answer, bind, synthetic_run

RULE = "value(efficiency) >= 80%"


def scaled(folder: Path, *done: int, cores: tuple[float, ...] = (), **asked: Any) -> Run:
    """One, two and four users, who do so many operations in ten seconds each; of two cores such a share was in use."""
    users = (1, 2, 4)
    table = {
        "arrivals": None,
        "max_users": None,
        "think": "100ms",
        "scaling": {"users": list(users), "for": "10s"},
        "mix": {"process": 1},
        "rules": ["ratio(errors) < 50%", RULE],
    }
    moments = [
        (10 * phase + 10 * (place + 0.5) / count, "process", place % users[phase])
        for phase, count in enumerate(done)
        for place in range(count)
    ]
    run = synthetic_run(folder, table=table, moments=moments, **asked)
    lines = [
        {"at": BEGAN + round((10 * phase + second + 1) * 1e9), "machine.cores": 2, "machine.cpu": 2 * share}
        for phase, share in enumerate(cores)
        for second in range(10)
    ]
    if lines:
        (run.folder / "monitor.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return bind(run)


def judged(run: Run, text: str = RULE) -> RuleResult:
    return evaluate(parse(text), gather(run.folder))


@pytest.mark.parametrize(
    ("done", "value", "state", "phase"),
    [
        ((50, 100, 200), 1.0, RuleState.PASS, ""),
        ((50, 90, 120), 0.6, RuleState.CONDITIONAL, "4 ×"),
        ((50, 60, 200), 0.6, RuleState.CONDITIONAL, "2 ×"),
    ],
)
def test_it_is_that_of_the_least_efficient_number(
    tmp_path: Path, done: tuple[int, ...], value: float, state: RuleState, phase: str
) -> None:
    result = judged(scaled(tmp_path, *done))

    assert (result.value, result.state) == (pytest.approx(value), state)
    assert phase in result.detail


def test_without_free_cores_it_is_not_judged(tmp_path: Path) -> None:
    run = scaled(tmp_path, 50, 90, 120, cores=(0.3, 0.95, 0.97))

    result = judged(run)

    assert result.state == RuleState.NOT_COMPARED
    assert result.value == pytest.approx(0.6)
    assert result.detail == "not judged, no free cores: 97 % of them were used in 4-users"
    verdict = report(run.folder)
    assert verdict["verdict"] == Verdict.GO  # by its other rule
    page = (run.folder / "report.html").read_text()
    assert "not judged, no free cores" in page


def test_what_has_free_cores_is_judged_and_the_rest_is_named(tmp_path: Path) -> None:
    result = judged(scaled(tmp_path, 50, 95, 120, cores=(0.3, 0.5, 0.97)))

    assert (result.state, result.value) == (RuleState.PASS, pytest.approx(0.95))
    assert "not judged, no free cores: 97 % of them were used in 4-users" in result.detail


def test_cores_of_another_machine_say_nothing_of_the_target(tmp_path: Path) -> None:
    far = {"target": {"url": "http://10.1.2.3:80", "ours": False}}

    assert judged(scaled(tmp_path, 50, 90, 120, cores=(0.9, 0.95, 0.97), facts=far)).state == RuleState.CONDITIONAL


def test_one_phase_is_judged_by_itself(tmp_path: Path) -> None:
    run = scaled(tmp_path, 50, 90, 120)

    assert judged(run, "value(efficiency{phase=2-users}) >= 80%").value == pytest.approx(0.9)


def test_it_is_in_the_verdict_and_drawn(tmp_path: Path) -> None:
    run = scaled(tmp_path, 50, 90, 120, cores=(0.3, 0.5, 0.97))

    lines = report(run.folder)["scaling"]

    assert [(one["phase"], one["number"], one["judged"]) for one in lines] == [
        ("1-users", 1, False),
        ("2-users", 2, True),
        ("4-users", 4, False),
    ]
    assert [one["efficiency"] for one in lines] == [None, pytest.approx(0.9), pytest.approx(0.6)]
    assert [one["cores"] for one in lines] == [pytest.approx(share) for share in (0.3, 0.5, 0.97)]
    page = (run.folder / "report.html").read_text()
    drawing = page[page.index('aria-label="What each number does') :].split("</figure>")[0]
    assert (drawing.count('class="line good"'), drawing.count('class="line begun"')) == (1, 2)


def test_a_run_of_one_number_has_no_table(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path)

    assert report(run.folder)["scaling"] == []
    assert 'id="scaling"' not in (run.folder / "report.html").read_text()


def test_what_is_shed_in_a_spike_and_what_fails_are_told_apart(tmp_path: Path) -> None:
    """Graceful degradation: rules on each, for the spike alone."""

    def answer(place: int, kind: str, second: float) -> Answer:
        if second >= 5 and place % 10 == 0:
            return Answer(Outcome.SHED, 503, 0.01)
        return Answer(Outcome.UNKNOWN, 0, 0.01, Failure.RESET) if second >= 5 and place % 50 == 1 else EXPECTED[kind]

    spike = [{"rate": 20, "for": "5s"}, {"rate": 100, "for": "10s", "phase": "spike", "scale": {"deliver": 2}}]
    table = {"arrivals": {"smoke": spike}, "mix": {"process": 1}, "rules": ["ratio(errors) < 50%"]}
    change = {"service": "deliver", "processes": 2, "planned": 5.0, "done": 7.0, "exit_code": 0}
    run = synthetic_run(tmp_path, table=table, answer=answer, facts={"scaling": [change]})

    shed, failed, before = (
        judged(run, f"ratio(errors{{phase={phase},outcome{which}SHED}}) < 15%")
        for phase, which in (("spike", "="), ("spike", "!="), ("steady", "="))
    )

    assert (shed.value, failed.value, before.value) == (pytest.approx(0.1), pytest.approx(0.02), 0)
    verdict = report(run.folder)
    assert verdict["run"]["scaling"] == [change]
