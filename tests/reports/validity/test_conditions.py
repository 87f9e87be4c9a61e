"""Each condition of validity holds in a sound run, and has a run that breaks it and it alone."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import binding, journal
from harness.errors import JournalError, RunError
from harness.outcomes import Failure, Outcome
from harness.run import UNREAD, Run
from harness.verdict import ValidityState
from reports.rules.evaluate import evaluate
from reports.samples.evidence import gather
from reports.validity.conditions import validity
from reports.validity.result import ValidityResult
from reports.validity.steady import steady
from tests.support.synthetic_run import BEGAN, EXPECTED, Answer, Answering, bind, synthetic_run, taking

ALWAYS = [
    "BINDING",
    "WORKERS",
    "V1",
    "V2",
    "V3",
    "V5",
    "V6",
    "V8",
    "V4",
    "V7",
    "V9",
    "V10",
    "V11",
    "MONITOR",
    "V12",
    "V13",
    "SUCCESSES",
    "STATUSES",
    "EXCEPTIONS",
    "INTERRUPTED",
]


def conditions(run: Run) -> dict[str, ValidityResult]:
    evidence = gather(run.folder)
    rules = [evaluate(rule, evidence) for rule in evidence.samples.scenario.rules]
    return {one.id: one for one in validity(evidence, rules, steady(evidence.samples))}


def unmet(found: dict[str, ValidityResult]) -> dict[str, str]:
    return {one.id: one.state for one in found.values() if one.state is not ValidityState.OK}


def warned(run: Run) -> list[str]:
    return [one.id for one in conditions(run).values() if one.state == "warning"]


def broken(run: Run) -> list[str]:
    return [one.id for one in conditions(run).values() if one.state == "broken"]


def test_a_sound_run_is_valid(tmp_path: Path) -> None:
    found = conditions(synthetic_run(tmp_path))

    assert list(found) == ALWAYS
    assert unmet(found) == {
        "V7": "not applicable",
        "V9": "not applicable",
        "MONITOR": "not applicable",
        "V13": "not applicable",
    }
    assert all(one.title and one.value and one.limit and one.advice for one in found.values())


def foreign(place: int, kind: str, sched: float) -> Answer:
    """Four of the 180 are answered with a status that the contract doesn't know, but as if it did."""
    return Answer(EXPECTED[kind].outcome, 429 if place < 4 else EXPECTED[kind].status)


def few(place: int, kind: str, sched: float) -> Answer:
    """99 operations end as expected: 97 arrivals and the second halves of two races."""
    return EXPECTED[kind] if place < 98 else Answer(Outcome.UNKNOWN, 503)


def without_sockets(place: int, kind: str, sched: float) -> Answer:
    """One of the 180 could not be sent, as there was no file left for its connection."""
    return Answer(Outcome.NOT_SENT, 0, 0.001, Failure.LOCAL) if place == 7 else EXPECTED[kind]


TWO_MINUTES = {"arrivals": {"ci": [{"rate": 12, "for": "2m"}]}, "rules": ["ratio(errors) < 1%"]}
TIMED = {**TWO_MINUTES, "rules": ["p95(response_time) < 600ms", "ratio(errors) < 1%"]}


def growing(first: float, last: float) -> Answering:
    """Answers that take longer and longer, over two minutes."""
    return lambda p, kind, s: Answer(EXPECTED[kind].outcome, EXPECTED[kind].status, first + (last - first) * s / 120)


def growing_with_a_tail(first: float, last: float) -> Answering:
    """The same, but that one in fifteen takes 130 ms all the time."""
    typical = growing(first, last)
    return lambda p, kind, s: Answer(
        EXPECTED[kind].outcome, EXPECTED[kind].status, 0.13 if p % 15 == 0 else typical(p, kind, s).seconds
    )


def warming(settled: float) -> Answering:
    """Answers that are slow until the second in which all is warm."""
    return lambda p, kind, s: Answer(EXPECTED[kind].outcome, EXPECTED[kind].status, 0.5 if s < settled else 0.1)


BREAKS: dict[str, tuple[dict[str, Any], list[str], str]] = {
    "arrivals that were not begun": ({"dropped": 2}, ["V1"], "178 of 180 planned arrivals were begun (98.9 %)"),
    "a loop that is late": ({"lags_us": [10_001] * 50}, ["V2"], "10 ms late at p99 and 10 ms at most"),
    "a loop that stood still": ({"lags_us": [100] * 199 + [250_001]}, ["V2"], "0.1 ms late at p99 and 250 ms at most"),
    "an operation begun late for a free user": ({"lag_s": 0.3}, ["V2"], "300 ms at most"),
    "a busy generator": ({"cpu": 0.81}, ["V3"], "used 81 % of a core over 5 s"),
    "more in flight than the times say": (
        {"answer": taking(0.5), "flying": 9.0},
        ["V5"],
        "9.00 seen in flight, 5.91 by the journal",
    ),
    "fewer in flight than the times say": ({"answer": taking(0.5), "flying": 3.0}, ["V5"], "3.00 seen in flight"),
    "a clock that was set": ({"clock_step_s": 0.05}, ["V6"], "stepped by 50 ms"),
    "operations that ended before they began": ({"answer": taking(-0.001)}, ["V6"], "181 operations ended before"),
    "no sockets left": ({"answer": without_sockets}, ["V8"], "1 operations failed for want of"),
    "a load process without a journal": (
        {"facts": {"load": {"exit_code": 0, "processes": 2}}},
        ["WORKERS"],
        "the journal of load process 1 is missing, of 2 that were started",
    ),
    "no health": ({"health": False}, ["V2", "V3", "V6"], "load process 0 left no health"),
    "no ticks": ({"lags_us": []}, ["V2"], "load process 0 left no health"),
    "a load that never began": (
        {"began": False, "dropped": 180},
        ["V1", "V2", "V3", "V12", "SUCCESSES", "STATUSES"],
        "never began",
    ),
    "Locust counted more": ({"load": {"requests": 999}}, ["V4"], "181 operations (181 ended), Locust 999"),
    "another plan": ({"load": {"planned": 181}}, ["V4"], "the plan 181 − 0 dropped + 1 partners"),
    "dropped arrivals that were begun": ({"load": {"dropped": 1}}, ["V4"], "the plan 180 − 1 dropped"),
    "an end before its time": (
        {"load": {"finished": False, "ended_by": "signal"}},
        ["V12"],
        "the plan was not finished: ended by signal",
    ),
    "too few successes": ({"answer": few}, ["SUCCESSES"], "99 operations ended as expected"),
    "another service": ({"answer": foreign}, ["STATUSES"], "most often 429, 4 times"),
    "no answer with a status": (
        {"answer": lambda p, k, s: Answer(EXPECTED[k].outcome), "table": {"mix": {"process": 1}}},
        ["STATUSES"],
        "no answer below 500 had a status",
    ),
    "a lost process": ({"closed": False}, ["WORKERS"], "load process 0 did not close its journal"),
    "no load.json": ({"load": None}, ["WORKERS", "V4", "V12", "EXCEPTIONS"], "there is no load.json"),
    "users that died at once": (
        {
            "load": {
                "exceptions": 9,
                "raised": {"KeyError in on_start of Visitor: 'id'": 7, "OSError in Buyer": 2},
            }
        },
        ["EXCEPTIONS"],
        "the users' code raised 9 times, most often KeyError in on_start of Visitor: 'id', 7 times",
    ),
    "users that sent nothing": (
        {"load": {"users": {"Visitor": {"users": 20, "silent": 2}, "Buyer": {"users": 5, "silent": 1}}}},
        ["EXCEPTIONS"],
        "the users' code raised 0 times; 1 of 5 users of Buyer sent nothing",
    ),
    "a defect of the users": ({"load": {"exceptions": 1}}, ["EXCEPTIONS"], "the users' code raised 1 times"),
    "an interruption": ({"facts": {"interrupted": "SIGINT during load"}}, ["INTERRUPTED"], "SIGINT during load"),
    "a loop late for the tightest limit": (
        {"lags_us": [5_001] * 50, "table": {"rules": ["p95(response_time) < 100ms", "ratio(errors) < 1%"]}},
        ["V2"],
        "the loop was 5 ms late at p99",
    ),
    "an unknown machine": ({"facts": {"host": None}}, ["V11"], "run.json has nothing about host"),
    "times that never settle": (
        {"profile": "ci", "table": TIMED, "answer": growing(0.1, 0.4)},
        ["V7"],
        "steady has not settled within 2 m; p50 of steady went up by 120 % of its median; in flight of steady went up "
        "by 120 % of its median; times could be 5.8 times as long, which could change the state of "
        "p95(response_time) < 600ms",
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_each_condition_is_broken_by(tmp_path: Path, name: str) -> None:
    asked, ids, value = BREAKS[name]

    found = conditions(synthetic_run(tmp_path, **asked))

    assert [one.id for one in found.values() if one.state == "broken"] == ids
    assert value in " ".join(f"{found[one].value}; {found[one].consequence}" for one in ids)


TIGHT = {"arrivals": {"ci": [{"rate": 12, "for": "2m"}]}, "rules": ["p95(response_time) < 140ms", "ratio(errors) < 1%"]}
MAJOR = {"rule": "p99.9(response_time) < 1s", "severity": "major"}

WARNINGS: dict[str, tuple[dict[str, Any], list[str], str]] = {
    "a rather busy generator": (
        {"cpu": 0.71, "answer": taking(0.2)},
        ["V3"],
        "used 71 % of a core over 5 s; times could be 3.45 times as long, which could change the state of "
        "p95(response_time) < 500ms (to CONDITIONAL, with 690 ms against 500 ms)",
    ),
    "a rather busy generator, but all is quick": (
        {"cpu": 0.71},
        ["V3"],
        "harmless: times could be 3.45 times as long, and no rule would change its state",
    ),
    "times that drift": (
        {"profile": "ci", "table": TIGHT, "answer": growing_with_a_tail(0.100, 0.115)},
        ["V7"],
        "p50 of steady went up by 14 % of its median; times could be 1.28 times as long, which could change the state "
        "of p95(response_time) < 140ms (to CONDITIONAL, with 166 ms against 140 ms)",
    ),
    "times that drift far below their limit": (
        {
            "profile": "ci",
            "table": {**TIGHT, "rules": ["p95(response_time) < 175ms", "ratio(errors) < 1%"]},
            "answer": growing(0.0022, 0.0034),
        },
        ["V7"],
        "harmless: times could be 1.86 times as long, and no rule would change its state; closest would be "
        "p95(response_time) < 175ms, with 6.2 ms against 175 ms",
    ),
    "times that never settle, far below their limit": (
        {"profile": "ci", "table": TIMED, "answer": growing(0.005, 0.02)},
        ["V7"],
        "harmless: times could be 5.8 times as long, and no rule would change its state; closest would be "
        "p95(response_time) < 600ms, with 112 ms against 600 ms",
    ),
    "times that drift, and nothing is asked of them": (
        {"profile": "ci", "table": TWO_MINUTES, "answer": growing(0.100, 0.115)},
        ["V7"],
        "harmless: times could be 1.28 times as long, and no rule would change its state",
    ),
    "times that drift, while a rule is missed by far": (
        {
            "profile": "ci",
            "table": {**TWO_MINUTES, "rules": ["p95(response_time) < 100ms", "ratio(errors) < 1%"]},
            "answer": growing(0.1, 0.4),
        },
        ["V7"],
        "a rule is missed by far all the same",
    ),
    "too short a load": (
        {"profile": "ci", "table": {**TWO_MINUTES, "rules": ["p99.9(response_time) < 1s", "ratio(errors) < 1%"]}},
        ["V13"],
        "too short for p99.9(response_time) < 1s; a longer run could change the state of p99.9(response_time) < 1s",
    ),
    "too short a load for a rule that blocks nothing": (
        {"profile": "ci", "table": {**TWO_MINUTES, "rules": [MAJOR, "ratio(errors) < 1%"]}},
        ["V13"],
        "too short for p99.9(response_time) < 1s; harmless: only a blocker that is not proven demotes",
    ),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_each_soft_condition_warns(tmp_path: Path, name: str) -> None:
    asked, ids, value = WARNINGS[name]

    found = conditions(synthetic_run(tmp_path, **asked))

    assert {name: state for name, state in unmet(found).items() if state != "not applicable"} == {
        one: "warning" for one in ids
    }
    (one,) = (found[name] for name in ids)
    assert value in f"{one.value}; {one.consequence}"
    assert bool(one.reach) is ("harmless" not in value)


def test_a_limit_for_info_asks_nothing_of_the_loop(tmp_path: Path) -> None:
    rules = ["ratio(errors) < 1%", {"rule": "p50(response_time) < 1ms", "severity": "info"}]

    assert conditions(synthetic_run(tmp_path, table={"rules": rules}))["V2"].limit == "10 ms and 250 ms"


@pytest.mark.parametrize(
    ("settled", "cut", "is_broken"), [(0, 0, False), (30, 30, False), (55, 55, False), (65, 65, True)]
)
def test_a_warm_up_may_be_half_of_an_even_load(tmp_path: Path, settled: float, cut: float, is_broken: bool) -> None:
    run = synthetic_run(tmp_path, profile="ci", table=TIMED, answer=warming(settled))
    (even,) = steady(gather(run.folder).samples)

    assert (even.phase, even.begin, even.end, even.cut) == ("steady", 0, 120, cut)
    assert (conditions(run)["V7"].state == "broken") is is_broken


def test_a_backlog_that_grows_is_no_steady_state(tmp_path: Path) -> None:
    # Eleven a second of twelve are served: each waits for all before it.
    def answer(place: int, kind: str, sched: float) -> Answer:
        return Answer(EXPECTED[kind].outcome, EXPECTED[kind].status, 0.1 + sched / 11)

    found = conditions(synthetic_run(tmp_path, profile="ci", table=TWO_MINUTES, answer=answer))["V7"]

    assert found.state == "broken"
    assert "in flight of steady went up" in found.value


@pytest.mark.parametrize(
    ("profile", "stages"),
    [
        ("smoke", [{"rate": 12, "for": "2m"}]),
        ("ci", [{"rate": 12, "for": "59s"}]),
        ("ci", [{"rate": 6, "for": "1s"}, {"to": 18, "for": "119s", "phase": "ramp"}]),
        ("ci", [{"rate": 12, "for": "2m", "phase": "warm-up"}, {"rate": 12, "for": "20s"}]),
        ("ci", [{"rate": rate, "for": "30s", "phase": f"{rate}"} for rate in (6, 12, 24, 48)]),
    ],
)
def test_smoke_ramps_steps_and_short_phases_need_not_be_steady(
    tmp_path: Path, profile: str, stages: list[dict[str, Any]]
) -> None:
    table = {"arrivals": {profile: stages}, "rules": ["ratio(errors) < 1%"]}
    found = conditions(synthetic_run(tmp_path, profile=profile, table=table, answer=growing(0.1, 0.4)))["V7"]

    assert (found.state, found.value) == (
        "not applicable",
        "no phase loads evenly, and often enough, for 1 m",
    )


@pytest.mark.parametrize("noise", [0.0005, 0.05])
def test_noise_is_no_drift(tmp_path: Path, noise: float) -> None:
    times = np.random.default_rng(1).normal(0.2, noise, 2000).clip(0.001)

    def answer(place: int, kind: str, sched: float) -> Answer:
        return Answer(EXPECTED[kind].outcome, EXPECTED[kind].status, float(times[place]))

    assert conditions(synthetic_run(tmp_path, profile="ci", table=TWO_MINUTES, answer=answer))["V7"].state == "ok"


def monitored(run: Run, **values: Any) -> Run:
    """The run with a monitor that saw these values, a function of the second each."""
    seconds = range(round(run.scenario.seconds))
    lines = [
        {"at": BEGAN + second * 10**9, **{name.replace("__", "."): value(second) for name, value in values.items()}}
        for second in seconds
    ]
    run.write_text("monitor.jsonl", "\n".join(json.dumps(line) for line in lines) + "\n")
    return bind(run)


CROWDED: dict[str, Any] = {
    "machine__canary": lambda s: 0.001,
    "machine__cores": lambda s: 2,
    "machine__busy": lambda s: 2.0,
    "run__cpu": lambda s: 0.3,
}
"""Six busy loops beside the run on two cores, all the time: the canary, the quickest of some tries, misses them."""

THROTTLED: dict[str, Any] = {
    "machine__canary": lambda s: 0.001,
    "cgroup__quota": lambda s: 1.5,
    "cgroup__throttled": lambda s: 0.021,
}


WAITING: dict[str, Any] = {
    "machine__pressure": lambda s: 0.9,
    "machine__cores": lambda s: 2,
    "run__cpu": lambda s: 0.3,
}


@pytest.mark.parametrize(
    ("values", "state", "said"),
    [
        ({"machine__canary": lambda s: 0.001}, "ok", "at p95 the same loop took 1 times as long"),
        ({"machine__canary": lambda s: 0.0012 if s % 5 == 0 else 0.001}, "ok", "took 1.2 times"),
        ({"machine__canary": lambda s: 0.00121 if s % 5 == 0 else 0.001}, "warning", "took 1.21 times"),
        ({"machine__steal": lambda s: 0.02}, "ok", "other guests took 2 %"),
        ({"machine__steal": lambda s: 0.021}, "warning", "other guests took 2.1 %"),
        (CROWDED, "warning", "processes that are not of this run used 85 % of the cores over 5 s"),
        (
            {**CROWDED, "machine__busy": lambda s: 0.49},
            "ok",
            "processes that are not of this run used 9.5 % of the cores",
        ),
        # A burst of a second is a tenth of five.
        ({**CROWDED, "machine__busy": lambda s: 1.0 if s == 5 else 0.3}, "ok", "used 7 % of the cores"),
        ({**CROWDED, "run__cpu": lambda s: 2.0}, "ok", "processes that are not of this run used 0 % of the cores"),
        (THROTTLED, "warning", "the quota of 1.5 cores stopped the run in 2.1 % of its periods"),
        ({**THROTTLED, "cgroup__throttled": lambda s: 0.02}, "ok", "stopped the run in 2 % of its periods"),
        ({"machine__pressure": lambda s: 0.9}, "not applicable", "something waited for a core 90 % of the time"),
        # What the run waits for itself is not judged; and of others, what they used of what was used.
        ({**WAITING, "machine__busy": lambda s: 0.3}, "ok", "90 % of the time, 0 % for processes that are not of"),
        ({**WAITING, "machine__busy": lambda s: 0.31}, "ok", "90 % of the time, 2.9 % for processes that are not of"),
        ({**WAITING, "machine__busy": lambda s: 0.32}, "warning", "90 % of the time, 5.63 % for processes that are"),
        ({"target__cpu": lambda s: 1}, "not applicable", "the monitor has nothing of the machine"),
    ],
)
def test_a_machine_that_others_use_too_is_warned_of(
    tmp_path: Path, values: dict[str, Any], state: str, said: str
) -> None:
    found = conditions(monitored(synthetic_run(tmp_path), **values))["V9"]

    assert (found.state, said in found.value) == (state, True), found.value


@pytest.mark.parametrize(
    ("values", "seconds", "reach", "said"),
    [
        # The times of a phase by its slowest second, …
        (
            {"machine__canary": lambda s: 0.0013 if s % 10 == 0 else 0.001},
            0.4,
            ["p95(response_time) < 500ms"],
            "times could be 1.3 times as long and rates 1.04 times as low, which could change the state of "
            "p95(response_time) < 500ms (to CONDITIONAL, with 520 ms against 500 ms)",
        ),
        (
            {"machine__canary": lambda s: 0.0013 if s % 10 == 0 else 0.001},
            0.38,
            [],
            "harmless: times could be 1.3 times as long and rates 1.04 times as low, and no rule would change its "
            "state; closest would be p95(response_time) < 500ms, with 494 ms against 500 ms",
        ),
        # … or by the second in which others took most.
        ({"machine__steal": lambda s: 0.3 if s % 10 == 0 else 0.0}, 0.4, ["p95(response_time) < 500ms"], "1.43 times"),
        ({"machine__steal": lambda s: 0.3 if s % 10 == 0 else 0.0}, 0.3, [], "harmless: times could be 1.43 times"),
        # Of others that compute all the time, by what they leave to the run.
        (CROWDED, 0.1, ["p95(response_time) < 500ms"], "times could be 6.67 times as long"),
        (CROWDED, 0.02, [], "harmless: times could be 6.67 times as long"),
        ({**THROTTLED, "cgroup__throttled": lambda s: 0.5}, 0.3, ["p95(response_time) < 500ms"], "2 times as long"),
        ({"machine__steal": lambda s: 1.0 if s == 7 else 0.0}, 0.02, ["p95(response_time) < 500ms"], "1e+09 times"),
    ],
)
def test_a_noisy_machine_is_harmless_to_rules_with_a_wider_margin(
    tmp_path: Path, values: dict[str, Any], seconds: float, reach: list[str], said: str
) -> None:
    rules = {"rules": ["p95(response_time) < 500ms", "rate(goodput) >= 95% of offered"]}
    found = conditions(monitored(synthetic_run(tmp_path, table=rules, answer=taking(seconds)), **values))["V9"]

    assert found.state == "warning"
    assert list(found.reach)[:1] == reach
    assert said in found.consequence


def test_a_phase_is_in_doubt_by_what_was_seen_in_it(tmp_path: Path) -> None:
    table = {
        "arrivals": {"smoke": [{"rate": 10, "for": "9s", "phase": "a"}, {"rate": 10, "for": "10s", "phase": "b"}]},
        "rules": ["p95(response_time{phase=a}) < 500ms", "p95(response_time{phase=b}) < 500ms"],
    }
    run = synthetic_run(tmp_path, table=table, answer=taking(0.4))
    found = conditions(monitored(run, machine__canary=lambda s: 0.0013 if s in (4, 5) else 0.001))["V9"]

    assert found.reach == ("p95(response_time{phase=a}) < 500ms",)
    assert [(one.longer, one.slower, one.phases) for one in found.doubts] == [
        (pytest.approx(1.3), pytest.approx(1.06), ("a",)),
        (1.0, 1.0, ("b",)),
    ]


@pytest.mark.parametrize(("used", "slower"), [(0.1, 1.03), (1.0, 1.3), (1.9, 1.3), (None, 1.3)])
def test_a_slow_machine_makes_rates_lower_only_while_the_run_computes(
    tmp_path: Path, used: float | None, slower: float
) -> None:
    table = {"arrivals": {"smoke": [{"rate": 10, "for": "9s", "phase": "a"}, {"rate": 10, "for": "20s", "phase": "b"}]}}
    values: dict[str, Any] = {"machine__canary": lambda s: 0.0013 if s < 10 else 0.001}
    if used is not None:
        values |= {
            f"{what}__cpu": lambda s, share=share: used * share
            for what, share in (("target", 0.5), ("postgres", 0.3), ("generator", 0.2))
        }
    found = conditions(monitored(synthetic_run(tmp_path, table=table), **values))["V9"]

    assert found.doubts[0].slower == pytest.approx(slower)


@pytest.mark.parametrize(
    ("idle", "used", "state", "said"),
    [
        (0.001, 0.0, "ok", "at p50 it took 1 times as long as the idle machine and what the run used explain"),
        (0.00067, 0.0, "ok", "at p50 it took 1.49 times"),
        (0.00066, 0.0, "warning", "at p50 it took 1.52 times"),
        # Half of the cores are the run's own: half as much again is its own doing.
        (0.00066, 1.0, "ok", "at p50 it took 1.01 times"),
        (0.0004, 1.0, "warning", "at p50 it took 1.67 times"),
        (0.0005, 9.0, "ok", "at p50 it took 1 times"),
        (None, 0.0, "ok", "at p95"),
    ],
)
def test_what_is_slower_than_the_idle_machine_is_warned_of(
    idle: float | None, used: float, state: str, said: str, tmp_path: Path
) -> None:
    values = {"machine__canary": lambda s: 0.001, "machine__cores": lambda s: 2, "run__cpu": lambda s: used}
    found = conditions(monitored(synthetic_run(tmp_path, facts={"idle_canary": idle}), **values))["V9"]

    assert (found.state, said in found.value) == (state, True), found.value
    if state == "warning":
        assert found.doubts[0].longer == pytest.approx(0.001 / ((idle or 1) * (1 + used / 2)))


def test_a_constant_slowness_is_none(tmp_path: Path) -> None:
    assert conditions(monitored(synthetic_run(tmp_path), machine__canary=lambda s: 0.01))["V9"].state == "ok"


def test_what_the_monitor_saw_before_and_after_the_load_does_not_count(tmp_path: Path) -> None:
    run = monitored(synthetic_run(tmp_path), machine__steal=lambda s: 0.0)
    path = run.folder / "monitor.jsonl"
    path.write_text(f'{{"at": {BEGAN - 10**9}, "machine.steal": 1}}\n' + path.read_text())
    bind(run)

    assert conditions(run)["V9"].state == "ok"


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ({"ours": True, "url": "http://10.0.0.1"}, "they do"),
        ({"ours": False, "url": "http://127.0.0.1:80"}, "they do"),
        ({"ours": False, "url": "http://[::1]:80/x"}, "they do"),
        ({"ours": False, "url": "https://example.org"}, "the target is elsewhere"),
    ],
)
def test_whether_generator_and_target_share_a_machine_is_declared(
    tmp_path: Path, target: dict[str, Any], said: str
) -> None:
    found = conditions(synthetic_run(tmp_path, facts={"target": target}))["V10"]

    assert (found.state, found.value.startswith(said)) == ("ok", True)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b'"scenario": "sustained"', b'"scenario": "sustainer"', "put on messages sustainer, not messages sustained"),
        (b'"system": "messages"', b'"system": "massages"', "put on massages sustained"),
        (b'"arrivals": 180', b'"arrivals": 181', "the load processes had 181 arrivals, the plan has 180"),
    ],
)
def test_a_load_of_another_plan_is_not_that_of_this_one(tmp_path: Path, old: bytes, new: bytes, said: str) -> None:
    run = synthetic_run(tmp_path)
    path = run.folder / "journal-0.bin"
    path.write_bytes(path.read_bytes().replace(old, new, 1))

    found = conditions(run)["V11"]
    assert (found.state, said in found.value) == ("broken", True), found.value


def test_files_that_differ_from_the_commit_are_told(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, facts={"git": {"commit": "0123456789abcdef", "dirty": True}})

    assert conditions(run)["V11"].value == "it was, by commit 0123456789ab, with files that differ from it"


def test_a_load_that_a_rule_ended_is_judged_by_what_was_until_then(tmp_path: Path) -> None:
    run = synthetic_run(
        tmp_path,
        dropped=150,
        load={"finished": False, "ended_by": "SIGINT"},
        facts={"aborted": {"rule": "ratio(errors) < 1%", "at": 2.5, "said": "…"}},
    )
    path = run.folder / "health-0.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:4]))
    bind(run)
    found = conditions(run)

    assert set(unmet(found).values()) == {"not applicable"}
    assert found["V1"].value == "30 of 30 planned arrivals were begun (100 %)"
    assert "a rule ended the load after 2.5 s" in found["V12"].value


@pytest.mark.parametrize(
    ("asked", "is_broken"),
    [
        ({"dropped": 1}, False),  # 99.4 % were begun
        ({"lags_us": [10_000] * 50}, False),
        ({"lags_us": [100] * 199 + [250_000]}, False),
        ({"answer": lambda p, k, s: EXPECTED[k] if p < 99 else Answer(Outcome.UNKNOWN, 503)}, False),
    ],
)
def test_exactly_the_limit_is_valid(tmp_path: Path, asked: dict[str, Any], is_broken: bool) -> None:
    assert bool(broken(synthetic_run(tmp_path, **asked))) is is_broken


def test_arrivals_that_the_target_held_up_are_not_the_generators_fault(tmp_path: Path) -> None:
    held_up = conditions(synthetic_run(tmp_path / "target", dropped=90, lag_s=2.0, waited_s=1.9))
    ours = conditions(synthetic_run(tmp_path / "ours", dropped=90, lag_s=0.2, waited_s=0.1))

    assert held_up["V1"].state == "ok"
    assert "the target held all users up" in held_up["V1"].value
    assert ours["V1"].state == "broken"


def test_a_load_that_a_rule_ended_may_have_met_nothing_but_server_errors(tmp_path: Path) -> None:
    run = synthetic_run(
        tmp_path,
        dropped=150,
        table={"mix": {"process": 1}},
        answer=lambda p, k, s: Answer(Outcome.UNKNOWN, 500),
        load={"finished": False, "ended_by": "SIGINT"},
        facts={"aborted": {"rule": "ratio(errors) < 1%", "at": 2.5, "said": "…"}},
    )

    assert broken(run) == []


def test_a_phase_or_a_kind_without_data_is_named(tmp_path: Path) -> None:
    stages = [{"rate": 12, "for": "15s"}, {"rate": 10, "for": "1s", "phase": "last"}]
    run = synthetic_run(
        tmp_path, table={"arrivals": {"smoke": stages}}, dropped=10, kinds=["process", "b", "c", "d", "e", "f"]
    )

    assert conditions(run)["V12"].value == (
        "nothing of phase 'last', operation 'repeat', operation 'conflict', operation 'stranger', operation 'race', "
        "operation 'later'"
    )


def test_a_rule_without_data_is_named(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, table={"rules": ["count(backlog) == 0"]}, with_effects=False)

    assert conditions(run)["V12"].value == "nothing of rule count(backlog) == 0"


def test_health_that_stops_is_no_health(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path)
    path = run.folder / "health-0.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:9]))
    bind(run)

    assert conditions(run)["V2"].value == "load process 0 said nothing of its health for 7.5 s"


def test_the_last_line_of_health_may_be_torn(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path)
    path = run.folder / "health-0.jsonl"
    path.write_text(path.read_text()[:-20])
    bind(run)

    assert broken(run) == []


def test_any_other_torn_line_is_damage(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path)
    path = run.folder / "health-0.jsonl"
    path.write_text("{\n" + path.read_text())
    bind(run)

    with pytest.raises(RunError, match=r"health-0\.jsonl:1: not JSON"):
        gather(run.folder)


def test_the_slowest_loop_of_several_processes_counts(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path)
    header = {**journal.read(run.folder / "journal-0.bin").header, "worker": 1, "arrivals": 0, "began": BEGAN}
    journal.Journal(run.folder / "journal-1.bin", header).close()
    lines = [json.loads(line) for line in (run.folder / "health-0.jsonl").read_text().splitlines()]
    slow = [{**line, "lags_us": [30_000] * 50, "flying": [0] * 50} for line in lines]
    (run.folder / "health-1.jsonl").write_text("\n".join(map(json.dumps, slow)) + "\n")
    bind(run)

    assert broken(run) == ["V2"]


def test_a_journal_of_another_run_is_refused(tmp_path: Path) -> None:
    run, other = synthetic_run(tmp_path / "one"), synthetic_run(tmp_path / "other")
    (other.folder / "journal-0.bin").replace(run.folder / "journal-0.bin")
    bind(run)

    with pytest.raises(JournalError, match=r"expected run .* as in run\.json"):
        gather(run.folder)


STAGES = [
    {"rate": 10, "for": "10s", "phase": "one"},
    {"pause": "1s"},
    {"pause": "2s", "scale": {"deliver": 4}},
    {"rate": 40, "for": "5s", "phase": "four"},
]
TABLE = {"arrivals": {"smoke": STAGES}, "service": {"deliver": {"processes": 1}}, "rules": ["ratio(errors) < 1%"]}


@pytest.mark.parametrize(
    ("facts", "value"),
    [
        ({"scaling": [{"service": "deliver", "processes": 4, "planned": 11.0, "done": 13.0}]}, None),
        ({"scaling": [{"service": "deliver", "processes": 4, "planned": 11.2, "done": 12.0}]}, None),
        (
            {"scaling": [{"service": "deliver", "processes": 4, "planned": 11.0, "done": 13.5}]},
            "4 processes of deliver were reached 500 ms after their load",
        ),
        (
            {"scaling": [{"service": "deliver", "processes": 4, "planned": 11.0, "done": None}]},
            "4 processes of deliver were never reached",
        ),
        (
            {"scaling": [{"service": "deliver", "processes": 3, "planned": 11.0, "done": 12.0}]},
            "4 processes of deliver were never reached",
        ),
        ({"scaling": []}, "4 processes of deliver were never reached"),
        ({}, "4 processes of deliver were never reached"),
        (
            {
                "scaling": [{"service": "deliver", "processes": 4, "planned": 11.0, "done": 12.0}],
                "scaling_failed": "no such command",
            },
            "scaling failed: no such command",
        ),
    ],
)
def test_workers_must_be_there_before_their_load(tmp_path: Path, facts: dict[str, Any], value: str | None) -> None:
    run = synthetic_run(tmp_path, table=TABLE, facts=facts)

    found = conditions(run)["SCALED"]

    assert found.state == ("ok" if value is None else "broken")
    assert value is None or value in found.value


def test_nothing_is_scaled_where_the_plan_does_not_ask_for_it(tmp_path: Path) -> None:
    assert "SCALED" not in conditions(synthetic_run(tmp_path))


def test_statuses_do_not_apply_where_no_load_process_went_over_http(tmp_path: Path) -> None:
    def answer(place: int, kind: str, sched: float) -> Answer:
        return replace(EXPECTED[kind], status=0)

    alone = {"mix": {"process": 1}}
    elsewhere = conditions(synthetic_run(tmp_path / "sql", answer=answer, http=False, table=alone))["STATUSES"]
    silent = conditions(synthetic_run(tmp_path / "http", answer=answer, table=alone))["STATUSES"]

    assert (elsewhere.state, elsewhere.value) == (ValidityState.NOT_APPLICABLE, "its answers have no HTTP status")
    assert (silent.state, silent.value) == (ValidityState.BROKEN, "no answer below 500 had a status")


@pytest.mark.parametrize(
    "facts",
    [
        {"target": {"ours": False, "url": "http://127.0.0.1:8000"}},
        {"database": {"ours": False, "url": "postgresql://***@localhost/x"}},
        {"database": {"ours": False, "url": "postgresql:///x"}},
    ],
)
def test_a_target_or_database_of_the_users_on_this_machine_is_not_taken_for_others(
    tmp_path: Path, facts: dict[str, Any]
) -> None:
    found = conditions(monitored(synthetic_run(tmp_path, facts=facts), **CROWDED))["V9"]

    assert (found.state, "not of this run" in found.value) == ("ok", False)


def test_a_monitor_that_died_is_told(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, facts={"monitor": {"died": True}})

    assert (warned(run), broken(run)) == (["MONITOR"], [])
    assert conditions(run)["MONITOR"].value == "the monitor ended before the load did: see monitor.log"


def test_a_monitor_that_was_silent_is_told(tmp_path: Path) -> None:
    run = monitored(synthetic_run(tmp_path), machine__canary=lambda s: 0.001)
    path = run.folder / "monitor.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:4]))

    found = conditions(bind(run))["MONITOR"]

    assert (found.state, found.value) == ("warning", "the monitor took no sample for 12 s")


def test_a_rule_on_a_resource_needs_the_monitor_all_the_time(tmp_path: Path) -> None:
    table = {"rules": ["max(resource.target.rss) < 1GB", "ratio(errors) < 1%"]}
    run = synthetic_run(tmp_path, table=table, facts={"monitor": {"died": True}})
    found = conditions(monitored(run, target__rss=lambda s: 1e8))["MONITOR"]

    assert found.state == "broken"
    assert found.value.endswith("max(resource.target.rss) < 1GB rests on its samples")


@pytest.mark.parametrize("status", [429, 503])
def test_what_most_answers_were_instead_is_named(tmp_path: Path, status: int) -> None:
    def answer(place: int, kind: str, sched: float) -> Answer:
        return EXPECTED[kind] if place < 20 else Answer(Outcome.UNKNOWN, status)

    run = synthetic_run(tmp_path, answer=answer, table={"mix": {"process": 1}})
    found = conditions(run)

    assert found["SUCCESSES"].value.endswith(f"; of the others most often {status}, 160 times")
    assert status == 503 or found["STATUSES"].value.endswith(", most often 429, 160 times")


def test_a_target_that_never_answers_is_named_by_how(tmp_path: Path) -> None:
    refused = Answer(Outcome.NOT_SENT, 0, 0.001, Failure.CONNECT_REFUSED)
    run = synthetic_run(tmp_path, answer=lambda place, kind, sched: refused, table={"mix": {"process": 1}})

    assert conditions(run)["STATUSES"].value.endswith("; most often CONNECT_REFUSED, 180 times")


def test_a_run_of_refusals_only_is_invalid_though_each_may_be(tmp_path: Path) -> None:
    def answer(place: int, kind: str, sched: float) -> Answer:
        return Answer(Outcome.REJECT, 409)

    run = synthetic_run(tmp_path, answer=answer, table={"mix": {"process": 1}})
    may_be = {"process": ["ACK", "REJECT"]}
    found = conditions(Run(run.folder, {**run.facts, "plan": {**run.facts["plan"], "expected": may_be}}))["SUCCESSES"]

    assert found.state == "broken"
    assert "only 0 of the 180 that leave something were done" in found.value
    assert "[contract]" in found.advice


def test_a_kind_that_is_never_done_is_named(tmp_path: Path) -> None:
    def answer(place: int, kind: str, sched: float) -> Answer:
        return Answer(Outcome.REJECT, 409) if kind == "later" else EXPECTED[kind]

    table = {"mix": {"process": 5, "later": 1}, "validity": {"min_successes": 50}}
    found = conditions(synthetic_run(tmp_path, answer=answer, table=table))["SUCCESSES"]

    assert found.state == "broken"
    assert found.value.endswith("; no later was ever done")


def test_the_first_answer_that_was_not_understood_is_shown_whole(tmp_path: Path) -> None:
    def answer(place: int, kind: str, sched: float) -> Answer:
        return EXPECTED[kind] if place < 20 else Answer(Outcome.UNKNOWN, 422)

    run = synthetic_run(tmp_path, answer=answer, table={"mix": {"process": 1}})
    (run.folder / UNREAD.format(0)).write_text('process k-1: 422 {"error": "userId is missing"}')
    binding.seal(run)

    assert conditions(run)["STATUSES"].value.endswith(
        "; 160 of 180 answers were not understood, which makes [contract] the suspect; the first: "
        'process k-1: 422 {"error": "userId is missing"}'
    )
