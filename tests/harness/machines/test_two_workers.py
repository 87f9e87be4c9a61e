"""Two workers with folders of their own put one load on, and its verdict is as good as that of one machine."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import journal, journaled
from harness.machines import clocks
from harness.plan import arrivals, reading
from harness.settings import ROOT
from harness.stack.process import free_port
from tests.support.counting_server import counting
from tests.support.pipeline_process import Pipeline
from tests.support.several_machines import KEY, Machines, said


@pytest.fixture
def machines(home: Path, tmp_path: Path) -> Iterator[Machines]:
    found = Machines(Pipeline(home, tmp_path / "runs"), tmp_path)
    yield found
    found.end()


def test_two_workers_put_exactly_the_planned_arrivals_on_and_are_go(machines: Machines, tmp_path: Path) -> None:
    port = free_port()
    master = machines.master(3, "--ui", PERF_UI_PORT=str(port))
    one, two = machines.worker("one", 2), machines.worker("two", 1)
    result, shown = machines.pipeline.close_ui(master, port)
    journals = journaled.read_all(result.folder, 3)
    scenario = reading.find("short", "smoke", machines.pipeline.plan())
    planned = [round(at * 1e9) for at in arrivals.times(scenario.stages).tolist()]
    due = sorted(
        int(sched) - each.header["began"]
        for each in map(journaled.read, sorted(result.folder.glob("journal-*.bin")))
        for sched in each.records["sched"][each.records["flags"] & journal.PARTNER == 0]
    )
    facts = result.json("run.json")["machines"]

    assert result.code == 0, result.out + result.err
    assert journals.lost == ()
    # Locust's web UI shows what all of them did.
    assert shown["stats"][-1]["num_requests"] == sum(len(each.records) for each in journals)
    assert len(due) == len(planned)
    # By the own clock of each: on the master's, times are as exact as the distance is known.
    assert max(abs(a - b) for a, b in zip(due, planned, strict=True)) <= 1
    assert [each.closed for each in journals] == [True] * 3
    assert [each.header["machine"] for each in journals] in ([1, 1, 2], [1, 2, 2])
    assert sorted(len(each["shares"]) for each in facts) == [1, 2]
    # Each has journalled in a folder of its own: here is what was shipped.
    own = [path.name for path in tmp_path.glob("*/worker/*/journal-*.bin")]
    assert sorted(own) == ["journal-0.bin", "journal-1.bin", "journal-2.bin"]
    assert all(each["whole"] and not each["lacking"] for each in facts)
    assert all(clocks.read(result.folder / clocks.name(number)) for number in (1, 2))
    assert "all of it has arrived" in said(one)
    assert "all of it has arrived" in said(two)
    assert (one.returncode, two.returncode) == (0, 0)
    # Nothing that is kept or printed holds the key.
    texts = [path.read_bytes() for path in result.folder.rglob("*") if path.is_file()]
    texts += [path.read_bytes() for path in tmp_path.glob("*/worker/**/*") if path.is_file()]
    assert not [True for text in texts if KEY.encode() in text]
    assert KEY not in result.out + result.err
    assert "CLOCKS" in json.dumps(result.json("verdict.json"))


THEIRS = """\
from locust import HttpUser, constant, task

from harness.load.feed import feed

class Visitor(HttpUser):
    wait_time = constant(0.02)

    @task
    def order(self):
        self.client.get(f"/{feed()['id']}", name="order")
"""
OF_FEED = """\
[scenario.theirs]
locustfile = "theirs.py"
unchecked = true
feed = "orders.jsonl"
stages.smoke = [{ users = 4, for = "30s" }]
validity = { loop_lag = "30s", loop_gap = "1m", min_successes = 5 }
rules = ["p95(response_time) < 30s", "ratio(errors) < 1%"]
"""


def test_two_machines_hand_each_row_of_a_feed_out_once_and_leave_none_behind(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither has the file: the master sends it, and counts for both."""
    orders, runs = 200, tmp_path / "runs"
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # a project of its own is where it is started
    machines = Machines(Pipeline(home, runs, OF_FEED, tmp_path), tmp_path)
    runs.mkdir()
    (runs / "theirs.py").write_text(THEIRS)
    (runs / "orders.jsonl").write_text("".join(f'{{"id": {n}}}\n' for n in range(orders)))
    try:
        with counting() as served:
            master = machines.master(2, scenario="theirs", TARGET_URL=served.url)
            workers = [machines.worker("one"), machines.worker("two")]
            result = machines.finish(master)
        ended = [said(one) for one in workers]
    finally:
        machines.end()

    assert result.code == 3, result.out + result.err
    assert f"all {orders} rows were handed out" in result.json("verdict.json")["reason"]
    assert set(served.asked.values()) == {1}
    # One that was leased when the load ended may be left.
    assert len(served.asked) >= orders - 4
    assert all("all of it has arrived" in one for one in ended)
    assert not list(tmp_path.glob("*/worker/*/feeds"))
