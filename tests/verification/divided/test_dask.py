"""Parts that two workers of Dask judge, each a process of its own: the same is found, also if one dies meanwhile."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness import check, scale
from harness.errors import PlanError
from harness.project import environment
from harness.settings import Settings
from harness.stack.process import free_port
from tests.support import commands
from tests.support.divided import written
from tests.support.message_scene import KEY, Scene, clean_scene
from tests.support.target_process import eventually
from verification.__main__ import verify
from verification.divided import running


@pytest.fixture
def scene(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return clean_scene(database, tmp_path, monkeypatch)


DOOMED = "doomed"


@contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command of Dask, on loopback, until the end."""
    command = [sys.executable, "-W", "ignore", "-m", "distributed.cli.dask_" + words[0], *words[1:]]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def cluster() -> Iterator[tuple[str, Any, subprocess.Popen[bytes]]]:
    """A scheduler and two workers: its address, a client of it, and the worker that is DOOMED."""
    from distributed import Client

    address = f"tcp://127.0.0.1:{free_port()}"
    worker = ("worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
    with (
        started("scheduler", "--host", "127.0.0.1", "--port", address.rpartition(":")[2], "--no-dashboard"),
        started(*worker, "--name", DOOMED) as doomed,
        started(*worker),
        Client(address, timeout=60, set_as_default=False) as client,
    ):
        client.wait_for_workers(2, timeout=60)
        yield address, client, doomed


def test_two_workers_find_the_same_and_one_that_dies_changes_nothing(scene: Scene, tmp_path: Path) -> None:
    scene.sql(f"DELETE FROM message_logs WHERE idempotency_key = '{KEY[1]}'")
    verify(scene.run, scene.url)
    whole = written(scene.run)
    asked = {**os.environ, "DATABASE_URL": scene.url, "PERF_PARTITIONS": "7"}
    asked["PERF_PARTITIONS_FOLDER"] = f"file://{tmp_path}/shared"
    with cluster() as (address, client, doomed), ThreadPoolExecutor(1) as thread:

        def verified() -> subprocess.CompletedProcess[str]:
            return commands.run("verification", str(scene.run.folder), environment={**asked, "PERF_DASK": address})

        assert (verified().returncode, written(scene.run)) == (0, whole)
        # One that gets something to do, and doesn't do it: then it is killed.
        where = next(at for at, one in _workers(client).items() if one["name"] == DOOMED)
        doomed.send_signal(signal.SIGSTOP)
        after = thread.submit(verified)
        eventually(lambda: client.processing()[where])
        doomed.kill()
        assert after.result().returncode == 0
        assert written(scene.run) == whole
        assert [one["name"] == DOOMED for one in _workers(client).values()] == [False]


def _workers(client: Any) -> dict[str, Any]:
    found: dict[str, Any] = client.scheduler_info(n_workers=-1)["workers"]
    return found


def test_where_no_scheduler_answers_it_is_an_error_of_usage(scene: Scene) -> None:
    nobody = "tcp://127.0.0.1:1"
    asked = {**os.environ, "DATABASE_URL": scene.url, "PERF_PARTITIONS": "2", "PERF_DASK": nobody}
    said = commands.run("verification", str(scene.run.folder), environment=asked)

    assert said.returncode == 2
    assert said.stderr.startswith(f"error: PERF_DASK={nobody}: no scheduler of Dask answers there")
    assert not (scene.run.folder / check.FILE).exists()


def test_a_load_is_not_begun_whose_parts_nobody_will_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERF_DASK", "tcp://127.0.0.1:1")

    with pytest.raises(PlanError, match=r"Connection refused\. `dask scheduler --port 1` starts one"):
        scale.require(Settings())


def test_a_scheduler_to_which_no_worker_comes_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "WORKERS_S", 0.2)
    port = str(free_port())
    with (
        started("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard"),
        pytest.raises(PlanError, match=r"no worker has come to that scheduler in 0\.2 s: `dask worker"),
    ):
        running.over_dask([], f"tcp://127.0.0.1:{port}")


def test_without_dask_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERF_DASK", "tcp://127.0.0.1:8786")
    monkeypatch.setattr(scale.importlib.util, "find_spec", lambda _: None)

    with pytest.raises(PlanError, match="PERF_DASK is set, and Dask is not installed: `make venv` installs it"):
        scale.require(Settings())
