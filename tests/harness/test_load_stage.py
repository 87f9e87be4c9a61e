"""The load as the pipeline puts it on, watched, scaled and ended; what it leaves is verified and reported."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from harness import journaled
from harness.outcomes import Outcome
from harness.plan import reading
from harness.plan.scenario import Scenario
from harness.run import UNREAD, Run
from harness.settings import ROOT
from harness.stack.postgres import Postgres
from harness.stack.variant import Variant
from harness.verdict import CheckState
from tests.support.judged import Judged, When, below, judged, kill
from tests.support.pipeline_process import PLAN, all_gone


def scenario(name: str, folder: Path, profile: str = "smoke") -> Scenario:
    path = folder / "plan.toml"
    path.write_text(PLAN)
    return reading.find(name, profile, path)


def broken(found: Judged) -> set[str]:
    """The ids of the conditions of validity that are."""
    return {each["id"] for each in found.verdict["validity"] if each["state"] == "broken"}


def rules(found: Judged) -> dict[str, str]:
    """The state of each rule by its text."""
    return {rule["text"]: rule["state"] for rule in found.verdict["rules"]}


@pytest.mark.usefixtures("nurseries")
@pytest.mark.parametrize("status", [401, 429])
def test_a_target_that_does_nothing_is_invalid_and_not_go(status: int, cluster: Postgres, tmp_path: Path) -> None:
    found = judged(cluster, tmp_path, scenario("short", tmp_path), Variant(f"every_{status}"))

    assert broken(found) >= {"STATUSES", "SUCCESSES"}
    assert found.verdict["exit_code"] == 3
    said = {each["id"]: each["value"] for each in found.verdict["validity"]}
    first = (found.run.folder / UNREAD.format(0)).read_text()
    assert f": {status} " in first
    assert "answers were not understood, which makes [contract] the suspect" in said["STATUSES"]
    assert said["STATUSES"].endswith(first)
    assert found.checks(CheckState.VIOLATED) == set()
    assert "X11" in found.checks(CheckState.UNDECIDED)


@pytest.mark.usefixtures("nurseries")
def test_answers_of_500_after_the_commit_are_errors_but_no_phantoms(cluster: Postgres, tmp_path: Path) -> None:
    # Every other answer is such: enough of each kind for some to be others.
    mix = {"process": 50, "repeat": 10, "conflict": 10, "stranger": 10, "race": 10, "later": 10}
    found = judged(cluster, tmp_path, replace(scenario("short", tmp_path), mix=mix), Variant("fail_after_commit"))

    assert found.verdict["exit_code"] == 1
    assert found.checks(CheckState.VIOLATED) == set()
    assert rules(found)["ratio(errors) < 1%"] == "NO-GO"
    assert found.run.read("integrity.json")["resolved"]["committed"] > 50


@pytest.mark.usefixtures("nurseries")
def test_a_slow_one_percent_breaks_the_rule_on_the_tail(cluster: Postgres, tmp_path: Path) -> None:
    found = judged(cluster, tmp_path, scenario("short-tail", tmp_path), Variant("slow_one_percent"))

    assert found.verdict["exit_code"] in (1, 4)
    assert rules(found)["p99(response_time) < 900ms"] in ("CONDITIONAL", "NO-GO")
    assert found.checks(CheckState.VIOLATED) == set()


def test_a_killed_load_process_makes_the_run_invalid_but_loses_no_closed_operation(
    cluster: Postgres, tmp_path: Path
) -> None:
    killed = When(100, kill("harness.load"))
    found = judged(cluster, tmp_path, scenario("short", tmp_path, "full"), Variant(), meanwhile=killed)

    assert broken(found) >= {"WORKERS"}
    assert found.verdict["exit_code"] == 3
    assert (journaled.read(found.run.folder / "journal-0.bin").records["outcome"] == Outcome.ACK).sum() >= 80
    assert found.checks(CheckState.VIOLATED) == set()


def test_a_target_that_dies_is_no_go(cluster: Postgres, tmp_path: Path) -> None:
    killed = When(100, kill("target", "serve"))
    found = judged(cluster, tmp_path, scenario("short", tmp_path, "full"), Variant(), meanwhile=killed)

    assert found.verdict["exit_code"] == 1
    assert "died" in found.verdict["reason"]


def test_a_target_that_stands_still_shows_in_response_time_and_late_starts_but_not_in_service_time(
    cluster: Postgres, tmp_path: Path
) -> None:
    target: list[psutil.Process] = []
    still: list[float] = []

    def suspend() -> None:
        target.extend(below("target", "serve"))
        target[0].suspend()
        still.append(time.monotonic())

    suspended = When(60, suspend)

    def meanwhile(run: Run) -> None:
        suspended(run)
        if len(still) == 1 and time.monotonic() > still[0] + 2.0:
            target[0].resume()
            still.append(time.monotonic())

    found = judged(cluster, tmp_path, scenario("few-users", tmp_path), Variant(), meanwhile=meanwhile)
    records = journaled.read_all(found.run.folder)[0].records
    response = sorted((records["end"] - records["sched"]) / 1e9)
    service = sorted((records["end"] - records["start"]) / 1e9)

    assert response[int(len(response) * 0.99)] > 1.5
    assert service[len(service) // 2] < 0.5
    assert (records["waited"] > 100_000).sum() >= 20
    assert found.checks(CheckState.VIOLATED) == set()


@pytest.mark.usefixtures("nurseries")
def test_a_closed_load_has_as_many_users_as_its_stages_say(cluster: Postgres, tmp_path: Path) -> None:
    found = judged(cluster, tmp_path, scenario("closed", tmp_path), Variant())
    ((records, began),) = [(one.records, one.header["began"]) for one in journaled.read_all(found.run.folder)]
    first = records[records["start"] < began + 1_900_000_000]

    assert found.verdict["exit_code"] == 0
    assert len(set(first["user"].tolist())) == 5
    assert len(set(records["user"].tolist())) == 20
    assert (records["sched"] == records["start"]).all()
    assert len(records) == found.run.read("load.json")["requests"]


@pytest.mark.usefixtures("nurseries")
def test_delivery_workers_are_scaled_during_the_load(cluster: Postgres, tmp_path: Path) -> None:
    found = judged(cluster, tmp_path, scenario("short-scaling", tmp_path), Variant())

    assert found.verdict["exit_code"] == 0
    assert [step["processes"] for step in found.run.facts["scaling"]] == [2]
    assert set(rules(found).values()) == {"PASS"}


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two load processes, below a master."""
    monkeypatch.setenv("PERF_PROCESSES", "2")


@pytest.mark.usefixtures("two")
def test_a_killed_worker_makes_the_run_invalid_and_its_closed_operations_are_kept(
    cluster: Postgres, tmp_path: Path
) -> None:
    killed = When(50, kill("harness.load", "--worker"))
    found = judged(cluster, tmp_path, scenario("short", tmp_path, "full"), Variant(), meanwhile=killed)
    journals = journaled.read_all(found.run.folder)

    assert broken(found) >= {"WORKERS"}
    assert found.verdict["exit_code"] == 3
    assert sorted(each.closed for each in journals) == [False, True]
    assert all((each.records["outcome"] == Outcome.ACK).sum() >= 20 for each in journals)
    assert found.checks(CheckState.VIOLATED) == set()
    assert all_gone(killed.of)


@pytest.mark.usefixtures("two")
def test_a_killed_master_leaves_nothing_behind(cluster: Postgres, tmp_path: Path) -> None:
    killed = When(50, kill("harness.load", "--master"))
    found = judged(cluster, tmp_path, scenario("short", tmp_path, "full"), Variant(), meanwhile=killed)

    assert found.verdict["exit_code"] == 3
    assert len(killed.of) == 3
    assert all_gone(killed.of)
    assert found.checks(CheckState.VIOLATED) == set()


@pytest.fixture
def stranger() -> Iterator[When]:
    """A worker of another run that joins the master."""
    started: list[subprocess.Popen[bytes]] = []

    def join() -> None:
        (master,) = below("harness.load", "--master")
        port = master.cmdline()[master.cmdline().index("--master-bind-port") + 1]
        command = [sys.executable, "-m", "locust", "-f", "locustfiles/messages.py,harness/load/shape.py", "--worker"]
        started.append(
            subprocess.Popen(
                [*command, "--master-host", "127.0.0.1", "--master-port", port],
                cwd=ROOT,
                env={"PATH": "/usr/bin:/bin", "PERF_RUN": "another"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )

    yield When(50, join)
    for each in started:
        each.send_signal(signal.SIGKILL)
        each.wait()


@pytest.mark.usefixtures("two")
def test_a_load_process_of_another_run_that_joins_ends_the_load_and_makes_it_invalid(
    cluster: Postgres, tmp_path: Path, stranger: When
) -> None:
    found = judged(cluster, tmp_path, scenario("short", tmp_path, "full"), Variant(), meanwhile=stranger)

    assert found.verdict["exit_code"] == 3
    assert "not of this run" in found.run.read("load.json")["ended_by"]
    assert found.checks(CheckState.VIOLATED) == set()
    assert all_gone(stranger.of)
