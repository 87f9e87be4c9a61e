"""What a run sets otherwise than its plan is in force, on record, shown, and never compared with a baseline."""

from pathlib import Path
from typing import Any

import pytest

from harness.errors import PlanError
from harness.plan import overrides, reading
from harness.plan.overrides import Overrides
from harness.plan.text import describe
from harness.settings import Settings


@pytest.mark.parametrize(
    ("word", "key", "value"),
    [
        ("max_users=20", "max_users", 20),
        ("pool.users = 100", "pool.users", 100),
        ("think=250ms", "think", "250ms"),
        ('think="250ms"', "think", "250ms"),
        ("rounds=true", "rounds", True),
        ("users={ A = 1 }", "users", {"A": 1}),
        ("contract.process=POST /a=b", "contract.process", "POST /a=b"),
        ("title=", "title", ""),
    ],
)
def test_a_value_is_toml_or_else_a_text(word: str, key: str, value: Any) -> None:
    assert overrides.parsed([word]) == {key: value}


@pytest.mark.parametrize("word", ["max_users", "=5", "pool.=5", ".users=5"])
def test_a_word_without_key_or_value_is_refused(word: str) -> None:
    with pytest.raises(PlanError, match="expected KEY=VALUE"):
        overrides.parsed([word])


def test_every_table_of_a_plan_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    sets = {
        "max_users": 20,
        "pool.users": 100,
        "service.api.processes": 2,
        "service.deliver.delivery_ms": 5,
        "contract.created": 200,
        "arrivals.smoke": [{"rate": 5, "for": "3s"}, {"burst": 5}],
        "scenario.sustained.drain": "3s",
    }
    found = reading.find("sustained", "smoke", changes=Overrides(sets))

    assert (found.max_users, found.pool["users"], found.contract["created"]) == (20, 100, 200)
    assert (found.services["api"].processes, found.services["deliver"].settings) == (2, {"delivery_ms": 5})
    assert (found.seconds, found.drain_seconds) == (pytest.approx(3.001), 3.0)
    assert found.overridden["--set pool.users"] == "100"
    assert "override  --set pool.users = 100" in describe(found, Settings())


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        ({"max_user": 5}, "did you mean 'max_users'"),
        ({"pool.user": 5}, "unknown size 'user'; did you mean 'users'"),
        ({"service.api.prozesses": 5}, "unknown key 'prozesses'"),
        ({"title.x": 5}, "title is no table"),
        ({"max_users": 0}, "expected a whole number above 0"),
    ],
)
def test_what_is_set_is_checked_like_the_plan_and_named(sets: dict[str, Any], said: str) -> None:
    with pytest.raises(PlanError) as caught:
        reading.find("sustained", "smoke", changes=Overrides(sets))
    assert said in str(caught.value)
    assert f"--set {next(iter(sets))}" in str(caught.value)


def test_a_duration_is_that_of_the_longest_even_stage() -> None:
    found = reading.find("peak", "smoke", changes=Overrides(duration="1m30s"))
    plan = reading.find("peak", "smoke")

    longest = max(plan.stages, key=lambda stage: stage.seconds)
    assert found.seconds == plan.seconds - longest.seconds + 90
    assert [stage.phase for stage in found.stages if stage.seconds == 90] == ["peak"]
    assert found.overridden == {"PERF_DURATION": "1m30s"}


def test_virtual_users_are_the_peak_of_a_closed_load_and_the_most_of_an_open_one() -> None:
    closed = reading.find("mixed", "smoke", changes=Overrides(vus="7"))
    ramp = reading.find("high-throughput", "ci", changes=Overrides(vus="400"))
    arrivals = reading.find("peak", "smoke", changes=Overrides(vus="7"))

    assert ({stage.users for stage in closed.stages}, closed.max_users) == ({7}, 7)
    assert closed.pool != reading.find("mixed", "smoke").pool
    assert ({stage.users for stage in ramp.stages}, ramp.stages[0].spawn) == ({400}, 30)
    assert arrivals.max_users == 7
    assert arrivals.stages == reading.find("peak", "smoke").stages


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (Overrides(duration="soon"), "PERF_DURATION=soon: 'soon' is not a duration"),
        (Overrides(duration="30"), "PERF_DURATION=30"),
        (Overrides(duration="500ms"), "PERF_DURATION=500ms: 100 users can't be started in that time"),
        (Overrides(vus="0"), "PERF_VUS=0: expected a whole number of users above 0"),
        (Overrides(vus="many"), "PERF_VUS=many"),
        (Overrides(vus="-3"), "PERF_VUS=-3"),
    ],
)
def test_nonsense_is_refused(changes: Overrides, said: str) -> None:
    with pytest.raises(PlanError) as caught:
        reading.find("mixed", "smoke", changes=changes)
    assert said in str(caught.value)


def test_empty_variables_are_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PERF_DURATION", "PERF_VUS"):
        monkeypatch.setenv(name, "")
    found = overrides.of(Settings(), {})

    assert reading.find("peak", "smoke", changes=found) == reading.find("peak", "smoke")


def test_a_profile_may_have_any_name(tmp_path: Path) -> None:
    plan = tmp_path / "own.toml"
    plan.write_text(
        'system = "messages"\n[scenario.own]\nusers = { MessageSender = 1 }\nmax_users = 5\n'
        'arrivals.nightly = [{ rate = 5, for = "3s" }]\nrules = ["ratio(errors) < 1%"]\n'
    )
    assert reading.find("own", "nightly", plan).profile == "nightly"
    with pytest.raises(PlanError, match="no arrivals for profile 'soak'; known: nightly"):
        reading.find("own", "soak", plan)
    with pytest.raises(PlanError, match="expected a name of lower-case letters"):
        reading.find("own", "../x", plan)
