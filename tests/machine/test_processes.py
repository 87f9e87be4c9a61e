"""Several load processes are one load: shared out exactly, ended in order, and nothing is left behind."""

import signal
from pathlib import Path

import pytest

from harness import journal, journaled
from harness.journaled import Journaled
from harness.plan import arrivals, reading
from harness.run import Run
from harness.stack.process import free_port
from tests.support.pipeline_process import Pipeline, all_gone, descendants

pytestmark = pytest.mark.machine


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


def test_two_processes_share_the_arrivals_exactly_and_are_go_and_the_web_ui_shows_both(pipeline: Pipeline) -> None:
    result, shown = pipeline.run_with_ui("short", PERF_PROCESSES="2")
    journals = list(journaled.read_all(result.folder))
    expected = planned(pipeline, "smoke")

    assert result.code == 0, result.out + result.err
    assert [each.header["worker"] for each in journals] == [0, 1]
    assert len({each.header["began"] for each in journals}) == 1
    assert abs(len(journals[0].records) - len(journals[1].records)) <= 10
    assert [abs(a - b) <= 1 for a, b in zip(due(journals), expected, strict=True)] == [True] * len(expected)
    assert sum(len(each.records) for each in journals) == result.json("load.json")["requests"]
    assert {each["name"] for each in shown["stats"]} >= {"process", "repeat", "conflict", "stranger", "race"}
    assert shown["stats"][-1]["num_requests"] == result.json("load.json")["requests"]
    # It stays when the run is reported, and shows the report; pages of others steer nothing.
    assert (shown["now"], shown["refused"]) == (205, 403)
    assert shown["report"] == (result.folder / "report.html").read_text()


def test_a_signal_loses_no_operation_of_any_process_also_after_a_person_changed_the_rate(pipeline: Pipeline) -> None:
    port = free_port()
    running = pipeline.start("short", "--profile", "full", "--ui", PERF_PROCESSES="2", PERF_UI_PORT=str(port))
    pipeline.change(running, port, pipeline.journal(running, 50), 120)
    below = descendants(running)
    running.send_signal(signal.SIGTERM)
    result = pipeline.finish(running)
    journals = journaled.read_all(result.folder)

    assert result.code == 3, result.out + result.err
    assert "SIGTERM during the load" in result.out
    assert all((each.records["end"] > 0).all() for each in journals)
    assert all(each.closed for each in journals)
    assert sum(len(each.records) for each in journals) == result.json("load.json")["requests"]
    assert result.checks("VIOLATED") == set()
    assert all_gone(below)
    # All processes plan the same load anew, at the same moment, and share it out as before.
    run, found = Run.open(result.folder), due(journals)
    anew = (arrivals.planned(run.scenario, run.facts["seed"])[0] * 1e9).astype(int).tolist()
    assert sum(each.header["arrivals"] for each in journals) == len(anew)
    assert all(any(abs(one - at) <= 2 for at in anew[max(n - 99, 0) : n + 99]) for n, one in enumerate(found))
    assert len({one // 10**6 for one in found}) == len(found)
