"""A run from an empty machine to a verdict, seen from outside: command line, exit code, files, processes."""

import json
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from harness import journaled
from harness.journal import PARTNER
from harness.outcomes import Outcome
from harness.plan import arrivals
from harness.run import Run
from tests.support import commands
from tests.support.pipeline_process import Pipeline, Result, all_gone, descendants
from tests.support.target_process import eventually, query, serving

FILES = {"run.json", "verdict.json", "integrity.json", "report.html", "summary.md", "junit.xml", "journal-0.bin"}


@pytest.fixture
def pipeline(home: Path, tmp_path: Path) -> Pipeline:
    return Pipeline(home, tmp_path / "runs")


@pytest.fixture(scope="module")
def clean(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A run of the clean target, each of its processes started as ever."""
    pipeline = Pipeline(home, tmp_path_factory.mktemp("clean") / "runs")
    return pipeline.finish(pipeline.start())


def test_a_clean_target_is_go_and_nothing_is_found(clean: Result) -> None:
    assert clean.code == 0, clean.out + clean.err
    assert clean.json("verdict.json")["verdict"] == "GO"
    assert clean.checks("VIOLATED") == clean.checks("UNDECIDED") == set()
    assert {path.name for path in clean.folder.iterdir()} >= FILES
    assert (clean.folder.parent / "latest").resolve() == clean.folder


def test_the_number_of_operations_is_the_same_everywhere(clean: Result) -> None:
    records = journaled.read_all(clean.folder)[0].records
    accepted = int((records["outcome"] == Outcome.ACK).sum())
    load, verdict = clean.json("load.json"), clean.json("verdict.json")

    assert (
        len(records)
        == load["requests"]
        == sum(each["count"] for each in verdict["operations"] if each["kind"] != "all")
    )
    assert load["planned"] == load["taken"] == 240
    assert accepted == clean.json("integrity.json")["observation"]["rows"]


def test_health_tells_of_every_second_how_often_each_kind_ended_as_what(clean: Result) -> None:
    lines = [json.loads(line) for line in (clean.folder / "health-0.jsonl").read_text().splitlines()]
    last = lines[-1]

    assert len(lines) >= 3
    assert sum(sum(ended.values()) for ended in last["outcomes"].values()) == last["ended"]
    assert set(last["outcomes"]["process"]) == {"ACK"}
    assert set(last["outcomes"]["stranger"]) == {"REJECT"}


def test_the_end_block_leads_with_the_verdict_and_stays_short(clean: Result) -> None:
    lines = clean.out.splitlines()

    assert len(lines) <= 40
    assert [line for line in lines if line.endswith("…")] == [], "a log is as wide as it needs to be"
    assert "GO" in "".join(lines[:3])
    assert all(word in clean.out for word in ("p95(response_time) < 30s", "report.html", "X1"))
    assert "\x1b" not in clean.out + clean.err


def test_a_report_can_be_made_again_from_the_folder_alone(clean: Result, pipeline: Pipeline) -> None:
    before = (clean.folder / "report.html").read_bytes()
    again = commands.run("harness", "report", str(clean.folder), environment=pipeline.environment())

    assert again.returncode == 0, again.stderr
    assert (clean.folder / "report.html").read_bytes() == before


def test_a_run_can_be_verified_again(clean: Result, pipeline: Pipeline) -> None:
    again = commands.run("harness", "verify", "messages", str(clean.folder), environment=pipeline.environment())

    assert again.returncode == 0, again.stderr
    assert "✓ GO" in again.stdout
    assert "HOLDS" in again.stdout
    assert "VIOLATED" not in again.stdout


def test_what_made_the_run_is_recorded(clean: Result) -> None:
    run = clean.json("run.json")

    assert run["database"]["settings"]["fsync"] == "on"
    assert run["database"]["settings"]["synchronous_commit"] == "on"
    assert run["seed"] == 1
    assert run["versions"]["locust"]
    assert run["host"]["cores"] >= 1
    assert run["seeding"]["users"] == 10_000


def test_a_fault_is_no_go_by_the_check_that_must_catch_it(pipeline: Pipeline) -> None:
    result = pipeline.run("short", "--fault", "swallowed_error")

    assert result.code == 1, result.out + result.err
    assert "X1" in result.checks("VIOLATED"), result.out
    for check in result.json("integrity.json")["checks"]:
        if check["state"] == "VIOLATED":
            assert check["witnesses"] > 0
            assert check["first"] or check["detail"], check["id"]


def test_a_signal_during_the_load_ends_it_in_order(pipeline: Pipeline) -> None:
    running = pipeline.start("short", "--profile", "full")
    pipeline.journal(running, 100)
    below = descendants(running)
    running.send_signal(signal.SIGINT)
    result = pipeline.finish(running)
    records = journaled.read_all(result.folder)[0]

    assert result.code == 3, result.out + result.err
    assert result.json("verdict.json")["verdict"] == "INVALID"
    assert "SIGINT during the load" in result.out
    assert records.closed
    assert (records.records["end"] > 0).all()
    assert len(records.records) == result.json("load.json")["requests"]
    assert result.checks("VIOLATED") == set()
    assert all_gone(below)


def test_a_signal_before_the_load_leaves_nothing_behind(pipeline: Pipeline) -> None:
    running = pipeline.start()
    below: list[psutil.Process] = eventually(lambda: descendants(running))
    running.send_signal(signal.SIGTERM)
    below += descendants(running) if running.poll() is None else []
    result = pipeline.finish(running)

    # Nothing was measured, so that nothing is INVALID either.
    assert result.code == 143, result.out + result.err
    assert "SIGTERM before anything was sent" in result.err
    assert "INVALID" not in result.err
    assert "Traceback" not in result.err
    assert not list(pipeline.runs.glob("*/latest"))
    assert not list(pipeline.runs.glob("*/*/journal-0.bin"))
    assert all_gone(below)


def test_a_killed_pipeline_takes_its_processes_with_it(pipeline: Pipeline) -> None:
    running = pipeline.start("short", "--profile", "full")
    pipeline.journal(running, 20)
    below = descendants(running)
    running.kill()
    running.communicate()

    assert len(below) >= 4
    assert all_gone(below)


def test_a_target_that_dies_is_no_go(pipeline: Pipeline) -> None:
    running = pipeline.start("short", "--profile", "full")
    pipeline.journal(running, 100)
    (target,) = (each for each in descendants(running) if "serve" in each.cmdline())
    target.kill()
    result = pipeline.finish(running)

    assert result.code == 1, result.out + result.err
    assert "died" in result.json("verdict.json")["reason"]


def test_a_killed_verification_leaves_a_verdict_and_a_report(pipeline: Pipeline) -> None:
    running = pipeline.start("short")

    def verifier() -> list[psutil.Process]:
        found = []
        for each in descendants(running):
            with suppress(psutil.Error):
                found += [each] if "verification" in each.cmdline() else []
        return found

    eventually(verifier, running)[0].kill()  # type: ignore[arg-type]
    result = pipeline.finish(running)
    verdict = result.json("verdict.json")

    assert result.code == 3, result.out + result.err
    assert verdict["verdict"] == "INVALID"
    assert "did not come to its end" in verdict["reason"]
    assert (result.folder / "report.html").exists()


def test_stop_in_the_web_ui_ends_the_load_and_what_was_done_is_verified_also_at_another_rate(
    pipeline: Pipeline,
) -> None:
    result, shown = pipeline.run_with_ui("short", "--profile", "full", stop_after=20, rate=120)
    (change,) = result.json("verdict.json")["run"]["steered"]
    run, (process,) = Run.open(result.folder), journaled.read_all(result.folder)
    planned, _ = arrivals.planned(run.scenario, run.facts["seed"])
    due = np.sort(process.records["sched"][process.records["flags"] & PARTNER == 0]) - process.header["began"]

    assert result.code == 3, result.out + result.err
    assert "Stop in the web UI during the load" in result.json("verdict.json")["reason"]
    assert {check["state"] for check in result.json("integrity.json")["checks"]} <= {"HOLDS", "UNDECIDED"}
    # What was begun is what the plan, changed as it was, and the seed say.
    assert change["rate"] == 120
    assert np.abs(due - planned[: len(due)] * 1e9).max() <= 2
    assert due[-1] > change["second"] * 1e9 > due[0]
    assert process.header["arrivals"] == len(planned)
    assert "changed by hand: 120.0/s offered from" in result.out
    assert shown["state"] == "stopped"
    assert "p95(response_time" in shown["page"]
    assert "load process" in shown["page"]


@pytest.fixture
def served(database: str, home: Path) -> Iterator[str]:
    """The URL of a target of ours that runs by itself."""
    from schema.migrate import migrate

    migrate("messages", database)
    with serving(database, 1, "none") as target:
        yield target.url


def test_what_is_not_ours_is_loaded_seeded_scaled_and_proved_and_its_secret_is_shown_nowhere(
    served: str, database: str, pipeline: Pipeline, tmp_path: Path
) -> None:
    secret = "hunter2-very-secret"
    query(database, "DROP ROLE IF EXISTS tester")
    query(database, f"CREATE ROLE tester SUPERUSER LOGIN PASSWORD '{secret}'")
    url = database.replace("postgres@", f"tester:{secret}@")
    told = tmp_path / "scaled"
    command = f"sh -c 'echo {{processes}} >> {told}'"
    running = pipeline.start("short-scaling", TARGET_URL=served, DATABASE_URL=url, PERF_SCALE_CMD=command)
    pipeline.journal(running, 50)
    lines = [" ".join(each.cmdline()) for each in [psutil.Process(running.pid), *descendants(running)]]
    result = pipeline.finish(running)

    assert told.read_text().split() == ["1", "2"]
    assert [step["processes"] for step in result.json("run.json")["scaling"]] == [2]
    # Nobody delivers there: what was accepted is still pending, and that is found.
    assert result.checks("VIOLATED") == {"MP3"}, result.out + result.err
    assert query(database, "SELECT count(*) FROM users") == [(10_000,)]
    assert secret not in "\n".join(lines)
    assert secret not in result.out + result.err
    for path in result.folder.iterdir():
        assert secret.encode() not in path.read_bytes(), path
