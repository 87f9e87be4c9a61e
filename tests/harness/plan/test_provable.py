"""A plan says which of its rules it is too short to prove, and what it says is what the intervals need."""

import math
from pathlib import Path

import numpy as np
import pytest

from harness.plan import plans, provable, reading, sample_sizes
from harness.plan.rules import BLOCKER
from harness.plan.scenario import Scenario
from harness.plan.text import describe
from harness.settings import Settings
from reports.statistics import confidence
from reports.statistics.confidence import wilson
from reports.statistics.ranked import Ranked

PLAN = """\
system = "messages"

[scenario.test]
purpose = "for tests"
users = {{ MessageSender = 1 }}
max_users = 10
mix = {{ process = 9, repeat = 1 }}
arrivals.{profile} = [
    {{ rate = 10, for = "{seconds}s", phase = "first" }},
    {{ pause = "100s" }},
    {{ rate = 20, for = "10s", phase = "second" }},
    {{ rate = 100, for = "10s", phase = "warm-up" }},
]
rules = [{rules}]
"""
CROWD = """\
system = "authorizations"

[scenario.test]
purpose = "for tests"
users = {{ Contender = 1 }}
{pace}
stages.ci = [{{ users = 20, for = "{seconds}s" }}]
rules = [{rules}]
"""
GATED = "count(errors) == 0"


def plan(folder: Path, *rules: str, seconds: float = 5, profile: str = "ci") -> Scenario:
    quoted = ", ".join(rule if rule.startswith("{") else f'"{rule}"' for rule in (*rules, GATED))
    path = folder / "own.toml"
    path.write_text(PLAN.format(rules=quoted, seconds=seconds, profile=profile))
    return reading.find("test", profile, path)


def crowd(folder: Path, rule: str, pace: str, seconds: float) -> Scenario:
    path = folder / "own.toml"
    path.write_text(CROWD.format(rules=f'"{rule}", "{GATED}"', pace=pace, seconds=seconds))
    return reading.find("test", "ci", path)


def short(scenario: Scenario) -> list[str]:
    return [str(proof) for proof in provable.proofs(scenario) if proof.short]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        # 5 s of 10 a second and 10 s of 20: 250 operations, and 50 in the first phase.
        ("p95(response_time) < 1s", ""),
        ("p95(response_time{phase=first}) < 1s", "50 operations at most, and it takes 98 (5 s more)"),
        ("p95(response_time{phase=second}) < 1s", ""),
        ("p95(response_time{op=repeat}) < 1s", "25 operations at most, and it takes 59 (21 s more)"),
        ("p5(response_time) > 1ms", ""),
        ("p95(response_time{phase=first}) > 1ms", "50 operations at most, and it takes 98 (5 s more)"),
        ("p99(response_time) < 1s", "250 operations at most, and it takes 507 (16 s more)"),
        ("p99.9(end_to_end) < 1s", "250 operations at most, and it takes 5,113"),
        ("mean(lag{phase=first,op=repeat}) < 1s", "5 operations at most, and it takes 20 (15 s more)"),
        ("max(response_time) < 1s", ""),
        ("p100(response_time) < 1s", ""),
        ("ratio(errors) < 2%", ""),
        ("ratio(errors) < 1%", "250 operations at most, and it takes 381 (8 s more)"),
        ("rate(errors{phase=first}) < 1/s", ""),
        ("rate(errors{phase=first}) < 0.5/s", "50 operations at most, and it takes 73 (3 s more)"),
        ("rate(goodput{phase=first}) >= 95% of offered", "50 operations at most, and it takes 73 (3 s more)"),
        ("rate(goodput) >= 95% of offered", ""),
        ("rate(goodput{phase=second}) >= 19/s", ""),
        ("rate(goodput{phase=first}) >= 20/s", ""),
        ("count(errors) < 5", ""),
        ("ratio(dropped) < 0.01%", ""),
        ("rate(throughput) >= 99/s", ""),
        ("rate(delivered) >= 99/s", ""),
        ("p95(response_time) < 1s for 3s", ""),
        ("p95(response_time) < 1s in 90% of 1s windows", "15 windows at most, and it takes 47 (32 s more)"),
        ("p95(response_time) < 1s in 100% of 1s windows", ""),
        ('{ rule = "p99(response_time) < 1s", severity = "info" }', ""),
        ('{ rule = "p99(response_time) < 1s", severity = "major" }', "250 operations at most"),
    ],
)
def test_a_rule_that_can_not_be_proven_is_named_with_what_it_lacks(tmp_path: Path, rule: str, said: str) -> None:
    found = short(plan(tmp_path, rule))

    assert len(found) == bool(said)
    assert not said or said in found[0]


@pytest.mark.parametrize(
    ("rule", "pace", "seconds", "said"),
    [
        ("p95(response_time) < 1s", 'think = "1s"', 30, ""),
        ("p99(response_time) < 1s", 'think = "2s"', 30, "303 operations at most, and it takes 507"),
        ("p99(response_time) < 1s", 'think = "2s"', 60, ""),
        # Of a round one operation counts.
        (
            "p95(response_time) < 1s",
            'think = "1s"\nrounds = true',
            30,
            "30 rounds at most, and it takes 59 (29 s more)",
        ),
        ("p95(response_time) < 1s", 'think = "1s"\nrounds = true', 60, ""),
        ("ratio(errors) < 1%", 'think = "1s"\nrounds = true', 30, ""),
        ("rate(requests) >= 99/s", 'think = "1s"', 5, ""),
    ],
)
def test_users_at_their_own_pace_do_so_much_at_most(
    tmp_path: Path, rule: str, pace: str, seconds: float, said: str
) -> None:
    found = short(crowd(tmp_path, rule, pace, seconds))

    assert len(found) == bool(said)
    assert not said or said in found[0]


def test_a_capacity_lacks_what_the_rules_lack_in_its_steps(tmp_path: Path) -> None:
    rules = ["value(capacity) >= 20/s", "p95(response_time) < 1s", "ratio(errors{phase=second}) < 5%"]

    (said,) = short(plan(tmp_path, *rules))
    assert said == (
        "value(capacity) >= 20/s: 50 operations in first for p95(response_time) < 1s at most, and it takes 98 "
        "(5 s more)"
    )
    assert short(plan(tmp_path, *rules, seconds=10)) == []


def test_the_dry_run_lists_them(tmp_path: Path) -> None:
    rule = "p99(response_time) < 1s"
    lines = describe(plan(tmp_path, rule), Settings()).splitlines()
    at = lines.index("too short to prove")

    assert lines[at + 1] == f"  {rule}: 250 operations at most, and it takes 507 (16 s more)"
    assert "too short" not in describe(plan(tmp_path, rule, seconds=60), Settings())
    assert "a smoke run is not asked to prove its rules" in describe(plan(tmp_path, rule, profile="smoke"), Settings())


SHIPPED = [name for path in plans.files() for name in plans.scenarios(path.stem)]


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_profiles_are_long_enough(name: str) -> None:
    ci, full = (list(provable.proofs(reading.find(name, profile))) for profile in ("ci", "full"))

    assert [str(proof) for proof in (*ci, *full) if proof.short] == []
    # Half as many again: the operations of a run are never all independent.
    assert [str(proof) for proof in ci if proof.planned < 1.5 * proof.needed] == []
    # A search takes as long as its answers say.
    assert reading.find(name, "ci").search or reading.find(name, "ci").seconds <= 180


@pytest.mark.parametrize("q", [0.5, 0.9, 0.95, 0.99, 0.999])
def test_so_many_give_a_quantile_an_upper_end(q: float) -> None:
    def high(number: int) -> float:
        return confidence.quantile(np.zeros(number), Ranked(np.zeros(number)), q).high

    least = max(sample_sizes.quantile(q), sample_sizes.LEAST)
    assert (high(least), high(least - 1)) == (0.0, math.inf)


@pytest.mark.parametrize("limit", [0.001, 0.01, 0.02, 0.5])
def test_so_many_prove_a_share(limit: float) -> None:
    least = sample_sizes.share(limit, True)

    assert sample_sizes.share(1 - limit, False) == least
    assert wilson(0.0, least)[1] < limit <= wilson(0.0, least - 1)[1]
    assert wilson(1.0, least)[0] > 1 - limit >= wilson(1.0, least - 1)[0]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_scenario_limits_errors_that_come_together(name: str) -> None:
    for profile in ("smoke", "ci", "full"):
        rules = reading.find(name, profile).rules

        assert [rule for rule in rules if rule.metric == "errors" and rule.window and rule.severity == BLOCKER]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_scenario_whose_effects_come_later_limits_how_late(name: str) -> None:
    scenario = reading.find(name, "ci")
    late = len(scenario.points) > 1

    assert late == any(rule.metric == "end_to_end" and rule.severity == BLOCKER for rule in scenario.rules)
