"""What a machine is given for a load, what it refuses of it, and what can't come from several machines at all."""

import json
import socket
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import GuardError, PlanError, StackError
from harness.machines import given
from harness.machines.elsewhere import address
from harness.machines.refusal import refuse
from harness.machines.wire import Message
from harness.plan import reading
from harness.plan.scenario import FeedFile, Scenario
from harness.run import Run
from harness.settings import Settings


@pytest.fixture
def url() -> Iterator[str]:
    """Of something that listens."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def bundle(folder: Path, url: str) -> tuple[dict[str, Any], bytes]:
    """That of a run of `peak`."""
    run = Run.create(folder, reading.find("peak", "smoke"), seed=1)
    fixtures = run.folder / given.FIXTURES
    fixtures.parent.mkdir()
    fixtures.write_text('{"token": "t0ken"}')
    about, secret, _ = given.bundle(run, Settings(), url, "", [])
    return json.loads(json.dumps(about)), secret


def no_files(name: str, offset: int) -> Message:
    raise AssertionError(f"{name} at {offset}: nothing is to be asked for")


def test_it_has_the_plan_and_what_only_its_owner_may_read(tmp_path: Path, url: str) -> None:
    about, secret = bundle(tmp_path / "runs", url)
    folder = tmp_path / "worker" / "one"
    locustfile = given.unpack(folder, about, secret, Settings(), no_files)
    fixtures = folder / given.FIXTURES

    assert Run.open(folder).scenario == replace(reading.find("peak", "smoke"), locustfile=str(locustfile))
    assert fixtures.read_text() == '{"token": "t0ken"}'
    assert stat.S_IMODE(fixtures.stat().st_mode) == 0o600
    assert "t0ken" not in (folder / "run.json").read_text()


def test_a_machine_loads_what_its_own_setting_allows_and_no_other(tmp_path: Path, url: str) -> None:
    about, secret = bundle(tmp_path / "runs", url)

    with pytest.raises(GuardError, match=r"refused to load 192\.0\.2\.7"):
        given.unpack(tmp_path / "worker", {**about, "url": "http://192.0.2.7:1"}, secret, Settings(), no_files)
    assert not (tmp_path / "worker").exists()


def test_a_target_that_can_not_be_reached_is_named(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        about, secret = bundle(tmp_path / "runs", f"http://127.0.0.1:{closed.getsockname()[1]}")

        with pytest.raises(StackError, match=r"can't be reached from "):
            given.unpack(tmp_path / "worker", about, secret, Settings(), no_files)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"network": "another"}, r"http://127.*: its host is each machine's own: expected TARGET_URL, or PERF_BIND"),
        (
            {"network": "another", "url": "", "database": "postgresql://ours@localhost/app"},
            "DATABASE_URL is on localhost, which is each machine's own: expected its address",
        ),
    ],
)
def test_what_is_on_the_loopback_of_the_master_is_not_looked_for_on_that_of_another_machine(
    tmp_path: Path, url: str, other: dict[str, str], why: str
) -> None:
    """Something else may listen there, too: then what is acknowledged was never stored where it is looked for."""
    about, secret = bundle(tmp_path / "runs", url)

    with pytest.raises(PlanError, match=why):
        given.unpack(tmp_path / "worker", {**about, **other}, secret, Settings(), no_files)
    assert not (tmp_path / "worker").exists()


def test_a_machine_calls_an_engine_only_in_a_database_that_its_own_setting_allows(tmp_path: Path, url: str) -> None:
    about, secret = bundle(tmp_path / "runs", url)
    about |= {"url": "", "database": "postgresql://ours@192.0.2.7/app"}

    with pytest.raises(GuardError, match=r"the database 192\.0\.2\.7/app: it is not on this machine"):
        given.unpack(tmp_path / "worker", about, secret, Settings(), no_files)


def test_users_who_call_the_engine_are_given_its_database_and_others_are_not(tmp_path: Path, url: str) -> None:
    run = Run.create(tmp_path / "runs", reading.find("peak", "smoke"), seed=1)

    assert given.bundle(run, Settings(), "", "postgresql://db/app", [])[0]["database"] == "postgresql://db/app"
    assert given.bundle(run, Settings(), url, "postgresql://db/app", [])[0]["database"] == ""


def test_users_know_how_many_load_processes_there_are(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERF_WORKERS", "4")
    about, secret = bundle(tmp_path / "runs", url)
    given.unpack(tmp_path / "worker", about, secret, Settings(), no_files)

    assert Run.open(tmp_path / "worker").processes == 4


def test_a_variable_that_changes_facts_goes_with_it(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTS_PER_REQUEST", "10")
    monkeypatch.setenv("OTHER", "1")
    run = Run.create(tmp_path / "runs", reading.find("orchestrator-load", "smoke"), seed=1)

    assert given.bundle(run, Settings(), url, "", [])[0]["variables"] == {"EVENTS_PER_REQUEST": "10"}
    assert bundle(tmp_path / "other", url)[0]["variables"] == {}


def test_certificates_and_feeds_go_with_it(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, certificates = tmp_path / "users.csv", tmp_path / "ca.pem"
    rows.write_text("name\nAda\n")
    certificates.write_text("certificates")
    feeds = {"users": FeedFile(str(rows), "sequential", 1, given.digest(rows))}
    run = Run.create(tmp_path / "runs", replace(PEAK, feeds=feeds), seed=1)
    monkeypatch.setenv("PERF_CA_FILE", str(certificates))
    about, secret, files = given.bundle(run, Settings(), url, "", [])
    folder = tmp_path / "worker"
    given.unpack(folder, json.loads(json.dumps(about)), secret, Settings(), files.piece)
    there = folder / given.FEEDS / "users.csv"

    assert (folder / given.CERTIFICATES).read_text() == "certificates"
    assert Run.open(folder).scenario.feeds == {"users": replace(feeds["users"], file=str(there))}
    assert there.read_text() == rows.read_text()
    assert stat.S_IMODE(there.parent.stat().st_mode) == 0o700


def test_another_locustfile_is_refused(tmp_path: Path, url: str) -> None:
    about, secret = bundle(tmp_path / "runs", url)
    tree, place, _ = about["locustfile"]

    with pytest.raises(PlanError, match=r"messages.py: expected it as it is at the master"):
        given.unpack(tmp_path / "worker", {**about, "locustfile": [tree, place, "0"]}, secret, Settings(), no_files)
    about["locustfile"][1] = "gone.py"
    with pytest.raises(PlanError, match=r"gone.py: expected it as it is at the master"):
        given.unpack(tmp_path / "worker", about, secret, Settings(), no_files)


def test_a_locustfile_outside_of_the_project_is_refused(tmp_path: Path) -> None:
    scenario = replace(reading.find("peak", "smoke"), locustfile=str(tmp_path / "mine.py"))
    run = Run.create(tmp_path / "runs", scenario)

    with pytest.raises(PlanError, match=r"mine\.py: another machine would not find it"):
        given.bundle(run, Settings(), "http://127.0.0.1:1", "", [])


PEAK = reading.find("peak", "smoke")
REFUSED: dict[str, tuple[Scenario, str]] = {
    "rounds": (reading.find("high-contention", "smoke"), "all its users meet, for which they must be in one process"),
    "an engine in the embedded PostgreSQL": (reading.find("event-append", "smoke"), "expected DATABASE_URL"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_come_from_several_machines_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERF_WORKERS", "4")
    scenario, why = REFUSED[name]

    with pytest.raises(PlanError, match=why):
        refuse(scenario, Settings())
    refuse(PEAK, Settings())
    refuse(reading.find("orchestrator-stress", "smoke"), Settings())
    monkeypatch.setenv("DATABASE_URL", "postgresql://10.0.0.1/app")
    refuse(reading.find("event-append", "smoke"), Settings())


@pytest.mark.parametrize(
    ("variables", "master"),
    [
        ({"PERF_MASTER": "10.0.0.1"}, ("10.0.0.1", 5557)),
        ({"PERF_MASTER": "10.0.0.1:7000"}, ("10.0.0.1", 7000)),
        ({"PERF_MASTER": "[::1]:7000"}, ("::1", 7000)),
        ({"PERF_MASTER": "::1"}, ("::1", 5557)),
        ({"LOCUST_MASTER_NODE_HOST": "master", "LOCUST_MASTER_NODE_PORT": "7000"}, ("master", 7000)),
        ({"PERF_MASTER": "ours", "LOCUST_MASTER_NODE_HOST": "theirs"}, ("ours", 5557)),
        ({}, ("", 5557)),
    ],
)
def test_where_the_master_is(variables: dict[str, str], master: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert Settings().master == master


@pytest.mark.parametrize(
    ("name", "value"),
    [("PERF_WORKERS", "0"), ("PERF_WORKERS", "many"), ("PERF_SILENCE", "soon"), ("LOCUST_MASTER_BIND_PORT", "x")],
)
def test_nonsense_is_refused_by_name(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(PlanError, match=f"{name}='{value}'"):
        Settings()


def test_others_are_told_an_address_that_is_none_of_all() -> None:
    assert address("10.0.0.1") == "10.0.0.1"
    assert address("0.0.0.0") != "0.0.0.0"
