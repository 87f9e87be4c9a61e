"""The examples of docs/plans.md that are whole scenarios can be planned as they stand."""

import re
from pathlib import Path

import pytest

from harness import refusal
from harness.plan import plans, reading
from harness.plan.scenario import Scenario
from harness.plan.text import describe
from harness.settings import ROOT, Settings
from harness.stack.variant import Variant

PAGE = (ROOT / "docs" / "plans.md").read_text(encoding="utf-8")


def example(section: str, folder: Path, profile: str = "ci") -> Scenario:
    """The first scenario that the section shows, of the messages."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    shown = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[0]
    path = folder / "shown.toml"
    path.write_text(f'system = "messages"\n{shown}')
    (name,) = plans.read(path)[0]["scenario"]
    return reading.find(name, profile, path)


def test_the_search(tmp_path: Path) -> None:
    scenario = example("Search", tmp_path)

    assert scenario.search is not None
    assert (scenario.search.start, scenario.search.to, scenario.search.seconds) == (50, 5000, 20)
    assert "at most 22 steps" in describe(scenario, Settings())


def test_the_scaling(tmp_path: Path) -> None:
    scenario = example("Scaling", tmp_path)

    assert [stage.phase for stage in scenario.stages if stage.loads] == [f"{n}-deliver" for n in (1, 2, 4, 8)]
    assert "too short to prove" not in describe(scenario, Settings())


def test_the_soak(tmp_path: Path) -> None:
    soak = example("Soak", tmp_path, "soak")

    assert [rule.aggregate for rule in soak.rules].count("slope") == 3
    assert "too short to prove" not in describe(soak, Settings())


def test_the_disturbance(tmp_path: Path) -> None:
    scenario = example("Disturbances", tmp_path)

    assert [one.text for one in scenario.disturbances] == ["kill target"]
    assert "kill target" in describe(scenario, Settings())
    refusal.refuse(scenario, Settings(), Variant())


@pytest.mark.parametrize("section", ["Search", "Scaling", "Soak", "Disturbances"])
def test_what_a_section_explains_it_explains_in_few_lines(section: str) -> None:
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    prose = re.sub(r"```toml\n.*?```", "", text, flags=re.DOTALL)
    assert len([line for line in prose.splitlines() if line]) <= 12
