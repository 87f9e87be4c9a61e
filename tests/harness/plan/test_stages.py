"""Stages: bounded by time or by a number of requests, and what scales services; what can't be is refused."""

import math
from pathlib import Path

import pytest

from harness.errors import PlanError
from harness.plan import reading
from harness.plan.scenario import Scenario

HEAD = 'system = "messages"\n[scenario.own]\nusers = { MessageSender = 1 }\nrules = ["ratio(errors) < 1%"]\n'


def found(folder: Path, text: str) -> Scenario:
    path = folder / "own.toml"
    path.write_text(HEAD + text)
    return reading.find("own", "smoke", path)


def test_a_number_of_requests_bounds_the_last_stage(tmp_path: Path) -> None:
    scenario = found(
        tmp_path, 'stages.smoke = [{ users = 10, for = "5s", phase = "warm-up" }, { users = 100, requests = 1000 }]\n'
    )
    assert scenario.requests == 1000
    assert scenario.operations == math.inf  # those of the warm-up are not bounded
    assert [stage.seconds for stage in scenario.stages] == [5.0, 600.0]
    assert found(tmp_path, "stages.smoke = [{ users = 100, requests = 1000 }]\n").operations == 1000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'stages.smoke = [{ users = 10, requests = 5 }, { users = 10, for = "5s" }]',
            "expected it in the last stage only",
        ),
        ("stages.smoke = [{ users = 10, requests = -1 }]", "a whole number of at least 0"),
        ("stages.smoke = [{ users = 10 }]", "lacks 'for'"),
        ("rounds = true\nstages.smoke = [{ users = 10, requests = 5 }]", "rounds need users who all meet"),
        ("stages.smoke = []", "expected a list of stages"),
        ("stages.smoke = 5", "expected a list of stages"),
        ("stages = 5", "expected a table"),
        (
            'max_users = 5\narrivals.smoke = [{ rate = 5, for = "5s", scale = { delivre = 2 } }]',
            "unknown service 'delivre'; did you mean 'deliver'",
        ),
        (
            'max_users = 5\narrivals.smoke = [{ rate = 5, for = "5s", scale = { api = 2 } }]',
            "api starts all its processes itself, and is started again for another number: expected that in a pause",
        ),
    ],
)
def test_what_can_not_be_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PlanError) as caught:
        found(tmp_path, f"{text}\n")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("service.api = { processes = -1 }", "expected a whole number of at least 0"),
        ('service.api = { ready = "health" }', "a method and a path"),
        ('service.deliver = { ready = "GET /" }', "its start names no {port}"),
        ("service.api = { speed = 5 }", "unknown key 'speed'"),
        ("service.nobody = { processes = 1 }", "unknown service 'nobody'; known: api, deliver"),
        ('service.deliver = { start = "run {speed}" }', "start names {speed}"),
        ("pool = { users = 0 }", "expected a whole number above 0"),
        ("pool = { people = 5 }", "unknown size 'people'"),
        ("pool = { users = { ci = 5 } }", "unknown profile 'smoke'; known: ci"),
    ],
)
def test_services_and_pool_are_checked(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PlanError) as caught:
        found(tmp_path, f'max_users = 5\narrivals.smoke = [{{ rate = 5, for = "5s" }}]\n{text}\n')
    assert said in str(caught.value)


def test_effects_may_come_later_than_the_facts_say(tmp_path: Path) -> None:
    plan = 'max_users = 5\narrivals.smoke = [{ rate = 5, for = "5s" }]\n'
    assert found(tmp_path, plan).eventual == 0
    assert found(tmp_path, plan + 'eventual = "3s"\n').eventual == 3


def test_a_pool_may_differ_by_profile(tmp_path: Path) -> None:
    plan = 'max_users = 5\narrivals.smoke = [{ rate = 5, for = "5s" }]\npool = { users = { smoke = 50, ci = 500 } }\n'
    assert found(tmp_path, plan).pool == {"users": 50, "strangers": 1000}
