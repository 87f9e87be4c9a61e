"""A machine that others use, or that is slower than when idle, is warned of; what is ours is not."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.synthetic_run import BEGAN, bind, synthetic_run, taking
from tests.support.validity_runs import CROWDED, conditions, monitored

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
        (CROWDED, "warning", "the cores were 100 % busy, of which this run had 0.3 of 2 cores"),
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
