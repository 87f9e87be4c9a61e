"""Nothing that the shell sets for other programs steers ours, and a command of the user's own gets all of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import ambient, project
from harness.fingerprint import git
from harness.plan.scenario import Service
from harness.settings import ROOT
from harness.stack.services import Services
from harness.stack.stack import Stack
from harness.stack.variant import Variant
from tests.support.synthetic_run import synthetic_run

STEERING = ("PGHOSTADDR", "PGSERVICE", "LOCUST_WEB_PORT", "LOCUST_HEADLESS", "GIT_DIR", "http_proxy", "HTTPS_PROXY",
            "no_proxy", "ALL_PROXY", "PYTHONWARNINGS", "PYTHONINSPECT", "PYTHONOPTIMIZE")  # fmt: skip


@pytest.fixture
def steered(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in STEERING:
        monkeypatch.setenv(name, "tcp://10.0.0.1:80")


@pytest.mark.usefixtures("steered")
def test_no_process_of_ours_gets_what_would_steer_it() -> None:
    found = project.environment(PERF_X="1")

    assert not set(found) & set(STEERING)
    assert found["PERF_X"] == "1"
    assert (found["PYTHONUTF8"], found["PYTHONSAFEPATH"]) == ("1", "1")
    assert found["PATH"] == os.environ["PATH"]


@pytest.mark.usefixtures("steered")
def test_a_service_gets_none_of_it_either_and_a_url_that_every_driver_reads(tmp_path: Path) -> None:
    kept = tmp_path / "environment.json"
    script = tmp_path / "service.py"
    script.write_text(
        "import json, os, pathlib, time\n"
        f"pathlib.Path({str(kept)!r}).write_text(json.dumps(dict(os.environ)))\n"
        "pathlib.Path(os.environ['READY']).touch()\ntime.sleep(600)\n"
    )
    url = "postgres://u@127.0.0.1/db?sslmode=disable&connect_timeout=3"
    service = Service(f"{{python}} {script}", "file", 1, 1)
    services = Services({"one": service}, synthetic_run(tmp_path), url, 1, Variant())
    try:
        services.start()
    finally:
        services.stop()
    found = json.loads(kept.read_text())

    assert not set(found) & set(STEERING)
    assert found["DATABASE_URL"] == "postgresql://u@127.0.0.1:5432/db?sslmode=disable"


@pytest.mark.usefixtures("steered")
def test_the_command_of_a_user_gets_all_of_it(tmp_path: Path) -> None:
    ambient.forget_libpq()
    said = tmp_path / "said"
    Stack("", "", None, f"sh -c 'echo $http_proxy $PGSERVICE {{processes}} > {said}'").scale("api", 2)

    assert said.read_text() == "tcp://10.0.0.1:80 tcp://10.0.0.1:80 2\n"


def test_a_hook_of_git_does_not_make_another_repository_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = git()
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))

    assert git()["commit"] == before["commit"]


SHOW = """
import sys
from harness.load.__main__ import without_files
without_files()
from locust.argument_parser import get_parser
options = get_parser().parse_args(["--headless"])
print(options.host, options.tags, options.loglevel)
"""


def test_the_files_that_locust_looks_for_do_not_reach_a_load(tmp_path: Path) -> None:
    (tmp_path / ".locust.conf").write_text("host = http://10.0.0.1\nloglevel = DEBUG\n")
    (tmp_path / "locust.conf").write_text("tags = other\n")
    (tmp_path / "pyproject.toml").write_text('[tool.locust]\nloglevel = "DEBUG"\n')
    environment = {**project.environment(), "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", SHOW], cwd=tmp_path, env=environment, capture_output=True, text=True)

    assert done.stdout == "None None INFO\n", done.stderr


def test_make_lets_python_look_into_the_folder() -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "--eval=show:;@echo [$$PYTHONSAFEPATH]", "show"],
        cwd=ROOT,
        env={**os.environ, "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "[]\n", done.stderr
