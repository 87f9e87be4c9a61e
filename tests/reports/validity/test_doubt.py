"""A warning demotes if what it found could change the state of a rule, and is harmless if every margin is wider."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.check import Finding
from harness.outcomes import Outcome
from harness.plan.grammar import parse
from harness.verdict import CheckState
from reports.rules.evaluate import evaluate
from reports.samples.evidence import gather
from reports.validity.doubt import Doubt, changes
from tests.support.synthetic_run import BEGAN, EXPECTED, HOLDING, Answer, Answering, bind, synthetic_run, taking


def changed(runs: Path, rules: Sequence[Any], *doubts: Doubt, **asked: Any) -> tuple[list[str], str]:
    """The rules whose state the doubts could change, in a run of 180 arrivals of these rules; and the sentence."""
    table = {"rules": [*rules, "count(errors{op=race}) == 0"], **asked.pop("table", {})}
    evidence = gather(synthetic_run(runs, table=table, **asked).folder)
    found, said = changes(doubts, evidence, [evaluate(rule, evidence) for rule in evidence.samples.scenario.rules])
    return [change.rule for change in found], said


def failing(count: int) -> Answering:
    """So many of the arrivals fail."""
    return lambda place, kind, sched: Answer(Outcome.UNKNOWN, 500) if place < count else EXPECTED[kind]


def slower(place: int, kind: str, sched: float) -> Answer:
    return Answer(EXPECTED[kind].outcome, EXPECTED[kind].status, 0.1 + 0.004 * sched)


def quicker(place: int, kind: str, sched: float) -> Answer:
    return Answer(EXPECTED[kind].outcome, EXPECTED[kind].status, 0.2 - 0.004 * sched)


SCALED = {
    "arrivals": {
        "smoke": [
            {"rate": 10, "for": "5s", "phase": "one"},
            {"pause": "1s", "scale": {"deliver": 4}},
            {"rate": 40, "for": "5s", "phase": "four"},
            {"pause": "1s"},
        ]
    },
    "service": {"deliver": {"processes": 1}},
}
PAUSED = {"arrivals": {"smoke": [{"rate": 12, "for": "15s"}, {"pause": "5s"}]}}
CROWD = {"arrivals": None, "max_users": None, "think": "500ms", "stages": {"smoke": [{"users": 5, "for": "10s"}]}}

# Each rule with what is asked of the run, the greatest doubt that it bears, and the least that it does not.
EITHER: dict[str, tuple[Any, dict[str, Any], Doubt, Doubt]] = {
    "a time": ("p95(response_time) < 500ms", {"answer": taking(0.2)}, Doubt(2.4), Doubt(2.51)),
    "another time": ("max(service_time) <= 500ms", {"answer": taking(0.2)}, Doubt(2.4), Doubt(2.51)),
    "the end of an interval": (
        "p95(response_time) < 500ms",
        {
            "profile": "ci",
            "answer": lambda p, k, s: Answer(EXPECTED[k].outcome, EXPECTED[k].status, 0.2 + (p % 20 >= 19) * 0.1),
        },
        Doubt(1.6),
        Doubt(1.7),
    ),
    "a time until it is complete": ("p95(end_to_end) < 1s", {}, Doubt(9), Doubt(11)),
    "how long it takes to drain": (
        "value(drain_time) < 1s",
        {"completing": lambda committed: committed + 0.5},
        Doubt(1.9),
        Doubt(2.1),
    ),
    # Of ten seconds; a median of 100 ms that grows by 4 ms in each.
    "a slope": ("slope(response_time) < 300ms/min", {"answer": slower}, Doubt(1.2), Doubt(1.3)),
    "a slope downwards": ("slope(response_time) > -300ms/min", {"answer": quicker}, Doubt(1.2), Doubt(1.3)),
    "windows of a time": ("p95(response_time) < 500ms in 90% of 1s windows", {}, Doubt(24), Doubt(26)),
    "errors": ("ratio(errors) < 6%", {"answer": failing(5)}, Doubt(1.9), Doubt(2.3)),
    "errors that were none": ("ratio(errors) < 1%", {"answer": taking(1.0)}, Doubt(9.9), Doubt(10)),
    "arrivals that were dropped": ("ratio(dropped) < 2%", {"dropped": 2}, Doubt(1.7), Doubt(1.9)),
    "arrivals that were not dropped": (
        "ratio(dropped) < 2%",
        # Twelve arrivals a second of a second each, and as many users as could be busy with 48 of them.
        {"answer": taking(1.0), "table": {"max_users": 48}},
        Doubt(3.3),
        Doubt(4.1),
    ),
    "goodput of arrivals": ("rate(goodput) >= 90% of offered", {"answer": failing(5)}, Doubt(3.5), Doubt(3.7)),
    "how much of it": ("count(goodput) >= 160", {"answer": failing(10)}, Doubt(1.9), Doubt(2.2)),
    "goodput that comes too late": ("rate(goodput) >= 90% of offered", {"answer": taking(2.0)}, Doubt(4.9), Doubt(5)),
    "goodput of users": (
        "rate(goodput) >= 8/s",
        {"table": CROWD, "users": [0, 1, 2, 3, 4] * 20},
        Doubt(9, 1.24),
        Doubt(9, 1.26),
    ),
    "requests of users": (
        "rate(requests) >= 8/s",
        {"table": CROWD, "users": [0, 1, 2, 3, 4] * 20},
        Doubt(9, 1.24),
        Doubt(9, 1.26),
    ),
    "a rate that must not be exceeded": ("rate(throughput) < 24/s", {}, Doubt(1.9), Doubt(2.1)),
    "throughput": ("rate(throughput) >= 8/s", {}, Doubt(9, 1.4), Doubt(1, 1.6)),
    "what is delivered": (
        "rate(delivered{phase=four}) >= 50% of linear",
        {"table": SCALED},
        Doubt(9, 1.9),
        Doubt(1, 2.1),
    ),
    "efficiency": ("value(efficiency{phase=four}) >= 50%", {"table": SCALED}, Doubt(9, 1.9), Doubt(1, 2.1)),
    # The last one is completed 15.08 s after the phase began, of 20 s; each takes 100 ms.
    "a backlog of what is done too slowly": ("count(backlog) == 0", {"table": PAUSED}, Doubt(1, 1.32), Doubt(1, 1.33)),
    "a backlog of what takes too long": ("count(backlog) == 0", {"table": PAUSED}, Doubt(50), Doubt(51)),
    "a rule that is missed, and might hold": (
        "p95(response_time) < 500ms",
        {"answer": taking(0.7)},
        Doubt(1.05),
        Doubt(1.5),
    ),
    "a major rule": (
        {"rule": "p95(response_time) < 500ms", "severity": "major"},
        {"answer": taking(0.2)},
        Doubt(2.4),
        Doubt(2.51),
    ),
}


@pytest.mark.parametrize("name", EITHER)
def test_a_doubt_changes_a_rule_only_beyond_its_margin(tmp_path: Path, name: str) -> None:
    rule, asked, borne, too_much = EITHER[name]
    text = rule["rule"] if isinstance(rule, dict) else rule

    harmless, why = changed(tmp_path / "borne", [rule], borne, **dict(asked))
    could, which = changed(tmp_path / "too much", [rule], too_much, **dict(asked))

    assert (harmless, why[:10]) == ([], "harmless: ")
    assert text in could
    assert f"could change the state of {text} (to " in which


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("rate(requests) >= 11/s", {}),
        ("count(requests) >= 170", {}),
        ("value(invariant.X1) == 0", {}),
        ("ratio(conflicts) <= 20%", {"scenario": "mixed", "profile": "smoke", "users": list(range(100)) * 10}),
    ],
)
def test_what_the_plan_or_the_data_decides_is_changed_by_nothing(tmp_path: Path, text: str, asked: Any) -> None:
    if "scenario" in asked:
        asked["answer"] = lambda place, kind, sched: Answer(Outcome.ACK, 200)
    rules = {"rules": [text]}
    evidence = gather(synthetic_run(tmp_path, table=rules, **asked).folder)
    results = [evaluate(rule, evidence) for rule in evidence.samples.scenario.rules]

    found, said = changes([Doubt(1e6, 1e6)], evidence, results)

    assert (found, said) == (
        [],
        "harmless: times could be 1e+06 times as long and rates 1e+06 times as low, but no rule rests on that",
    )


@pytest.mark.parametrize(
    ("text", "reached"),
    [
        ("max(resource.target.cpu) < 0.5", True),
        ("max(resource.target.rss) < 200MB", False),
        ("max(resource.db.table_bytes) < 200MB", False),
    ],
)
def test_a_core_may_be_used_for_longer_and_memory_is_not(tmp_path: Path, text: str, reached: bool) -> None:
    run = synthetic_run(tmp_path, table={"rules": [text, "ratio(errors) < 1%"]})
    line = {"at": BEGAN + 10**9, "target.cpu": 0.3, "target.rss": 1.5e8, "db.table_bytes": 1.5e8}
    run.write_text("monitor.jsonl", json.dumps(line) + "\n")
    bind(run)
    evidence = gather(run.folder)
    results = [evaluate(rule, evidence) for rule in evidence.samples.scenario.rules]

    assert [change.rule for change in changes([Doubt(2)], evidence, results)[0]] == [text] * reached


@pytest.mark.parametrize(
    "rule",
    [
        {"rule": "p95(response_time) < 30ms", "severity": "info"},
        "p95(lag) <= baseline +10%",
        "max(response_time{status=204}) < 1s",
    ],
)
def test_a_rule_for_info_or_without_a_figure_has_no_state_to_lose(tmp_path: Path, rule: Any) -> None:
    assert changed(tmp_path, [rule], Doubt(10))[0] == []


def test_only_the_rules_of_the_phase_in_doubt_are_weighed(tmp_path: Path) -> None:
    rules = [
        "p95(response_time{phase=one}) < 30ms",
        "p95(response_time{phase=four}) < 30ms",
        "p95(response_time) < 30ms",
    ]

    assert changed(tmp_path, rules, Doubt(2, 1, ("four",)), Doubt(1, 1, ("one",)), table=SCALED)[0] == rules[1:]


def test_what_is_compared_with_another_phase_is_in_doubt_with_it(tmp_path: Path) -> None:
    rules = ["rate(delivered{phase=four}) >= 90% of linear", "rate(throughput{phase=four}) >= 36/s"]

    for phase, reached in (("one", rules[:1]), ("four", rules), ("pause", [])):
        assert changed(tmp_path / phase, rules, Doubt(1, 2, (phase,)), table=SCALED)[0] == reached


def test_a_doubt_without_bound_leaves_no_time_certain(tmp_path: Path) -> None:
    rules = ["p95(response_time) < 1h", "ratio(errors) < 50%", "rate(throughput) >= 1/s", "rate(requests) >= 1/s"]

    assert changed(tmp_path, rules, Doubt(math.inf, math.inf))[0][:3] == rules[:3]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            taking(0.1),
            "times could be 6 times as long, which could change the state of p95(response_time) < 500ms (to "
            "CONDITIONAL, with 600 ms against 500 ms) and of 1 more",
        ),
        (
            taking(0.02),
            "harmless: times could be 6 times as long, and no rule would change its state; closest would be "
            "p95(response_time) < 500ms, with 120 ms against 500 ms",
        ),
    ],
)
def test_the_rule_and_its_figures_are_named(tmp_path: Path, answer: Callable[..., Answer], said: str) -> None:
    rules = ["p95(response_time) < 500ms", "p50(response_time) < 550ms", "rate(requests) >= 1/s"]

    assert changed(tmp_path, rules, Doubt(6), answer=answer, table={"timeout": "1h"})[1] == said


def test_a_check_of_the_data_stays_what_it_is(tmp_path: Path) -> None:
    findings = [*HOLDING, Finding("X2", "No message is stored twice.", CheckState.HOLDS, 5, "messages")]

    assert changed(tmp_path, ["value(invariant.X2) == 0"], Doubt(9), findings=findings)[0] == []


def test_where_events_are_routed_to_does_not_depend_on_how_long_that_takes(tmp_path: Path) -> None:
    findings = [Finding(check, "It holds.", CheckState.HOLDS, 100, "events") for check in ("X1", "ROUTED")]
    evidence = gather(synthetic_run(tmp_path, findings=findings).folder)
    rule = parse("ratio(routing_success) == 100%")
    scenario = replace(evidence.samples.scenario, rules=(rule,))
    evidence = replace(evidence, samples=replace(evidence.samples, scenario=scenario))

    found, said = changes([Doubt(2.0, 2.0)], evidence, [evaluate(rule, evidence)])

    assert (found, said) == (
        [],
        "harmless: times could be 2 times as long and rates 2 times as low, but no rule rests on that",
    )
