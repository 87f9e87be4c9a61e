"""Other people's locustfiles run in the pipeline, judged by rules and validity; nothing is called proven."""

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import pipeline as stages
from harness.__main__ import main
from harness.errors import PlanError
from harness.plan import overrides, reading, without_plan
from harness.plan.overrides import NONE
from harness.plan.scenario import Scenario
from harness.plan.text import describe
from harness.run import Run
from harness.settings import ROOT, Settings
from reports.__main__ import report
from tests.support.pipeline_process import Pipeline
from tests.support.synthetic_run import bind, synthetic_run
from tests.support.target_process import query, serving, with_users
from verification.__main__ import verify

THEIRS = """\
from locust import FastHttpUser, HttpUser, constant, task

class Visitor(HttpUser):
    wait_time = constant(0.02)

    @task
    def look(self):
        self.client.get("/health", name="look")

class Hurried(FastHttpUser):
    wait_time = constant(0.02)

    @task(3)
    def look(self):
        self.client.get("/health", name="hurried look")

    @task
    def miss(self):
        self.client.get("/nowhere", name="miss")
"""
PLAN = """\
[scenario.theirs]
purpose = "somebody else's users"
locustfile = "theirs.py"
users = { Visitor = 1, Hurried = 1 }
stages.smoke = [{ users = 6, for = "3s" }]
validity = { loop_lag = "30s", loop_gap = "1m", min_successes = 50, foreign_statuses = "90%" }
rules = ["p95(response_time) < 30s", "p95(response_time{op=look}) < 30s", "ratio(errors{op=look}) < 1%"]
"""


@dataclasses.dataclass
class Theirs(Pipeline):
    """Pipelines of that plan."""

    text: str = PLAN

    def plan(self, text: str = "") -> Path:
        path = super().plan(text)
        (path.parent / "theirs.py").write_text(THEIRS)
        return path


@pytest.fixture
def pipeline(home: Path, tmp_path: Path) -> Theirs:
    return Theirs(home, tmp_path / "runs")


@pytest.fixture
def url(database: str) -> Iterator[str]:
    with serving(with_users(database, 10), 1, "none") as target:
        yield target.url


def test_without_checks_and_without_saying_so_a_run_is_invalid_and_says_what_to_do(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, findings=None, with_effects=False, table={"rules": ["p95(response_time) < 500ms"]})

    stages._unverified(run)
    bind(run)
    verdict = report(run.folder)

    assert verdict["verdict"] == "INVALID"
    assert "X1" in verdict["reason"]
    assert "`unchecked = true` in the plan lets rules that hold end UNCHECKED" in verdict["reason"]


OWN = """
[check.named]
title = "Every user has a name."
sql = "SELECT id, first_name FROM users WHERE first_name = ''"
before = true

[check.young]
title = "No user is older than the century."
sql = "SELECT id FROM users WHERE birthday_date < '2000-01-01'"
severity = "info"

[quiesce]
sql = "SELECT count(*) FROM message_logs WHERE status = 'SCHEDULED'"

"""


SHIPPED = """
[scenario.theirs]
users = { MessageSender = 1 }
max_users = 5
unchecked = true
arrivals.smoke = [{ rate = 6, for = "3s" }]
rules = ["ratio(errors) < 1%"]
"""


def test_queries_of_the_plan_can_make_their_run_go_and_no_go(pipeline: Theirs, url: str, database: str) -> None:
    query(database, "UPDATE users SET birthday_date = '1999-12-31'")
    pipeline.text = OWN + PLAN
    result = pipeline.run("theirs", TARGET_URL=url, DATABASE_URL=database)
    verdict = result.json("verdict.json")

    assert result.code == 0, result.out + result.err
    assert "All 3 rules and 1 of 2 checks of the data hold" in verdict["reason"]
    assert "no answer was compared with a row" in verdict["weakened"][0]
    assert {one["id"]: (one["state"], one["severity"]) for one in verdict["checks"]} == {
        "named": ("HOLDS", "blocker"),
        "young": ("VIOLATED", "info"),
    }
    assert result.json("run.json")["before"]["own"] == {"named": 0}

    query(database, "UPDATE users SET first_name = '' WHERE id = (SELECT min(id::text) FROM users)::uuid")
    verify(Run.open(result.folder), database)
    again = report(result.folder)

    assert (again["verdict"], again["checks"][0]["witnesses"]) == ("NO-GO", 1)
    assert again["checks"][0]["detail"] == "its query gave 1 rows, and none before the load"
    assert [row["first_name"] for row in again["checks"][0]["first"]["rows"]] == [""]


def test_a_query_that_the_database_does_not_understand_is_refused_before_anything_is_sent(
    pipeline: Theirs, url: str, database: str
) -> None:
    pipeline.text = OWN.replace("first_name = ''\"", "frist_name = ''\"") + PLAN
    refused = pipeline.run("theirs", TARGET_URL=url, DATABASE_URL=database)
    without = pipeline.run("theirs", TARGET_URL=url)

    assert (refused.code, without.code) == (2, 2)
    assert 'check.named: sql: column "frist_name" does not exist' in refused.err
    assert "check.named, young: expected DATABASE_URL" in without.err


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (OWN + PLAN.replace("stages.smoke", "unchecked = true\nstages.smoke"), "there are checks of the plan"),
        (PLAN.replace("stages.smoke", 'unchecked = "yes"\nstages.smoke'), "unchecked = 'yes': expected true or false"),
        ('system = "messages"\n' + SHIPPED, "there are checks of the system"),
    ],
)
def test_what_is_checked_is_not_called_unchecked(pipeline: Theirs, text: str, why: str) -> None:
    path = pipeline.plan(text)

    with pytest.raises(PlanError, match=why):
        reading.find("theirs", "smoke", path)


SHAPE = """
from locust import LoadTestShape as Base
import locust

class Common(locust.LoadTestShape):
    abstract = True

class Ramp(Common):
    def tick(self):
        return None
"""
SHAPED = PLAN.replace("stages.smoke = [{ users = 6,", 'shape = "theirs"\nstages.smoke = [{')


def planned(pipeline: Theirs, text: str, theirs: str = THEIRS) -> Scenario:
    path = pipeline.plan(text)
    (path.parent / "theirs.py").write_text(theirs)
    return reading.find("theirs", "smoke", path)


def test_a_shape_of_their_own_is_used_where_the_plan_says_so_and_refused_by_name_where_it_does_not(
    pipeline: Theirs,
) -> None:
    scenario = planned(pipeline, SHAPED, THEIRS + SHAPE)

    assert (scenario.shaped, scenario.open, scenario.stages[0].even, scenario.seconds) == (True, False, False, 3)
    assert "as the shape of the locustfile says" in describe(scenario, Settings())
    with pytest.raises(PlanError, match=r'theirs.py has a shape of its own, Ramp, .*expected shape = "theirs"'):
        planned(pipeline, PLAN, THEIRS + SHAPE)
    with pytest.raises(PlanError, match="PERF_VUS=9: the shape of the locustfile says how many users there are"):
        overrides.crowded(scenario.stages, "9")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (SHAPED.replace('"theirs"\n', '"ramp"\n'), "shape = 'ramp': expected \"theirs\""),
        (SHAPED.replace("[{ for", '[{ for = "1s" }, { for'), "expected one stage"),
        ('system = "messages"\n' + SHIPPED.replace("max_users", 'shape = "theirs"\nmax_users'), "expected one stage"),
        (PLAN.replace("stages.smoke", 'think = "1s"\nstages.smoke'), "think: another's users do as their locustfile"),
        (PLAN.replace("stages.smoke", "rounds = true\nstages.smoke"), "rounds: another's users do as their locustfile"),
        (PLAN.replace("stages.smoke", "mix = { a = 1 }\nstages.smoke"), "mix: another's users do as their locustfile"),
        (PLAN.replace("users = 6,", "users = 6, requests = 9,"), "stages: requests: another's users do"),
        (PLAN.replace("users = 6,", "users = 6, in_step = true,"), "stages: in_step: another's users do"),
        (PLAN.replace("stages.smoke", 'tags = "quick"\nstages.smoke'), "tags = 'quick': expected a list of names"),
        (PLAN.replace("stages.smoke", 'exclude_tags = ["-x"]\nstages.smoke'), "exclude_tags = .*: expected a list"),
    ],
)
def test_what_their_users_could_not_follow_is_refused(pipeline: Theirs, text: str, why: str) -> None:
    with pytest.raises(PlanError, match=why):
        planned(pipeline, text)


def test_without_users_all_classes_of_the_file_come_as_it_weighs_them(pipeline: Theirs) -> None:
    text = PLAN.replace("users = { Visitor = 1, Hurried = 1 }", 'tags = ["quick"]\nexclude_tags = ["slow"]')

    scenario = planned(pipeline, text)

    assert (scenario.users, scenario.tags, scenario.exclude_tags) == ({}, ("quick",), ("slow",))
    assert "all its classes, at the pace of the locustfile, tags quick, without tags slow" in describe(
        scenario, Settings()
    )


def test_a_locustfile_needs_no_plan(tmp_path: Path) -> None:
    file = tmp_path / "peak.py"
    file.write_text(THEIRS)
    asked = without_plan.Asked(file, users=50, seconds="30s", rules=["p95(response_time) < 500ms"], tags=["quick"])

    scenario = without_plan.scenario(asked, "ci", NONE)
    usual = without_plan.scenario(without_plan.Asked(file), "ci", NONE)
    file.write_text(THEIRS + SHAPE)
    shaped = without_plan.scenario(without_plan.Asked(file), "ci", NONE)

    # A scenario of ours has the name of the file already, and its folder.
    assert (scenario.name, scenario.unchecked, scenario.locustfile) == ("file-peak", True, str(file))
    assert (scenario.stages[0].users, scenario.seconds, scenario.tags) == (50, 30, ("quick",))
    assert [rule.text for rule in scenario.rules] == ["p95(response_time) < 500ms"]
    assert ([rule.text for rule in usual.rules], usual.max_users, usual.seconds) == (["ratio(errors) < 1%"], 10, 60)
    assert (shaped.shaped, shaped.max_users) == (True, 0)
    with pytest.raises(PlanError, match=r"--users 50: peak\.py has a shape of its own, Ramp: leave it out"):
        without_plan.scenario(asked, "ci", NONE)
    with pytest.raises(PlanError, match="No such file"):
        without_plan.scenario(without_plan.Asked(tmp_path / "none.py"), "ci", NONE)


def test_the_example_is_one() -> None:
    scenario = without_plan.scenario(
        without_plan.Asked(ROOT / "examples" / "locustfiles" / "shelf.py", 20, "30s"), "ci", NONE
    )

    assert (scenario.name, scenario.max_users, scenario.foreign) == ("shelf", 20, True)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["run"], "no scenario: expected its name"),
        (["plan", "peak", "--users", "3"], "--users: it is for --locustfile"),
        (["run", "peak", "--for", "3s"], "--for: it is for --locustfile"),
        (["run", "peak", "--locustfile", "theirs.py"], "--locustfile with peak: expected the one or the other"),
        (["run", "--plan", "my.toml", "-f", "theirs.py"], "--locustfile with my.toml: expected the one or the other"),
    ],
)
def test_a_scenario_and_a_locustfile_are_not_both_run(
    words: list[str], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["harness", *words])

    with pytest.raises(PlanError, match=why):
        main()


def test_their_locustfile_needs_a_target_and_users_at_their_own_pace(pipeline: Theirs) -> None:
    refused = pipeline.run("theirs")
    path = pipeline.plan(PLAN.replace("stages.smoke = [{ users = 6", "max_users = 5\narrivals.smoke = [{ rate = 6"))

    assert refused.code == 2
    assert "expected TARGET_URL" in refused.err
    with pytest.raises(PlanError, match="arrivals need users of ours"):
        reading.find("theirs", "smoke", path)
    (path.parent / "theirs.py").unlink()
    with pytest.raises(PlanError, match="No such file"):
        reading.find("theirs", "smoke", path)
