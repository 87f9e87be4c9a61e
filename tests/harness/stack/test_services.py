"""A service is up when it says so itself, has the processes that the plan asks for, and leaves none behind."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from harness.errors import StackError
from harness.plan.scenario import Service
from harness.run import Run
from harness.stack import services
from harness.stack.process import free_port
from harness.stack.services import PIDS, Services, command, pids
from harness.stack.variant import Variant
from tests.support.plans import varied

WAITS = "import os, pathlib, time; pathlib.Path(os.environ['READY']).touch(); time.sleep(600)"
SERVES = (
    "import http.server, sys; H = http.server.SimpleHTTPRequestHandler; "
    "http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), H).serve_forever()"
)
SILENT = "import time; time.sleep(600)"
ENDS = "import sys; sys.exit('no such queue')"


def service(code: str, words: str = "", ready: str = "file", processes: int = 1) -> Service:
    return Service(f'{sys.executable} -c "{code}" {words}'.strip(), ready, processes, 1)


@contextmanager
def target(folder: Path, **of: Service) -> Iterator[tuple[Services, Run]]:
    run = Run.create(folder, varied("sustained"), seed=1, interrupted=None)
    found = Services(of, run, "postgresql://nobody@127.0.0.1:1/none", free_port(), Variant())
    try:
        yield found, run
    finally:
        found.stop()


def test_each_service_is_up_by_its_own_probe_and_its_processes_are_on_record(tmp_path: Path) -> None:
    api, worker = service(SERVES, "{port}", "GET /"), service(WAITS, processes=2)
    with target(tmp_path, api=api, worker=worker) as (up, run):
        up.start()
        found = pids(run.folder)
        below = [psutil.Process(pid) for numbers in found.values() for pid in numbers]

        assert {name: len(numbers) for name, numbers in found.items()} == {"api": 1, "worker": 2}
        assert all(process.is_running() for process in below)
        assert up.died() == []
    assert not psutil.wait_procs(below, timeout=60)[1]


def test_a_service_is_scaled_up_and_down(tmp_path: Path) -> None:
    with target(tmp_path, worker=service(WAITS)) as (up, run):
        up.start()
        up.scale("worker", 3)
        three = pids(run.folder)["worker"]
        up.scale("worker", 1)

        assert len(three) == 3
        assert pids(run.folder)["worker"] == three[:1]
        assert up.died() == []


def test_a_service_that_starts_its_processes_itself_is_started_anew_with_another_number(tmp_path: Path) -> None:
    with target(tmp_path, api=service(WAITS, "{processes}")) as (up, run):
        up.start()
        first = pids(run.folder)["api"]
        up.scale("api", 1)
        same = pids(run.folder)["api"]
        up.scale("api", 4)
        anew = pids(run.folder)["api"]

        assert same == first
        assert len(anew) == 1
        assert anew != first
        assert not psutil.pid_exists(first[0])
        assert psutil.Process(anew[0]).cmdline()[-1] == "4"
        assert up.died() == []


def test_a_service_that_ends_by_itself_is_named_with_what_it_said(tmp_path: Path) -> None:
    with target(tmp_path, worker=service(ENDS)) as (up, _), pytest.raises(StackError) as caught:
        up.start()
    assert "service worker ended with code 1 before it was up" in str(caught.value)
    assert "no such queue" in str(caught.value)


@pytest.mark.parametrize(
    ("slow", "missing"),
    [(service(SILENT), "the file that READY names"), (service(SILENT, "{port}", "GET /health"), "GET /health: ")],
)
def test_a_service_that_does_not_come_up_is_named_with_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow: Service, missing: str
) -> None:
    monkeypatch.setattr(services, "START_TIMEOUT_S", 0.2)
    with target(tmp_path, slow=slow) as (up, _), pytest.raises(StackError) as caught:
        up.start()
    assert "service slow is not up after 0.2 s" in str(caught.value)
    assert missing in str(caught.value)


def test_a_process_that_dies_later_is_reported_by_the_name_of_its_service(tmp_path: Path) -> None:
    with target(tmp_path, worker=service(WAITS), other=service(WAITS)) as (up, run):
        up.start()
        process = psutil.Process(pids(run.folder)["worker"][0])
        process.kill()
        process.wait(60)

        assert up.died() == ["worker"]


def test_a_command_line_names_settings_pool_port_and_variant() -> None:
    start = "{python} -m shop --port {port} --pool {pool} --n {number}/{processes} --ms {ms} {fault} {strategy}"
    found = command(Service(start, "file", 2, 7, {"ms": 80}), 2, 2, 5000, Variant("lost", "slow"))
    clean = command(Service(start, "file", 2, 7, {"ms": 80}), 1, 2, 5000, Variant())

    words = ["-m", "shop", "--port", "5000", "--pool", "7", "--n", "2/2", "--ms", "80"]
    assert found == [sys.executable, *words, "--fault", "lost", "--strategy", "slow"]
    assert clean == [sys.executable, *words[:-4], "--n", "1/2", "--ms", "80"]


def test_a_folder_without_services_has_no_processes(tmp_path: Path) -> None:
    assert pids(tmp_path) == {}
    (tmp_path / PIDS).write_text(json.dumps({"api": [1]})[:-2])
    assert pids(tmp_path) == {}
