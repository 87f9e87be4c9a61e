"""What a plan states by profile, and how many effects it says that its stages have."""

from pathlib import Path

import pytest

from harness.errors import PlanError
from harness.plan import reading
from harness.plan.scenario import Scenario
from harness.plan.text import describe
from harness.settings import Settings
from tests.support.plans import varied

RULES = ["ratio(errors) < 1%"]
HEAD = 'system = "messages"\n[scenario.own]\nusers = { MessageSender = 1 }\nrules = ["ratio(errors) < 1%"]\n'


def found(folder: Path, text: str, profile: str) -> Scenario:
    path = folder / "own.toml"
    path.write_text(HEAD + text)
    return reading.find("own", profile, path)


def test_users_may_pause_as_long_as_their_profile_says(tmp_path: Path) -> None:
    text = 'think = { smoke = "1s", ci = "0s" }\nstages.smoke = [{ users = 2, for = "5s" }]\n'
    text += 'stages.ci = [{ users = 2, for = "5s" }]\nstages.full = [{ users = 2, for = "5s" }]\n'

    assert found(tmp_path, text, "smoke").think_seconds == 1.0
    assert found(tmp_path, text, "ci").think_seconds == 0.0
    with pytest.raises(PlanError, match=r"own\.toml:\d+: .*unknown profile 'full'"):
        found(tmp_path, text, "full")


def test_a_plan_says_how_many_effects_its_stages_have_where_an_operation_has_several() -> None:
    stages = {"smoke": [{"users": 10, "for": "5s"}]}
    paced = varied("orchestrator-load", "smoke", {"stages": stages, "think": "2s", "mix": {"bulk": 1}, "rules": RULES})
    open_ = varied(
        "orchestrator-load",
        "smoke",
        {
            "stages": None,
            "think": None,
            "arrivals": {"smoke": [{"rate": 3, "for": "5s"}]},
            "max_users": 5,
            "rules": RULES,
        },
    )

    assert "10, 100 a second; 500 events/s if answered at once" in describe(paced, Settings())
    assert f"; {3 * open_.effects_each:,.0f} events/s if answered at once" in describe(open_, Settings())
    assert "if answered at once" not in describe(varied("sustained"), Settings())
