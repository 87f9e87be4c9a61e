"""Runs of the authorizations from outside: a clean target is GO whatever its strategy, and each fault is caught."""

import json
from pathlib import Path

import pytest

from harness.plan import reading
from harness.plan.scenario import Scenario
from harness.stack.postgres import Postgres
from harness.stack.services import KEY
from harness.stack.variant import Variant
from harness.verdict import CheckState
from target.authorizations.strategies import STRATEGIES
from tests.support.in_process import refused
from tests.support.judged import judged, scenario_of
from tests.support.pipeline_process import Pipeline
from tests.support.plans import varied

PLAN = """
system = "authorizations"
title = "Authorizations, shortly"

[scenario.short]
purpose = "a crowd at few authorizations"
users = { Clinic = 1 }
think = "50ms"
stages.smoke = [{ users = 40, for = "2s" }]
validity = { loop_lag = "30s", loop_gap = "1m" }
rules = ["ratio(errors) < 1%", "p95(response_time) < 5s"]

[scenario.short-rounds]
purpose = "some rounds"
users = { Contender = 1 }
rounds = true
think = "20ms"
mix = { reserve = 86, release = 9, consume = 1, repeat = 1, reuse = 1, stranger = 1, forged = 1, race = 1 }
stages.smoke = [{ users = 50, for = "3s" }]
validity = { loop_lag = "30s", loop_gap = "1m" }
rules = ["ratio(errors) < 1%", "p95(response_time) < 5s"]
"""

RIGHT = [name for name in STRATEGIES if name != "none_rc"]
# Enough of the rare kinds, also for a machine that does a third of what another does.
ROUNDS = {"stages": {"smoke": [{"users": 50, "for": "3s"}]}, "think": "20ms", "drain": "8s", "timeout": "8s"}
ROUNDS |= {
    "mix": {"reserve": 70, "release": 9, "consume": 3, "repeat": 4, "reuse": 3, "stranger": 3, "forged": 3, "race": 5}
}


@pytest.fixture
def pipeline(home: Path, tmp_path: Path) -> Pipeline:
    return Pipeline(home, tmp_path / "runs", PLAN)


@pytest.mark.usefixtures("nurseries")
@pytest.mark.parametrize("strategy", RIGHT)
@pytest.mark.parametrize(
    "scenario", [scenario_of("authorizations"), varied("high-contention", "smoke", ROUNDS)], ids=["mixed", "rounds"]
)
def test_a_clean_target_holds_every_check_by_every_strategy(
    scenario: Scenario, strategy: str, cluster: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, "5e3ded" * 11)
    found = judged(cluster, tmp_path, scenario, Variant(strategy=strategy))

    assert found.checks(CheckState.VIOLATED) == found.checks(CheckState.UNDECIDED) == set()
    assert ("ROUND" in found.checks(CheckState.HOLDS)) == scenario.rounds


@pytest.mark.usefixtures("nurseries")
def test_what_loses_updates_serves_more_than_there_is_in_a_round(
    cluster: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, "5e3ded" * 11)
    found = judged(cluster, tmp_path, varied("high-contention", "smoke", ROUNDS), Variant("none_rc"))

    assert found.checks(CheckState.VIOLATED) >= {"ROUND", "A2"}


@pytest.mark.usefixtures("nurseries")
def test_an_error_after_the_commit_misses_the_rule_not_the_data_and_tokens_are_for_nobody_else(
    cluster: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, "5e3ded" * 11)
    (tmp_path / "plan.toml").write_text(PLAN)
    short = reading.find("short", "smoke", tmp_path / "plan.toml")
    found = judged(cluster, tmp_path, short, Variant("fail_after_commit"))
    folder = found.run.folder

    assert "ratio(errors) < 1%" in {rule["text"] for rule in found.verdict["rules"] if rule["state"] != "PASS"}
    assert not found.checks(CheckState.VIOLATED) - {"A11"}
    assert found.run.read("integrity.json")["resolved"]["committed"] > 0
    path = folder / "fixtures" / "test-data.json"
    assert path.stat().st_mode & 0o077 == 0
    tokens = json.loads(path.read_text())["practitionerTokens"]
    for name in ("verdict.json", "run.json", "report.html", "load.log", "api.log"):
        assert tokens[0] not in (folder / name).read_text(), name


def test_several_processes_share_a_load_on_another_strategy_but_never_a_round(
    pipeline: Pipeline, capfd: pytest.CaptureFixture[str]
) -> None:
    rounds = ("run", "short-rounds", "--plan", str(pipeline.plan()), "--profile", "smoke")
    assert "one process" in refused(capfd, *rounds, environment=pipeline.environment(PERF_PROCESSES="2"))

    shared = pipeline.run("short", "--strategy", "for_update", PERF_PROCESSES="2")
    assert shared.code == 0, shared.out + shared.err
    assert shared.json("run.json")["target"]["strategy"] == "for_update"
    assert len(list(shared.folder.glob("journal-*.bin"))) == 2


def test_an_unknown_strategy_is_refused_with_those_there_are(
    pipeline: Pipeline, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ("run", "short", "--plan", str(pipeline.plan()), "--profile", "smoke", "--strategy", "hope")
    assert "serializable_update" in refused(capfd, *words, environment=pipeline.environment())
