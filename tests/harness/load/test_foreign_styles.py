"""Locustfiles of other people, of every style: their counts are Locust's and the server's, in the plan's time."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from harness import journaled, own_metrics
from tests.support import commands
from tests.support.counting_server import counting
from tests.support.pipeline_process import Pipeline, Result

STYLES = """\
import csv

from locust import (
    FastHttpUser, HttpUser, LoadTestShape, SequentialTaskSet, TaskSet, User, constant, constant_throughput, events, tag,
    task,
)

from harness.load.metric import metric

with open("data.csv") as file:
    ROWS = [row[0] for row in csv.reader(file)]
LONG = "a name that others share for more than thirty characters: "

class Shelf(TaskSet):
    @task(3)
    def look(self):
        self.client.get("/shelf")
        metric("shelves", 3)
        metric("full", True)

    @tag("slow")
    @task(50)
    def slow(self):
        self.client.get("/slow")

    @task
    def leave(self):
        self.interrupt()

class Nested(HttpUser):
    wait_time = constant(0.03)
    tasks = [Shelf]

class Steps(SequentialTaskSet):
    def on_start(self):
        self.row = 0

    @task
    def read(self):
        self.client.get("rows/" + ROWS[self.row % len(ROWS)], name=LONG + "read")

    @task
    def write(self):
        self.client.post("rows/" + ROWS[self.row % len(ROWS)], name=LONG + "write")
        self.row += 1

class Sequential(HttpUser):
    wait_time = constant(0.03)
    tasks = [Steps]

class Paced(HttpUser):
    wait_time = constant_throughput(5)

    @task
    def paced(self):
        self.client.get("/paced", name="item")

class Queue(User):
    wait_time = constant(0.05)

    @task
    def publish(self):
        events.request.fire(
            request_type="QUEUE", name="publish", response_time=None, response_length=0, exception=None, context={}
        )

class Fast(FastHttpUser):
    wait_time = constant(0.03)

    @task
    def absent(self):
        with self.client.get("/missing", catch_response=True) as response:
            response.success()

    @task
    def post(self):
        self.client.post("/fast", name="item")
"""
SHAPE = """
class Ramp(LoadTestShape):
    def tick(self):
        return (10, 100) if self.get_run_time() < 6 else None
"""
PLAN = """\
[scenario.theirs]
locustfile = "theirs.py"
unchecked = true
exclude_tags = ["slow"]
stages.smoke = [{ users = 10, for = "3s" }]
validity = { loop_lag = "30s", loop_gap = "1m", min_successes = 5 }
rules = ["p95(response_time) < 30s", "ratio(errors) < 1%", "mean(metric.shelves) == 3", "ratio(metric.full) >= 99%"]
"""
SHAPED = PLAN.replace("stages.smoke = [{ users = 10,", 'shape = "theirs"\nstages.smoke = [{').replace("3s", "40s")


def ran(tmp_path: Path, home: Path, url: str, plan: str, theirs: str, **environment: str) -> Result:
    pipeline = Pipeline(home, tmp_path / "runs", plan)
    path = pipeline.plan()
    (path.parent / "theirs.py").write_text(theirs)
    (path.parent / "data.csv").write_text("1,one\n2,two\n")
    return pipeline.run("theirs", TARGET_URL=url, **environment)


@pytest.mark.parametrize("shaped", [False, True], ids=["one process", "two processes, and a shape of its own"])
def test_figures_of_every_style_are_those_of_locust_and_of_the_server(tmp_path: Path, home: Path, shaped: bool) -> None:
    plan = SHAPED if shaped else PLAN
    with counting() as served:
        result = ran(tmp_path, home, served.url, plan, STYLES + SHAPE * shaped, PERF_PROCESSES="2" if shaped else "1")
    assert result.code == 0, result.out + result.err
    verdict, load = result.json("verdict.json"), result.json("load.json")
    rows: dict[str, Any] = {row["kind"]: row for row in verdict["operations"]}
    counts = {name: row["count"] for name, row in rows.items()}
    asked: Counter[str] = Counter()
    for path, count in served.asked.items():
        asked["/".join(path.split("/")[:2])] += count
    long = "a name that others share for more than thirty characters: "

    assert verdict["verdict"] == "UNCHECKED"
    assert "the data was not checked" in verdict["reason"]
    assert {name: count for name, (count, _) in load["names"].items()} == {
        name: count for name, count in counts.items() if name != "all"
    }
    assert counts == {
        "/shelf": asked["GET /shelf"],
        f"{long}read": asked["GET /rows"],
        f"{long}write": asked["POST /rows"],
        "GET item": asked["GET /paced"],
        "POST item": asked["POST /fast"],
        "/missing": asked["GET /missing"],
        "publish": counts["publish"],
        "all": load["requests"],
    }
    assert min(counts.values()) > 0
    assert asked["GET /slow"] == 0
    assert served.asked["GET /rows/1"] >= served.asked["GET /rows/2"] > 0
    # Two users do five a second at most, from second 0 of the plan to its end.
    seconds = verdict["phases"][0]["seconds"]
    assert counts["GET item"] <= 2 * (5 * seconds + 1)
    assert rows["all"]["rate"] <= counts["all"] / seconds
    assert seconds < 40 if shaped else seconds == 3
    # A request that was reported without a time has none.
    assert rows["publish"]["response"]["p50"] is None
    assert {one["id"]: one["state"] for one in verdict["validity"]}["STATUSES"] == "ok"
    assert load["users"].keys() == {"Nested", "Sequential", "Paced", "Queue", "Fast"}
    journals = journaled.read_all(result.folder)
    metrics = {one.name: (one.kind, len(one.values)) for one in own_metrics.read_all(journals)}
    assert metrics == {"shelves": ("trend", counts["/shelf"]), "full": ("rate", counts["/shelf"])}
    assert [len(each.records) > 0 for each in journals] == [True] * (1 + shaped)


BROKEN = """\
from locust import HttpUser, task

class Login(HttpUser):
    def on_start(self):
        raise RuntimeError("no token")

    @task
    def look(self):
        self.client.get("/shelf")
"""


def test_users_that_die_in_on_start_are_named_though_nothing_was_sent(tmp_path: Path, home: Path) -> None:
    theirs = tmp_path / "login.py"
    theirs.write_text(BROKEN)
    words = ["--locustfile", str(theirs), "--users", "3", "--for", "1s", "--profile", "smoke", "--host"]
    pipeline = Pipeline(home, tmp_path / "runs")
    with counting() as served:
        done = commands.run("harness", "run", *words, served.url, environment=pipeline.environment())
    result = Result(done.returncode, done.stdout, done.stderr, pipeline.runs)
    verdict = result.json("verdict.json")

    assert done.returncode == 3, done.stdout + done.stderr
    assert not served.asked
    assert verdict["reason"].startswith(
        "Not valid, EXCEPTIONS: the users' code raised 3 times, most often RuntimeError in on_start of Login: no "
        "token, 3 times; 3 of 3 users of Login sent nothing"
    )
    assert verdict["would_be"] != "GO"
    assert verdict["run"]["scenario"] == "login"
