"""Each condition of validity holds in a sound run, and has a run that breaks it and it alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.outcomes import Failure, Outcome
from harness.verdict import ValidityState
from reports.samples.evidence import gather
from reports.validity.result import ValidityResult
from reports.validity.steady import steady
from tests.support.synthetic_run import EXPECTED, Answer, Answering, bind, synthetic_run, taking
from tests.support.validity_runs import broken, conditions

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


def unmet(found: dict[str, ValidityResult]) -> dict[str, str]:
    return {one.id: one.state for one in found.values() if one.state is not ValidityState.OK}


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
        (
            {
                "answer": lambda p, k, s: EXPECTED[k] if p < 100 else Answer(Outcome.UNKNOWN, 503),
                "table": {"mix": {"process": 1}},
            },
            False,
        ),
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
