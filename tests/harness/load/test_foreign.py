"""Other people's locustfiles run in the pipeline, judged by rules and validity; nothing is called proven."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import journal
from harness.errors import PlanError
from harness.plan import reading
from harness.run import Run
from reports.__main__ import report
from tests.support.pipeline_process import Pipeline
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


@pytest.mark.parametrize("processes", ["1", "2"])
def test_their_requests_are_judged_by_rules_and_validity_and_no_data_is_called_proven(
    processes: str, pipeline: Theirs, url: str
) -> None:
    result = pipeline.run("theirs", TARGET_URL=url, PERF_PROCESSES=processes)
    verdict = result.json("verdict.json")
    count = sum(len(each.records) for each in journal.read_all(result.folder))
    operations = {each["kind"]: each for each in verdict["operations"]}

    assert result.code == 3, result.out + result.err
    assert "X1" in verdict["reason"]
    assert "`unchecked = true` in the plan lets rules that hold end UNCHECKED" in verdict["reason"]
    assert result.checks("UNDECIDED") == {"X1"}
    # A warning is about this machine, and not about the run.
    assert {each["id"]: each["state"] for each in verdict["validity"] if each["state"] not in ("ok", "warning")} == {
        "V5": "not applicable",
        "V7": "not applicable",
        "V13": "not applicable",
    }
    assert {each["state"] for each in verdict["rules"]} == {"PASS"}
    assert count == result.json("load.json")["requests"] == operations["all"]["count"] > 50
    assert operations["miss"]["errors"] == operations["miss"]["count"] > 0
    assert operations["look"]["errors"] == operations["hurried look"]["errors"] == 0


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
