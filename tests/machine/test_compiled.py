"""The compiled engine is held against the tests of the engine, and runs in a pipeline as it does as Python."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.settings import ROOT
from tests.support import compiler

pytestmark = pytest.mark.machine

# No test is about speed.
LAX = ["--set", 'validity={loop_lag="30s", loop_gap="1m", min_successes=50, sent="50%"}']
LAX += ["--set", 'rules=["p95(response_time) < 30s", "ratio(errors) < 1%"]']
LAX += ["--set", 'arrivals={smoke=[{rate=40, for="4s"}]}']
ENGINE = ["tests/harness/load", "tests/harness/test_journal.py", "tests/harness/test_journal_record.py"]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout, in which the engine is compiled."""
    compiler.require()
    made = ("*.so", "compiled.json", ".venv", ".proofload", "runs", "node_modules", ".git", ".*_cache")
    ignored = shutil.ignore_patterns(*made)
    folder = shutil.copytree(ROOT, tmp_path_factory.mktemp("copy") / "checkout", ignore=ignored)
    done = run(folder, "scripts/compile.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "compiled; `make interpreted` goes back to Python"
    return folder


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=500
    )


def test_the_compiled_engine_passes_the_tests_of_the_engine(checkout: Path) -> None:
    done = run(checkout, "-m", "pytest", "-n", "2", *ENGINE)

    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout
    assert "True" in run(checkout, "-c", "from harness import compiled; print(compiled.used())").stdout


@pytest.mark.parametrize(("fault", "code"), [((), 0), (("--fault", "swallowed_error"), 1)])
def test_a_run_with_it_comes_to_the_same_verdict(fault: tuple[str, ...], code: int, checkout: Path) -> None:
    done = run(checkout, "-m", "harness", "run", "peak", "--profile", "smoke", *LAX, *fault)

    assert done.returncode == code, done.stdout + done.stderr
    facts = json.loads((checkout / "reports" / "runs" / "peak" / "latest" / "run.json").read_text())
    assert facts["versions"]["proofload"].endswith(" (compiled)")


def test_it_goes_back_to_python(checkout: Path) -> None:
    assert run(checkout, "scripts/compile.py", "--remove").stdout == "removed what was compiled\n"
    assert run(checkout, "scripts/compile.py", "--remove").stdout == "nothing was compiled\n"
    assert "False" in run(checkout, "-c", "from harness import compiled; print(compiled.used())").stdout
    assert not list(checkout.glob("**/*.so"))


def test_without_a_compiler_it_says_what_is_missing(checkout: Path) -> None:
    environment = {"PATH": "/nowhere", "CC": "no-such-compiler"}
    words = [sys.executable, "scripts/compile.py"]
    done = subprocess.run(words, cwd=checkout, env=environment, capture_output=True, text=True)

    assert done.returncode == 2
    assert "apt-get install gcc python3-dev" in done.stderr
    assert not list(checkout.glob("**/*.so"))
