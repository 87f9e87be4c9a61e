"""Users of any kind draw from the plan's feeds; two load processes share no row, and one too few ends the load."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from harness.settings import ROOT
from tests.harness.load.test_foreign_styles import ran
from tests.support.counting_server import counting

SCRIPT = """
import json, sys
from pathlib import Path
from types import SimpleNamespace
from harness.errors import FeedError
from harness.feed import Rows
from harness.load import feed as feeds
from harness.load.user import LoadUser
from harness.plan.scenario import FeedFile

folder = Path(sys.argv[1])
ended = []

def load(worker, **files):
    stated = {}
    for name, (file, order) in files.items():
        rows = Rows(folder / file)
        stated[name] = FeedFile(str(rows.path), order, len(rows), rows.digest)
    run, scenario = SimpleNamespace(folder=folder), SimpleNamespace(feeds=stated)
    return SimpleNamespace(run=run, scenario=scenario, seed=1, worker=worker, exhausted=ended.append)

def told(call):
    try:
        return call()
    except FeedError as error:
        return f"{type(error).__name__}: {error}"

found = {"without": told(feeds.feed)}
user = object.__new__(LoadUser)
session = load(0, feed=("users.csv", "sequential"), items=("items.jsonl", "random"))
feeds.draw_from(feeds.Feeds(session, 2))
first = user.feed()
found["user"] = [first, first.number]
found["batch"] = user.feed(3)
found["named"] = feeds.feed(name="items")
found["unknown"] = told(lambda: feeds.feed(name="users"))
found["none"] = told(lambda: feeds.feed(0))
other = feeds.Feeds(load(1, feed=("users.csv", "sequential")), 2)
found["other process"] = [other.next("feed")["id"]]
found["too many"] = told(lambda: user.feed(9))
found["ended"] = ended
session.scenario.feeds["feed"] = FeedFile(str(folder / "users.csv"), "unique", 6, "of yesterday")
found["changed"] = told(lambda: feeds.Feeds(session))
print(json.dumps(found))
"""


def test_users_and_batches_draw_rows_and_no_process_those_of_another(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("id\n" + "".join(f"u{n}\n" for n in range(1, 7)))
    (tmp_path / "items.jsonl").write_text('{"item": 7}\n')

    done = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert "no feed: expected a load of Proofload, with feed = " in found["without"]
    assert found["user"] == [{"id": "u1"}, 1]
    assert [row["id"] for row in found["batch"]] == ["u2", "u3", "u4"]
    assert found["named"] == {"item": 7}
    assert found["unknown"].endswith("feed 'users': expected one of the plan (feed = …); known: feed, items")
    assert found["none"].endswith("feed(0): expected how many rows, 1 or more")
    assert found["other process"] == ["u5"]
    [why] = found["ended"]
    assert found["too many"] == f"Exhausted: {why}"
    assert why.endswith("users.csv: all 6 rows were handed out: expected more rows, or a shorter load")
    assert "it was changed since the plan was read" in found["changed"]


THEIRS = """\
from locust import HttpUser, constant, task

from harness.load.feed import feed

class Visitor(HttpUser):
    wait_time = constant(0.02)

    def on_start(self):
        self.me = feed(name="people")["name"]

    @task
    def order(self):
        first, second = feed(2, name="orders")
        self.client.get(f"/{first['id']}/{second['id']}/{self.me}", name="order")
"""
PLAN = """\
[scenario.theirs]
locustfile = "theirs.py"
unchecked = true
feed = { people = { file = "people.csv", order = "unique" }, orders = "orders.jsonl" }
stages.smoke = [{ users = 4, for = "30s" }]
validity = { loop_lag = "30s", loop_gap = "1m", min_successes = 5 }
rules = ["p95(response_time) < 30s", "ratio(errors) < 1%"]
"""


def test_two_processes_hand_each_row_out_once_and_end_when_there_are_no_more(tmp_path: Path, home: Path) -> None:
    orders = 61
    (tmp_path / "people.csv").write_text("name\n" + "".join(f"p{n}\n" for n in range(4)))
    (tmp_path / "orders.jsonl").write_text("".join(f'{{"id": {n}}}\n' for n in range(orders)))
    plan = PLAN.replace('"people.csv"', f'"{tmp_path}/people.csv"').replace('"orders.', f'"{tmp_path}/orders.')

    with counting() as served:
        result = ran(tmp_path, home, served.url, plan, THEIRS, PERF_PROCESSES="2")

    assert result.code == 3, result.out + result.err
    asked = [path.split("/")[1:] for path in served.asked]
    rows = Counter(int(row) for first, second, _ in asked for row in (first, second))
    assert set(served.asked.values()) == {1}
    assert set(rows.values()) == {1}
    # A process may have leased one half of a batch when there is no other.
    assert len(rows) >= orders - 3
    assert len({who for _, _, who in asked}) <= 4
    reason = result.json("verdict.json")["reason"]
    assert f"orders.jsonl: all {orders} rows were handed out" in reason, reason
