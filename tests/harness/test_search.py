"""What a search has decided is on record, and its load follows from it; its plan says how long it takes at most."""

import json
import math
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import search
from harness.errors import PlanError
from harness.plan import reading
from harness.plan.overrides import Overrides
from harness.plan.scenario import Scenario
from harness.plan.search import most_steps
from harness.plan.text import describe
from harness.progress import load_line
from harness.run import Run
from harness.search import Record, Step, after, as_json, first, followed, longest, patience, read, stages
from harness.settings import Settings

HEAD = """
system = "messages"
[scenario.own]
users = { MessageSender = 1 }
max_users = 50
rules = ["p95(response_time) < 500ms", "ratio(errors) < 1%"]
"""
RATES = HEAD + 'search = { from = 50, to = 400, for = "20s" }\n'
USERS = HEAD + 'search = { from = 10, to = 400, for = "20s", by = "users" }\n'


def found(folder: Path, text: str, profile: str = "ci", **sets: object) -> Scenario:
    path = folder / "own.toml"
    path.write_text(text)
    return reading.find("own", profile, path, Overrides(sets))


def made(scenario: Scenario, *answers: bool) -> Record:
    """The record after these answers, each known 2 s after its step."""
    assert scenario.search is not None
    record = first(scenario.search)
    for answer in answers:
        at = record.steps[-1].begin + scenario.search.seconds + 2
        record = after(scenario, record, answer, () if answer else ("too slow",), at)
    return record


def test_arrivals_pause_between_the_steps_and_longer_after_one_that_broke(tmp_path: Path) -> None:
    scenario = found(tmp_path, RATES)
    assert scenario.search is not None

    parts = [(s.phase, s.seconds, s.end_rate) for s in stages(scenario.search, made(scenario, True, False))]

    assert parts == [
        ("warm-up", 5, 50),
        ("step-1", 20, 50),
        ("pause", 3, 0),
        ("step-2", 20, 100),
        ("pause", 5, 0),
        ("step-3", 20, 70.7),
    ]


def test_users_go_on_until_the_decision_and_are_all_there_before_the_step(tmp_path: Path) -> None:
    scenario = found(tmp_path, USERS)
    assert scenario.search is not None
    assert (scenario.open, scenario.max_users) == (False, 400)

    parts = [(s.phase, round(s.seconds, 3), s.users) for s in stages(scenario.search, made(scenario, True, True))]

    assert parts == [
        ("warm-up", 5, 10),
        ("step-1", 20, 10),
        ("settle", 2, 10),
        ("settle", 2.1, 20),
        ("step-2", 20, 20),
        ("settle", 2, 20),
        ("settle", 2.2, 40),
        ("step-3", 20, 40),
    ]


@pytest.mark.parametrize("text", [RATES, USERS])
@given(answers=st.lists(st.booleans(), min_size=40, max_size=40))
def test_a_search_takes_no_longer_and_sends_no_more_than_its_plan_says(
    tmp_path_factory: pytest.TempPathFactory, text: str, answers: list[bool]
) -> None:
    scenario = found(tmp_path_factory.mktemp("plan"), text)
    assert scenario.search is not None
    record = made(scenario)
    for answer in answers:
        if record.ended:
            break
        late = record.steps[-1].begin + scenario.search.seconds + patience(scenario)
        record = after(scenario, record, answer, (), late)

    done = followed(scenario, record)
    assert record.ended == "nothing is left to try"
    assert len(record.steps) <= most_steps(scenario.search)
    assert done.seconds <= scenario.seconds == longest(scenario.search, patience(scenario))
    assert done.operations <= scenario.operations


def test_a_search_whose_steps_are_judged_too_late_ends_in_its_time(tmp_path: Path) -> None:
    scenario = found(tmp_path, RATES)
    record = after(scenario, made(scenario), True, (), scenario.seconds - 10)

    assert (record.ended, record.end) == ("its time was up", scenario.seconds - 10)


def test_a_run_follows_its_record(tmp_path: Path) -> None:
    scenario = found(tmp_path, RATES)
    run = Run.create(tmp_path / "runs", scenario, seed=1)
    assert Run.open(run.folder).scenario == scenario

    record = made(scenario, True)
    run.write(search.FILE, as_json(record))

    assert read(run.folder) == record
    again = Run.open(run.folder).scenario
    assert [stage.phase for stage in again.stages] == ["warm-up", "step-1", "pause", "step-2"]
    assert replace(again, stages=scenario.stages) == scenario


@pytest.mark.parametrize("text", ["", "{", "[]", '{"steps": 5}', '{"steps": [{"load": "x"}]}'])
def test_a_record_that_can_not_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / search.FILE).write_text(text)
    assert read(tmp_path) is None


def test_a_record_without_steps_changes_nothing(tmp_path: Path) -> None:
    scenario = found(tmp_path, RATES)
    assert followed(scenario, Record(())) is scenario
    assert followed(replace(scenario, search=None), Record((Step(5, 0, 1),))).stages == scenario.stages


def test_the_plan_says_what_it_takes_at_most(tmp_path: Path) -> None:
    scenario = found(tmp_path, RATES)
    assert scenario.search is not None

    said = describe(scenario, Settings())

    assert f"search    from 50 to 400/s, 20 s a step: at most {most_steps(scenario.search)} steps in" in said
    assert "up: 50, 100, 200, 400" in said
    assert f"at most {round(scenario.operations):,} operations" in said
    assert math.isclose(sum(stage.seconds for stage in scenario.stages), scenario.seconds)
    assert "by users" not in said
    assert "10 to 400 users" in describe(found(tmp_path, USERS), Settings())


def test_any_scenario_can_be_searched_and_leaves_out_what_is_about_no_step(tmp_path: Path) -> None:
    entry = {"from": 50, "to": 400, "for": "20s"}

    scenario = reading.find("peak", "ci", None, Overrides({"search": entry}))

    assert scenario.left_out == (
        "p95(response_time{phase=peak}) < 500ms",
        "max(response_time{phase=burst}) < 2s",
    )
    assert "p95(response_time{phase!=burst}) < 500ms" in [rule.text for rule in scenario.rules]
    assert "left out  p95(response_time{phase=peak}) < 500ms: it is about no phase of this load" in describe(
        scenario, Settings()
    )
    assert json.loads(json.dumps(scenario.as_json()))["left_out"]

    closed = reading.find("high-throughput", "smoke", None, Overrides({"search": entry}))
    assert closed.search is not None
    assert closed.search.by_users


def test_a_search_may_be_for_one_profile(tmp_path: Path) -> None:
    rules = HEAD.replace("rules = [", 'rules = ["rate(goodput{phase=even}) >= 5/s", ')
    text = rules + 'arrivals.ci = [{ rate = 20, for = "5m", phase = "even" }]\n'
    text += 'search.limit = { from = 50, to = 400, for = "20s" }'
    even, limit = found(tmp_path, text, "ci"), found(tmp_path, text, "limit")

    assert (even.search, even.left_out) == (None, ())
    assert limit.search is not None
    assert limit.left_out == ("rate(goodput{phase=even}) >= 5/s",)
    with pytest.raises(PlanError, match="no arrivals for profile 'limits'; did you mean 'limit'"):
        found(tmp_path, text, "limits")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('search = { from = 50, to = 50, for = "20s" }', "search: to = 50: expected more than from, which is 50"),
        ('search = { from = 0, to = 50, for = "20s" }', "search: from = 0: expected a number above 0"),
        ("search = { from = 5, to = 50 }", "search lacks 'for'"),
        ('search = { from = 5, for = "20s" }', "search lacks 'to'"),
        ('search = { from = 50, to = 500, for = "1s" }', "expected at least 2 s"),
        ('search = { from = 50, to = 500, for = "20s", step = 5 }', "unknown key 'step'"),
        ('search = { from = 5.5, to = 500, for = "20s", by = "users" }', "expected a whole number above 0"),
        ('search = { from = 50, to = 500, for = "20s", by = "hand" }', 'by = \'hand\': expected "rate" or "users"'),
        (
            'search = { from = 50, to = 500, for = "20s", by = "rate" }\nstages.ci = [{ users = 5, for = "1s" }]',
            "by = 'rate': expected \"users\", since they go at their own pace",
        ),
        ("search = 5", "search = 5: expected a table"),
        ('search = { from = 50, to = 500, for = "20s" }\nrounds = true', "rounds: a search says itself"),
        (
            'search = { from = 5, to = 500, for = "20s" }',
            "its first step is too short to prove ratio(errors) < 1%: 101 operations at most, and it takes 381",
        ),
    ],
)
def test_what_can_not_be_searched_is_refused(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(PlanError) as refused:
        found(tmp_path, HEAD + line + "\n")
    assert said in str(refused.value)
    assert str(tmp_path / "own.toml") in str(refused.value)


def test_a_search_needs_a_rule_that_a_step_could_break(tmp_path: Path) -> None:
    text = RATES.replace('"p95(response_time) < 500ms", "ratio(errors) < 1%"', '"value(capacity) >= 50/s"')
    with pytest.raises(PlanError, match="no rule that a step could break"):
        found(tmp_path, text)


@pytest.mark.parametrize(("text", "changes"), [(RATES, {"duration": "5s"}), (USERS, {"vus": "5"})])
def test_what_a_search_says_itself_is_not_set_otherwise(tmp_path: Path, text: str, changes: dict[str, str]) -> None:
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(PlanError, match="a search has its own"):
        reading.find("own", "ci", tmp_path / "own.toml", Overrides(**changes))  # type: ignore[arg-type]


def test_the_progress_says_which_step_it_is(tmp_path: Path) -> None:
    scenario = found(tmp_path, RATES)
    run = Run.create(tmp_path / "runs", scenario, seed=1)
    run.write(search.FILE, as_json(made(scenario, True)))

    assert load_line(run.folder, scenario, time.monotonic_ns()).startswith("step 2, 100/s · ")
