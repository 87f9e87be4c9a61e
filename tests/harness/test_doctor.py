"""What is missing is told with what fixes it, and fails; what not every run needs is only told."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import containers, doctor
from harness.errors import StackError

Told = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Told:
    """Examines in an environment: exit code, and lines."""
    monkeypatch.setattr(doctor, "_database", lambda _: None)

    def examine(**environment: str) -> tuple[int, list[str]]:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        code = doctor.examine()
        return code, capsys.readouterr().out.splitlines()

    return examine


def test_all_is_well_here(told: Told) -> None:
    code, lines = told()

    assert code == 0
    assert not [line for line in lines if line.startswith("MISSING")]


def test_what_is_missing_fails_with_the_command_that_fixes_it(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(_: object) -> None:
        raise StackError("nothing listens there: start it")

    monkeypatch.setattr(doctor, "_target", down)
    monkeypatch.setattr(doctor, "OPEN_FILES", 10**9)
    monkeypatch.setattr(doctor, "FREE_BYTES", 10**18)
    monkeypatch.setattr(doctor, "_required", lambda: ["no-such-package"])
    with socket.create_server(("127.0.0.1", 0)) as used:
        port = used.getsockname()[1]
        code, lines = told(PERF_UI_PORT=str(port))

    missing = {line.split(maxsplit=1)[1].partition(":")[0]: line for line in lines if line.startswith("MISSING")}
    assert code == 2
    assert "no-such-package" in missing["packages"]
    assert "`make venv`" in missing["packages"]
    assert "nothing listens there: start it. Fix: as it says" in missing["target"]
    assert "PERF_UI_PORT" in missing[f"port {port} for the web UI"]
    assert len([line for line in missing.values() if "ulimit -n" in line or "PERF_HOME" in line]) == 2


def test_what_not_every_run_needs_is_only_told(told: Told) -> None:
    with socket.create_server(("127.0.0.1", 0)) as used:
        port = used.getsockname()[1]
        code, lines = told(PERF_PROCESSES="1000", PERF_MASTER_PORT=str(port))

    assert code == 0
    assert any(line.startswith("-") and "1000 load processes and the target want 1001" in line for line in lines)
    assert any(
        line.startswith(f"-       port {port} for Locust's master") and "PERF_MASTER_PORT" in line for line in lines
    )


NONE = "-       docker compose: not here, or without its engine: "
NONE += "`apt-get install docker.io docker-compose`, or Docker's own"


@pytest.mark.parametrize(
    ("docker", "compose", "line"),
    [
        ('[ "$1" = compose ] && echo 2.30.1 || echo 27.3', "exit 1", "ok      docker compose 2.30.1"),
        ('[ "$1" = compose ] && exit 1 || echo 20.10', "echo 1.29.2", "ok      docker compose 1.29.2"),
        (
            '[ "$1" = compose ] && exit 1 || echo 20.10',
            "echo 1.25.0",
            "-       docker compose 1.25.0: too old: expected 1.29 or later",
        ),
        (
            '[ "$1" = compose ] && exit 1 || echo 20.10',
            "exit 1",
            "-       docker compose: not here: Docker is, without its compose plugin; `apt-get install docker-compose`",
        ),
        ('[ "$1" = compose ] && echo 2.30.1', "echo 1.29.2", NONE),
        ("exit 1", "exit 1", NONE),
    ],
)
def test_docker_compose_is_there_if_its_engine_answers(
    told: Told, tmp_path: Path, docker: str, compose: str, line: str
) -> None:
    with_programs(tmp_path, docker, compose)
    code, lines = told(PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    assert code == 0
    assert line in lines
    assert any("for docker compose" in each for each in lines) == line.startswith("ok")


def with_programs(folder: Path, docker: str, compose: str) -> None:
    """Programs that answer so."""
    for name, script in (("docker", docker), ("docker-compose", compose)):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)


def test_what_containers_need_is_told(told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_programs(tmp_path, "echo 27.3", "exit 1")
    monkeypatch.setattr(containers, "MEMORY_BYTES", 2**50)
    with socket.create_server(("127.0.0.1", 0)) as used:
        port = used.getsockname()[1]
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        code, lines = told(PATH=path, PERF_POSTGRES_PORT=str(port))

    assert code == 0
    assert [line for line in lines if line.startswith("-") and "GiB of memory, for docker compose: services" in line]
    taken = [line for line in lines if line.startswith(f"-       port {port}, for docker compose: ")]
    assert "PERF_POSTGRES_PORT=" in taken[0]
