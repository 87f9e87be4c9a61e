"""Metrics that have one value for a whole phase: recovery, capacity, efficiency, invariants, resources."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import effects
from harness.check import Finding
from harness.outcomes import Outcome
from harness.plan.grammar import parse
from harness.run import Run
from harness.verdict import CheckState, RuleState
from reports.rules.evaluate import evaluate
from reports.rules.result import RuleResult
from reports.samples.evidence import gather
from reports.samples.series import course
from tests.support.synthetic_run import BEGAN, EXPECTED, HOLDING, Answer, Answering, bind, synthetic_run, taking

PASS, CONDITIONAL, NO_GO, ERROR = RuleState.PASS, RuleState.CONDITIONAL, RuleState.NO_GO, RuleState.ERROR


def found(runs: Path, text: str, **asked: Any) -> RuleResult:
    """What the rule says of a run as asked for, whose plan has another one."""
    table = {"rules": ["ratio(errors) < 50%"], **asked.pop("table", {})}
    return evaluate(parse(text), gather(synthetic_run(runs, table=table, **asked).folder))


def stages(*entries: tuple[str, int, int], **more: Any) -> dict[str, Any]:
    """A plan of (phase, rate, seconds); of rate 0 a pause."""
    listed = [
        {"rate": rate, "for": f"{seconds}s", "phase": phase} if rate else {"pause": f"{seconds}s"}
        for phase, rate, seconds in entries
    ]
    return {"arrivals": {"smoke": listed}, **more}


def times(by_second: dict[int, float], usual: float = 0.1) -> Answering:
    """What is planned in a second takes as long as is said of it."""
    return lambda p, kind, s: Answer(EXPECTED[kind].outcome, EXPECTED[kind].status, by_second.get(int(s), usual))


SPIKE = stages(("calm", 10, 10), ("spike", 50, 10), ("after", 10, 20))
RECOVERY = "value(recovery_time{phase=spike}) < 5s"


@pytest.mark.parametrize(
    ("slow", "value", "state"),
    [
        ({}, 0, PASS),
        (dict.fromkeys(range(10, 20), 1.0), 1, PASS),  # the last ones of the spike are in flight until second 21
        ({20: 0.3, 21: 0.3, 22: 0.3}, 3, PASS),
        ({20: 0.121}, 1, PASS),
        ({20: 0.119}, 0, PASS),
        ({22: 0.3}, 3, PASS),
        ({24: 0.3}, 5, CONDITIONAL),
        ({24: 0.5, 31: 0.5}, None, NO_GO),
        (dict.fromkeys(range(20, 40), 0.5), None, NO_GO),
    ],
)
def test_recovered_is_who_is_as_before_for_ten_seconds(
    tmp_path: Path, slow: dict[int, float], value: float | None, state: RuleState
) -> None:
    result = found(tmp_path, RECOVERY, table=SPIKE, answer=times(slow))

    assert (result.value, result.state) == (value, state), result
    assert ("not recovered within the 20 s after second 20" in result.detail) is (value is None)


@pytest.mark.parametrize(("kind", "value"), [(Outcome.ACK, 0), (Outcome.UNKNOWN, 4)])
def test_who_still_makes_errors_has_not_recovered(tmp_path: Path, kind: Outcome, value: float) -> None:
    def answer(place: int, name: str, sched: float) -> Answer:
        return Answer(kind, 500) if 23 <= sched < 24 and name == "process" else EXPECTED[name]

    assert found(tmp_path, RECOVERY, table=SPIKE, answer=answer).value == value


def test_noise_as_before_the_spike_is_recovered(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).uniform(0.05, 0.5, 900)

    def answer(place: int, kind: str, sched: float) -> Answer:
        return Answer(EXPECTED[kind].outcome, EXPECTED[kind].status, float(noise[place]))

    value = found(tmp_path, RECOVERY, table=SPIKE, answer=answer).value
    assert value is not None
    assert value <= 2


def test_of_several_spikes_the_slowest_recovery_counts(tmp_path: Path) -> None:
    table = stages(("calm", 10, 5), ("spike", 50, 5), ("calm", 10, 15), ("spike", 50, 5), ("calm", 10, 15))

    result = found(tmp_path, RECOVERY, table=table, answer=times({30: 0.3, 31: 0.3}))

    assert (result.value, result.n, result.detail) == (2, 2, "2 spikes")


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (stages(("calm", 10, 2), ("spike", 50, 5), ("after", 10, 20)), "expected 3 s of even load"),
        (stages(("calm", 10, 10), ("spike", 50, 5), ("after", 10, 9)), "all must be as before for 10 s"),
        (stages(("calm", 10, 10), ("spike", 50, 5)), "all must be as before for 10 s, but there are 0 s"),
    ],
)
def test_without_a_before_or_an_after_nothing_is_known_of_recovery(
    tmp_path: Path, table: dict[str, Any], reason: str
) -> None:
    result = found(tmp_path, RECOVERY, table=table)

    assert (result.state, reason in result.detail) == (ERROR, True), result.detail


def disturbed(*entries: tuple[str, int, int, str]) -> dict[str, Any]:
    """A plan of (phase, rate, seconds, what is disturbed)."""
    listed = [
        {"rate": rate, "for": f"{seconds}s", "phase": phase, **({"disturb": text} if text else {})}
        for phase, rate, seconds, text in entries
    ]
    return {"arrivals": {"smoke": listed}}


KILLED = disturbed(("before", 20, 8, ""), ("killed", 20, 6, "kill target"), ("after", 20, 20, ""))


@pytest.mark.parametrize(
    ("slow", "value"),
    [
        ({}, 0),
        (dict.fromkeys(range(8, 14), 1.0), 1),  # the last ones of the stage are in flight until second 15
        ({14: 0.3, 15: 0.3, 16: 0.3}, 3),
        (dict.fromkeys(range(8, 34), 0.3), None),
    ],
)
def test_recovered_from_a_disturbance_is_who_is_as_before_it(
    tmp_path: Path, slow: dict[int, float], value: float | None
) -> None:
    assert found(tmp_path, RECOVERY.replace("spike", "killed"), table=KILLED, answer=times(slow)).value == value


def test_of_few_milliseconds_some_more_are_no_sign_of_not_having_recovered(tmp_path: Path) -> None:
    rule = RECOVERY.replace("spike", "killed")
    after = range(14, 34)

    assert found(tmp_path, rule, table=KILLED, answer=times(dict.fromkeys(after, 0.021), usual=0.002)).value == 0
    assert found(tmp_path, rule, table=KILLED, answer=times(dict.fromkeys(after, 0.023), usual=0.002)).value is None


def test_before_is_never_another_disturbance_and_after_ends_with_the_next(tmp_path: Path) -> None:
    first, rest = ("before", 20, 8, ""), [("after", 20, 20, "")]
    second = ("stopped", 20, 6, "stop target 1s"), ("killed", 20, 6, "kill target")
    slow = dict.fromkeys(range(8, 14), 0.5)

    # Two in turn: what was before the second is what was before both.
    result = found(
        tmp_path, RECOVERY.replace("spike", "killed"), table=disturbed(first, *second, *rest), answer=times(slow)
    )
    assert result.value == 0
    between = disturbed(first, second[0], ("between", 20, 9, ""), second[1], *rest)
    result = found(tmp_path, RECOVERY.replace("spike", "stopped"), table=between)
    assert "all must be as before for 10 s, but there are 9 s after the spike" in result.detail


def test_the_course_counts_what_is_in_flight(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, table=stages(("even", 10, 10)), answer=taking(0.5))
    seconds = course(gather(run.folder).samples)

    assert len(seconds.flying) == len(seconds.p50) == 10
    # Ten a second of half a second each, and one second half of a race.
    assert seconds.flying[1:].sum() == pytest.approx(9 * 5 + 0.5, abs=0.6)
    assert seconds.ended.sum() + 5 == pytest.approx(101, abs=1)


STEPS = stages(("ten", 10, 12), ("twenty", 20, 12), ("forty", 40, 12), rules=["p95(response_time) < 500ms"])
CAPACITY = "value(capacity) >= 20/s"


def by_step(**seconds: float) -> Answering:
    """Answers of a step take so long; of the others 20 ms."""
    begin = {"ten": 0, "twenty": 12, "forty": 24}

    def answer(place: int, kind: str, sched: float) -> Answer:
        took = [took for name, took in seconds.items() if begin[name] <= sched < begin[name] + 12]
        return Answer(EXPECTED[kind].outcome, EXPECTED[kind].status, took[0] if took else 0.02)

    return answer


@pytest.mark.parametrize(
    ("answer", "value", "state", "says"),
    [
        (by_step(), 40, PASS, "every step holds, up to forty: it may be more"),
        (by_step(forty=0.6), 20, PASS, "forty (40.0/s) does not hold: p95(response_time) < 500ms is CONDITIONAL"),
        (by_step(twenty=0.6), 10, NO_GO, "twenty (20.0/s) does not hold"),
        (by_step(ten=0.6), 0, NO_GO, "ten (10.0/s) does not hold"),
        (by_step(forty=0.45), 20, PASS, "of what was offered ended while it lasted"),
    ],
)
def test_capacity_is_the_highest_step_that_holds_with_all_below_it(
    tmp_path: Path, answer: Answering, value: float, state: RuleState, says: str
) -> None:
    result = found(tmp_path, CAPACITY, table=STEPS, answer=answer)

    assert (result.value, result.state, result.n) == (value, state, 3), result
    assert says in result.detail


def test_a_step_whose_backlog_grows_does_not_hold(tmp_path: Path) -> None:
    def answer(place: int, kind: str, sched: float) -> Answer:
        took = 0.02 + 0.02 * max(sched - 24, 0)
        return Answer(EXPECTED[kind].outcome, EXPECTED[kind].status, took)

    table = stages(("ten", 10, 12), ("twenty", 20, 12), ("forty", 40, 60), rules=["p95(response_time) < 5s"])
    result = found(tmp_path, CAPACITY, table=table, answer=answer)

    assert result.value == 20
    assert "the operations in flight grew by" in result.detail


def test_ramps_and_the_warm_up_are_no_steps_and_other_values_no_rules(tmp_path: Path) -> None:
    table = {
        "arrivals": {
            "smoke": [
                {"rate": 10, "for": "5s", "phase": "warm-up"},
                {"rate": 10, "for": "5s", "phase": "ten"},
                {"to": 30, "for": "5s"},
                {"rate": 30, "for": "5s", "phase": "thirty"},
            ]
        },
        "rules": [
            "ratio(errors) < 1%",
            "value(capacity) >= 1/s",
            "value(invariant.nowhere) == 0",
            "p95(response_time) <= baseline +1%",
            {"rule": "p95(response_time) < 1ms", "severity": "info"},
        ],
    }
    result = found(tmp_path, CAPACITY, table=table)

    assert (result.value, result.n) == (30, 2)


@pytest.mark.parametrize(
    ("rules", "text", "detail"),
    [
        (["ratio(errors{phase=ten}) < 1%"], CAPACITY, "twenty (20.0/s) does not hold: no other rule covers it"),
        (["ratio(errors) < 1%"], "value(capacity{phase=forty}) >= 1/s", "every step holds, up to forty"),
    ],
)
def test_a_step_without_a_rule_holds_nothing(tmp_path: Path, rules: list[str], text: str, detail: str) -> None:
    assert detail in found(tmp_path, text, table={**STEPS, "rules": rules}).detail


def test_a_load_without_steps_has_no_capacity(tmp_path: Path) -> None:
    table = {"arrivals": {"smoke": [{"rate": 1, "for": "1s", "phase": "warm-up"}, {"to": 20, "for": "10s"}]}}
    result = found(tmp_path, CAPACITY, table=table)

    assert (result.state, result.detail) == (ERROR, "no phase that it covers loads evenly")


def scaling(runs: Path, text: str, completed: int) -> RuleResult:
    """One worker completes ten a second, four of forty so many."""

    def completing(stored: float) -> float | None:
        return stored if stored < 5006 or (stored - 5006) % 1 < completed / 40 else None

    table = stages(("one", 10, 5), ("pause", 0, 1), ("four", 40, 5), service={"deliver": {"processes": 1}})
    table["arrivals"]["smoke"][1]["scale"] = {"deliver": 4}
    return found(runs, text, table=table, completing=completing, answer=taking(0))


@pytest.mark.parametrize(("completed", "state"), [(40, PASS), (36, PASS), (30, CONDITIONAL), (20, NO_GO)])
def test_efficiency_is_the_share_of_a_linear_rate(tmp_path: Path, completed: int, state: RuleState) -> None:
    result = scaling(tmp_path / "efficiency", "value(efficiency{phase=four}) >= 88%", completed)
    linear = scaling(tmp_path / "linear", "rate(delivered{phase=four}) >= 88% of linear", completed)

    assert result.state is linear.state is state
    assert linear.value is not None
    assert linear.limit is not None
    assert result.value == pytest.approx(linear.value / (linear.limit / 0.88))
    assert "of 4 × the" in result.detail


def crowd(runs: Path, text: str, *done: int, users: tuple[int, ...] = (2, 8)) -> RuleResult:
    """Users at their own pace, who do so many operations in the ten seconds of each phase."""
    listed = [{"users": count, "for": "10s", "phase": f"{count}-users"} for count in users]
    table = {
        "arrivals": None,
        "max_users": None,
        "think": "100ms",
        "stages": {"smoke": listed},
        "mix": {"process": 1},
        "rules": ["ratio(errors) < 50%"],
    }
    moments = [
        (10 * phase + 10 * (place + 0.5) / count, "process", place % users[phase])
        for phase, count in enumerate(done)
        for place in range(count)
    ]
    return evaluate(parse(text), gather(synthetic_run(runs, table=table, moments=moments).folder))


@pytest.mark.parametrize(
    ("done", "value", "state"), [(160, 1.0, PASS), (140, 0.875, PASS), (120, 0.75, CONDITIONAL), (70, 0.4375, NO_GO)]
)
def test_the_efficiency_of_users_is_the_share_of_a_linear_goodput(
    tmp_path: Path, done: int, value: float, state: RuleState
) -> None:
    result = crowd(tmp_path / "efficiency", "value(efficiency{phase=8-users}) >= 80%", 40, done)
    linear = crowd(tmp_path / "linear", "rate(goodput{phase=8-users}) >= 80% of linear", 40, done)

    assert (result.value, result.state, linear.state) == (pytest.approx(value), state, state)
    assert result.detail == "of 4 × the 4.0/s of 2-users"
    assert linear.detail == "linear is 4 × the 4.0/s of 2-users"


def test_without_other_users_there_is_nothing_to_compare(tmp_path: Path) -> None:
    fewest = crowd(tmp_path / "fewest", "value(efficiency{phase=2-users}) >= 80%", 40, 160)
    nothing = crowd(tmp_path / "nothing", "value(efficiency{phase=8-users}) >= 80%", 0, 160)

    assert [one.state for one in (fewest, nothing)] == [ERROR] * 2
    assert fewest.detail == "no phase with fewer users is offered as much for each of them as '2-users'"


def test_processes_that_complete_nothing_later_are_compared_by_their_goodput(tmp_path: Path) -> None:
    table = stages(("one", 10, 5), ("pause", 0, 1), ("four", 40, 5), service={"deliver": {"processes": 1}})
    table["arrivals"]["smoke"][1]["scale"] = {"deliver": 4}
    table["rules"] = ["ratio(errors) < 50%"]
    run = synthetic_run(tmp_path, table=table, completing=lambda stored: None)
    run.record(plan={**run.facts["plan"], "points": ["stored"]})
    effects.write(run.folder, np.zeros(0, effects.fields(("stored",))))
    bind(run)

    assert evaluate(parse("value(efficiency{phase=four}) >= 90%"), gather(run.folder)).value == pytest.approx(1.0)


VIOLATED = Finding("X2", "No message is stored twice.", CheckState.VIOLATED, 171, "messages", witnesses=3)
UNDECIDED = Finding("X9", "A race is won once.", CheckState.UNDECIDED, 0, "races", detail="there was no race")


@pytest.mark.parametrize(
    ("text", "value", "state", "says"),
    [
        ("value(invariant.X1) == 0", 0, PASS, "Each acknowledged message is stored."),
        ("value(invariant.X2) == 0", 3, NO_GO, "No message is stored twice."),
        ("value(invariant.X2) <= 3", 3, PASS, ""),
        ("value(invariant.X9) == 0", None, ERROR, "check X9 is undecided: there was no race"),
        ("value(invariant.X7) == 0", None, ERROR, "no check 'X7' was made; did you mean 'X9'?"),
    ],
)
def test_an_invariant_is_how_many_things_break_a_check(
    tmp_path: Path, text: str, value: float | None, state: RuleState, says: str
) -> None:
    result = found(tmp_path, text, findings=[*HOLDING, VIOLATED, UNDECIDED])

    assert (result.value, result.state) == (value, state), result
    assert says in result.detail


@pytest.mark.parametrize(
    ("lost", "elsewhere", "value", "state"), [(0, 0, 1.0, PASS), (0, 5, 0.95, NO_GO), (25, 0, 0.8, NO_GO)]
)
def test_routing_succeeds_for_what_is_neither_lost_nor_elsewhere(
    tmp_path: Path, lost: int, elsewhere: int, value: float, state: RuleState
) -> None:
    findings = [
        Finding("X1", "All are stored.", CheckState.HOLDS, 100, "events", witnesses=lost),
        Finding("ROUTED", "All are routed.", CheckState.HOLDS, 100, "events", witnesses=elsewhere),
    ]
    result = found(tmp_path, "ratio(routing_success) == 100%", findings=findings)

    assert (result.value, result.state, result.n) == (value, state, 100 + lost)


def test_without_a_check_of_the_routes_there_is_no_routing_success(tmp_path: Path) -> None:
    result = found(tmp_path, "ratio(routing_success) == 100%", findings=[HOLDING[0]])

    assert result.state is ERROR
    assert "no check 'ROUTED' was made" in result.detail


def test_without_a_verification_there_is_no_invariant(tmp_path: Path) -> None:
    assert found(tmp_path, "value(invariant.X1) == 0", findings=None).state is ERROR


def watched(runs: Path, **asked: Any) -> Run:
    """A run whose monitor saw target.rss grow by one a second from 100 on, and target.cpu in its first second only."""
    run = synthetic_run(runs, table={"rules": ["count(errors) == 0"], **asked})
    lines = [
        {"at": BEGAN + second * 10**9 + 1, "target.rss": 100 + second, **({"target.cpu": 0.5} if not second else {})}
        for second in range(-5, 30)
    ]
    run.write_text("monitor.jsonl", "\n".join(json.dumps(line) for line in lines) + "\n")
    return bind(run)


@pytest.mark.parametrize(
    ("text", "value", "n"),
    [
        ("max(resource.target.rss) < 200", 114, 15),
        ("min(resource.target.rss) < 200", 100, 15),
        ("mean(resource.target.rss) < 200", 107, 15),
        ("p50(resource.target.rss) < 200", 107, 15),
        ("p95(resource.target.rss) < 200B", 114, 15),
        ("p10(resource.target.rss) < 0.2kB", 101, 15),
        ("value(resource.target.rss) < 200", 114, 15),
        ("value(resource.target.rss) >= 50", 100, 15),
        ("value(resource.target.cpu) < 1", 0.5, 1),
    ],
)
def test_a_resource_is_what_the_monitor_saw_during_the_load(tmp_path: Path, text: str, value: float, n: int) -> None:
    result = evaluate(parse(text), gather(watched(tmp_path).folder))

    assert (result.value, result.n, result.state) == (value, n, PASS)


def test_a_resource_that_nobody_saw_is_an_error(tmp_path: Path) -> None:
    run = watched(
        tmp_path / "seen", arrivals={"smoke": [{"rate": 12, "for": "8s"}, {"rate": 12, "for": "7s", "phase": "b"}]}
    )
    unknown = evaluate(parse("value(resource.target.rs) < 1"), gather(run.folder))
    elsewhere = evaluate(parse("value(resource.target.cpu{phase=b}) < 1"), gather(run.folder))
    unwatched = found(tmp_path / "unseen", "value(resource.target.rss) < 1")

    assert [one.state for one in (unknown, elsewhere, unwatched)] == [ERROR] * 3
    assert "did you mean 'target.rss'?" in unknown.detail
    assert elsewhere.detail == "the monitor has nothing of 'target.cpu' during this phase"


def deadlocked(run: Run, *counts: int | None) -> None:
    """The monitor saw these counts, one a second from a second before the load on; None: no database."""
    lines = [
        {"at": BEGAN + (second - 1) * 10**9, **({} if count is None else {"db.deadlocks_total": count})}
        for second, count in enumerate(counts)
    ]
    run.write_text("monitor.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    bind(run)


@pytest.mark.parametrize(
    ("counts", "text", "value", "state"),
    [
        ((7,) * 8, "count(deadlocks) == 0", 0, PASS),
        ((7, 7, 8, 8, 10, 10, 10, 10), "count(deadlocks) == 0", 3, NO_GO),
        ((7, 7, 8, 8, 10, 10, 10, 10), "count(deadlocks{phase=early}) == 0", 1, NO_GO),
        ((7, 7, 7, 7, 10, 10, 10, 10), "count(deadlocks{phase=early}) == 0", 0, PASS),
        # After the load, where no phase is named.
        ((0,) * 30 + (1,), "count(deadlocks) == 0", 1, NO_GO),
        ((0,) * 30 + (1,), "count(deadlocks{phase=late}) == 0", 0, PASS),
        # PostgreSQL crashed, and counts anew.
        ((7, 7, 7, 0, 2, 2, 2, 2), "count(deadlocks) == 0", 2, NO_GO),
        # Before the load.
        ((3, 7, 7, 7), "count(deadlocks) == 0", 0, PASS),
        ((None,) * 5, "count(deadlocks) == 0", None, ERROR),
        ((0,), "count(deadlocks) == 0", None, ERROR),
        ((0, 0, 0), "count(deadlocks{phase=late}) == 0", None, ERROR),
    ],
)
def test_deadlocks_are_counted_by_phase_or_from_the_load_on(
    counts: tuple[int | None, ...], text: str, value: float | None, state: RuleState, tmp_path: Path
) -> None:
    table = {"rules": [text], **stages(("early", 10, 2), ("late", 10, 4))}
    run = synthetic_run(tmp_path, table=table)
    deadlocked(run, *counts)
    result = evaluate(parse(text), gather(run.folder))

    assert (result.value, result.state) == (value, state), result
