"""START, EDIT and STOP of Locust's page, in a run: a new run, another number of users, the end; or a reason why not."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gevent
import pytest

from harness import steered
from harness.load import starting
from harness.plan import reading
from harness.plan.scenario import Scenario
from harness.reported import VERDICT
from harness.window import AGAIN
from tests.support.pipeline_process import PLAN

OWN = "http://127.0.0.1:3000"
EDITED = {"user_count": "30", "spawn_rate": "10.5"}
NOW = 10**15
"""By the clock of these tests, which stands still: a plan of four seconds is over soon."""


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "time", SimpleNamespace(monotonic_ns=lambda: NOW))


def closed_plan(folder: Path, **changes: Any) -> Scenario:
    """Users at their own pace, in a plan that is different in `changes`."""
    path = folder / "plan.toml"
    path.write_text(PLAN)
    return replace(reading.find("closed", "smoke", path), **changes)


def load_of(folder: Path, scenario: Scenario | None = None, seconds_ago: float = 1.2, **more: Any) -> Any:
    """What a load that goes on is to the web UI."""
    said: list[str] = []
    run = SimpleNamespace(folder=folder)
    began = NOW - int(seconds_ago * 1e9)
    changes: list[Any] = []
    made = {"scenario": scenario, "began": began, "closed": False, "alone": True, "lead": 0.5, **more}
    told = {"end": said.append, "said": said, "change": changes.append, "changes": changes}
    return SimpleNamespace(run=run, over=lambda: bool(said), **told, **made)


def of(web_ui: Any = None) -> Any:
    return SimpleNamespace(host=OWN, web_ui=web_ui, process_exit_code=None)


@pytest.mark.parametrize(
    ("asked", "target", "refused"),
    [
        ({}, OWN, False),
        ({"host": OWN}, OWN, False),
        ({"host": ""}, OWN, False),
        ({"host": "http://other.example"}, OWN, True),
        ({"host": "http://localhost:1"}, None, False),  # without a plan it is the UI that names the target; see guard
    ],
)
def test_the_target_can_not_be_changed(asked: dict[str, str], target: str | None, refused: bool) -> None:
    assert bool(starting.elsewhere(asked, target)) is refused


def test_the_number_of_users_can_be_changed_while_they_go_at_their_own_pace(tmp_path: Path) -> None:
    load = load_of(tmp_path, closed_plan(tmp_path))

    assert starting.editable(load)
    done, said = starting.start(of(), load, EDITED)
    starting.start(of(), load, {**EDITED, "user_count": "7"})

    changes = steered.read(tmp_path)
    assert changes == load.changes
    assert [(one["users"], one["spawn"]) for one in changes] == [(30, 10.5), (7, 10.5)]
    assert changes[0]["second"] == 1.2 + 0.5
    assert (done, said) == (True, f"30 users from {changes[0]['second']:.1f} s on: this run is compared with no other")
    assert steered.said(changes).endswith(f", 7 users from {changes[1]['second']:.1f} s on")


def test_the_rate_of_planned_arrivals_can_be_changed(tmp_path: Path) -> None:
    load = load_of(tmp_path, reading.find("peak", "smoke"))

    assert starting.editable(load)
    assert starting.start(of(), load, {"rate": "25"})[0] is True

    (change,) = steered.read(tmp_path)
    assert (change, change["rate"]) == (load.changes[0], 25)
    assert steered.said([change]).startswith("25.0/s offered from ")


@pytest.mark.parametrize(
    "form",
    [{}, {"user_count": "many", "spawn_rate": "1"}, {"user_count": "-1", "spawn_rate": "1"}, {"rate": "3"}]
    + [{"user_count": "3", "spawn_rate": rate} for rate in ("0", "nan", "inf", "-1")]
    + [{"user_count": "201", "spawn_rate": "1"}],
)
def test_no_other_number_than_one_of_users_is_taken(form: dict[str, str], tmp_path: Path) -> None:
    load = load_of(tmp_path, closed_plan(tmp_path))

    done, said = starting.start(of(), load, form)

    assert (done, said[:9]) == (False, "expected ")
    assert load.changes == steered.read(tmp_path) == []


@pytest.mark.parametrize("rate", ["", "0", "-1", "nan", "inf", "1e9", "many"])
def test_no_other_rate_than_one_of_arrivals_is_taken(rate: str, tmp_path: Path) -> None:
    load = load_of(tmp_path, reading.find("peak", "smoke"))

    assert starting.start(of(), load, {"rate": rate})[0] is False
    assert load.changes == steered.read(tmp_path) == []


def test_how_much_load_there_is_stays_where_the_plan_needs_it_to(tmp_path: Path) -> None:
    closed = closed_plan(tmp_path)
    in_step, shaped = replace(closed.stages[0], in_step=True), replace(closed.stages[0], shaped=True)
    reasons = {
        "how much this plan does": closed_plan(tmp_path, scaling=True),
        "with how much load": reading.find("worker-scaling", "smoke"),
        "meet before their operations": closed_plan(tmp_path, rounds=True),
        "meet before": closed_plan(tmp_path, stages=(in_step,)),
        "own shape": closed_plan(tmp_path, stages=(shaped,)),
    }

    for why, scenario in reasons.items():
        load = load_of(tmp_path, scenario)
        done, said = starting.start(of(), load, EDITED)
        assert (done, why in said, starting.editable(load)) == (False, True, False), said
    assert steered.read(tmp_path) == []


def test_a_load_that_has_not_begun_or_ends_is_not_changed(tmp_path: Path) -> None:
    early, late = load_of(tmp_path, closed_plan(tmp_path), began=None), load_of(tmp_path, closed_plan(tmp_path))
    late.end("SIGINT")

    for load in (early, late):
        assert starting.start(of(), load, EDITED)[0] is False
        assert not starting.editable(load)
    assert "nearly done" in starting.start(of(), load_of(tmp_path, closed_plan(tmp_path), 3.8), EDITED)[1]
    assert not starting.editable(None)


def test_start_begins_a_new_run_once_this_one_has_its_verdict(tmp_path: Path) -> None:
    ended: list[bool] = []
    environment = of(SimpleNamespace(stop=lambda: ended.append(True)))
    load = load_of(tmp_path, closed=True)

    done, said = starting.start(environment, load, {})
    assert (done, environment.process_exit_code) == (False, None)
    assert "when its verdict is there" in said

    (tmp_path / VERDICT).write_text(json.dumps({}))
    assert starting.start(environment, load, {"host": OWN})[0] is True
    assert environment.process_exit_code == AGAIN
    gevent.sleep(starting.ANSWERED_S + 0.1)
    assert ended == [True]


def test_a_load_from_other_machines_is_not_begun_again_by_the_ui(tmp_path: Path) -> None:
    (tmp_path / VERDICT).write_text("{}")
    (tmp_path / "machine-1.jsonl").write_text("")

    done, said = starting.start(of(), load_of(tmp_path, closed=True), {})

    assert (done, "other machines" in said) == (False, True)


def test_stop_of_several_processes_is_for_their_master_to_do(tmp_path: Path) -> None:
    one, several, over = load_of(tmp_path), load_of(tmp_path, alone=False), load_of(tmp_path, closed=True, alone=False)

    assert [starting.stop(load) for load in (None, one, several, over)] == [False, False, True, False]
    assert [load.said for load in (one, several, over)] == [["Stop in the web UI"], ["Stop in the web UI"], []]
