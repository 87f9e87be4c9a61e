"""Several load processes are one load: shared out exactly, ended in order, and nothing is left behind."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness import journal
from harness.journal import Journaled
from harness.outcomes import Outcome
from harness.plan import arrivals, reading
from harness.settings import ROOT
from tests.support.pipeline_process import Pipeline, all_gone, descendants


@pytest.fixture
def pipeline(home: Path, tmp_path: Path) -> Pipeline:
    return Pipeline(home, tmp_path / "runs")


def planned(pipeline: Pipeline, profile: str) -> list[int]:
    """When each arrival of the plan is due, in ns."""
    scenario = reading.find("short", profile, pipeline.plan())
    return [round(at * 1e9) for at in arrivals.times(scenario.stages).tolist()]


def due(journals: list[Journaled]) -> list[int]:
    """When each arrival that was begun was due, in ns."""
    return sorted(
        int(sched) - each.header["began"]
        for each in journals
        for sched in each.records["sched"][each.records["flags"] & journal.PARTNER == 0]
    )


def test_two_processes_share_the_arrivals_exactly_and_are_go(pipeline: Pipeline) -> None:
    result = pipeline.run("short", PERF_PROCESSES="2")
    journals = list(journal.read_all(result.folder))
    expected = planned(pipeline, "smoke")

    assert result.code == 0, result.out + result.err
    assert [each.header["worker"] for each in journals] == [0, 1]
    assert len({each.header["began"] for each in journals}) == 1
    assert abs(len(journals[0].records) - len(journals[1].records)) <= 10
    assert [abs(a - b) <= 1 for a, b in zip(due(journals), expected, strict=True)] == [True] * len(expected)
    assert sum(len(each.records) for each in journals) == result.json("load.json")["requests"]


def test_a_signal_loses_no_operation_of_any_process(pipeline: Pipeline) -> None:
    running = pipeline.start("short", "--profile", "full", PERF_PROCESSES="2")
    pipeline.journal(running, 50)
    below = descendants(running)
    running.send_signal(signal.SIGINT)
    result = pipeline.finish(running)
    journals = journal.read_all(result.folder)

    assert result.code == 3, result.out + result.err
    assert all(each.closed for each in journals)
    assert sum(len(each.records) for each in journals) == result.json("load.json")["requests"]
    assert result.checks("VIOLATED") == set()
    assert all_gone(below)


def test_a_load_process_of_another_run_that_joins_ends_the_load_and_makes_it_invalid(pipeline: Pipeline) -> None:
    running = pipeline.start("short", "--profile", "full", PERF_PROCESSES="2")
    pipeline.journal(running, 50)
    below = descendants(running)
    (master,) = (each for each in below if "--master" in each.cmdline())
    port = master.cmdline()[master.cmdline().index("--master-bind-port") + 1]
    command = [sys.executable, "-m", "locust", "-f", "locustfiles/messages.py,harness/load/shape.py", "--worker"]
    stranger = subprocess.Popen(
        [*command, "--master-host", "127.0.0.1", "--master-port", port],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PERF_RUN": "another"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        result = pipeline.finish(running)
    finally:
        stranger.kill()
        stranger.wait()

    assert result.code == 3, result.out + result.err
    assert "not of this run" in result.json("load.json")["ended_by"]
    assert result.checks("VIOLATED") == set()
    assert all_gone(below)


def test_a_killed_worker_makes_the_run_invalid_and_its_closed_operations_are_kept(pipeline: Pipeline) -> None:
    running = pipeline.start("short", "--profile", "full", PERF_PROCESSES="2")
    pipeline.journal(running, 50)
    below = descendants(running)
    (worker, _) = (each for each in below if "--worker" in each.cmdline())
    worker.kill()
    result = pipeline.finish(running)
    journals = journal.read_all(result.folder)
    broken = {each["id"] for each in result.json("verdict.json")["validity"] if each["state"] == "broken"}

    assert result.code == 3, result.out + result.err
    assert "WORKERS" in broken
    assert sorted(each.closed for each in journals) == [False, True]
    assert all((each.records["outcome"] == Outcome.ACK).sum() >= 20 for each in journals)
    assert result.checks("VIOLATED") == set()
    assert all_gone(below)


def test_a_killed_master_leaves_nothing_behind(pipeline: Pipeline) -> None:
    running = pipeline.start("short", "--profile", "full", PERF_PROCESSES="2")
    pipeline.journal(running, 50)
    below = descendants(running)
    (master,) = (each for each in below if "--master" in each.cmdline())
    master.kill()
    result = pipeline.finish(running)

    assert result.code == 3, result.out + result.err
    assert all_gone(below)
    assert result.checks("VIOLATED") == set()
