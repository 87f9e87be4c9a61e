"""Scaling as a shape: numbers of users or processes one after the other; what is none is refused."""

from pathlib import Path

import pytest

from harness.errors import PlanError
from harness.plan import reading
from harness.plan.overrides import Overrides
from harness.plan.scenario import Scenario

HEAD = """
system = "messages"
[scenario.own]
users = { MessageSender = 1 }
rules = ["ratio(errors) < 1%", "value(efficiency) >= 80%"]
"""


def found(folder: Path, text: str) -> Scenario:
    path = folder / "own.toml"
    path.write_text(HEAD + text)
    return reading.find("own", "smoke", path)


def test_numbers_of_users(tmp_path: Path) -> None:
    scenario = found(tmp_path, 'think = "100ms"\nscaling = { users = [1, 2, 4, 8], for = "10s" }')

    assert [(s.phase, s.users, s.seconds) for s in scenario.stages] == [
        ("1-users", 1, 10),
        ("2-users", 2, 10),
        ("4-users", 4, 10),
        ("8-users", 8, 10),
    ]
    assert (scenario.max_users, scenario.open, scenario.scaling) == (8, False, True)


@pytest.mark.parametrize("service", ["deliver", "api"])
def test_numbers_of_processes_are_offered_as_much_each(tmp_path: Path, service: str) -> None:
    scenario = found(
        tmp_path, f'max_users = 50\nscaling = {{ {service} = [1, 2], rate = 10, for = "5s", settle = "2s" }}'
    )

    assert [(s.phase, s.seconds, s.end_rate, dict(s.scale)) for s in scenario.stages] == [
        ("pause", 2, 0, {service: 1}),
        (f"1-{service}", 5, 10, {}),
        ("pause", 2, 0, {service: 2}),
        (f"2-{service}", 5, 20, {}),
        ("pause", 2, 0, {}),
    ]
    assert (scenario.open, scenario.scaling) == (True, True)


def test_any_scenario_can_be_scaled(tmp_path: Path) -> None:
    entry = {"deliver": [1, 2, 4], "rate": 20, "for": "5s"}
    scenario = reading.find("peak", "smoke", None, Overrides({"scaling": entry}))

    assert scenario.left_out == ("p95(response_time{phase=peak}) < 500ms", "max(response_time{phase=burst}) < 2s")
    assert "p95(response_time{phase!=burst}) < 500ms" in [rule.text for rule in scenario.rules]
    assert [stage.phase for stage in scenario.stages if stage.loads] == ["1-deliver", "2-deliver", "4-deliver"]


def test_a_search_takes_the_place_of_scaling(tmp_path: Path) -> None:
    text = 'max_users = 5\nscaling = { deliver = [1, 2], rate = 10, for = "5s" }\n'

    scenario = found(tmp_path, text + 'search = { from = 50, to = 500, for = "20s" }')

    assert scenario.search is not None
    assert not scenario.scaling
    assert scenario.left_out == ("value(efficiency) >= 80%",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('scaling = { users = [1], for = "5s" }', "expected two whole numbers or more, in ascending order"),
        ('scaling = { users = [2, 1], for = "5s" }', "in ascending order"),
        ('scaling = { users = [1, 1], for = "5s" }', "in ascending order"),
        ('scaling = { users = [0, 1], for = "5s" }', "two whole numbers or more"),
        ('scaling = { users = [1, true], for = "5s" }', "two whole numbers or more"),
        ('scaling = { users = 4, for = "5s" }', "two whole numbers or more"),
        ("scaling = { users = [1, 2] }", "scaling lacks 'for'"),
        ('scaling = { users = [1, 2], for = "5s", rate = 5 }', "unknown key 'rate'"),
        ('scaling = { deliver = [1, 2], for = "5s" }', "scaling lacks 'rate'"),
        ('scaling = { delivre = [1, 2], for = "5s" }', "unknown 'delivre'; did you mean 'deliver'"),
        ('scaling = { for = "5s" }', "expected one of users, api, deliver"),
        ('scaling = { users = [1, 2], deliver = [1, 2], for = "5s" }', "expected one of users, api, deliver"),
        ("scaling = 5", "scaling = 5: expected a table"),
        ('rounds = true\nscaling = { users = [1, 2], for = "5s" }', "rounds: a scaling says itself"),
    ],
)
def test_what_is_no_scaling_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PlanError) as refused:
        found(tmp_path, text)
    assert said in str(refused.value)


@pytest.mark.parametrize("changes", [{"duration": "5s"}, {"vus": "5"}])
def test_what_it_says_itself_is_not_set_otherwise(tmp_path: Path, changes: dict[str, str]) -> None:
    path = tmp_path / "own.toml"
    path.write_text(HEAD + 'scaling = { users = [1, 2], for = "5s" }')
    with pytest.raises(PlanError, match="a scaling has its own"):
        reading.find("own", "smoke", path, Overrides(**changes))  # type: ignore[arg-type]
