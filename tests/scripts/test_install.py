"""The first `make` says what it does, which Python it needs, and replaces an environment that is of no use."""

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from harness.settings import ROOT

SCRIPT = ROOT / "scripts" / "install.py"


@pytest.fixture
def install() -> ModuleType:
    spec = importlib.util.spec_from_file_location("install", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_any_python_can_read_it() -> None:
    ast.parse(SCRIPT.read_text(), feature_version=(3, 6))


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ((3, 9, 2), "Python 3.9 is too old: expected 3.11 or later"),
        ((2, 7), "Python 2.7"),
        ((3, 11), ""),
        ((3, 13), ""),
    ],
)
def test_a_python_that_is_too_old_is_told_before_anything_is_made(
    install: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    version: tuple[int, ...],
    said: str,
) -> None:
    assert install.wrong(version).startswith(said)
    assert bool(install.wrong(version)) is bool(said)
    if said:
        monkeypatch.setattr(sys, "version_info", version)
        monkeypatch.setattr(subprocess, "check_call", lambda *_: pytest.fail("something was made"))
        assert install.main() == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


def python_that(folder: Path, ends_with: int) -> None:
    """An environment with a Python that does nothing but end."""
    path = folder / "bin" / "python"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\nexit {ends_with}\n")
    path.chmod(0o755)


def test_an_environment_is_usable_if_its_python_is_new_enough(install: ModuleType, tmp_path: Path) -> None:
    python_that(tmp_path / "old", 1)
    python_that(tmp_path / "good", 0)
    (tmp_path / "gone" / "bin").mkdir(parents=True)
    (tmp_path / "gone" / "bin" / "python").symlink_to(tmp_path / "nowhere")

    assert [install.usable(str(tmp_path / name)) for name in ("old", "good", "gone", "none")] == [
        False,
        True,
        False,
        False,
    ]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What `make venv` needs of a checkout, with one small requirement."""
    for name in ("Makefile", "scripts/install.py", "requirements.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "requirements.txt").write_text("# nothing\n")
    (tmp_path / "systems").mkdir()
    (tmp_path / "systems" / "x.toml").write_text("")
    return tmp_path


def made(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *words, "venv"], cwd=checkout, capture_output=True, text=True, env={**os.environ})


def test_a_python_that_is_not_there_is_told_in_one_line(checkout: Path) -> None:
    done = made(checkout, "PYTHON=python3.0")

    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == (
        "PYTHON=python3.0: no such command: expected Python 3.11 or later, e.g. make PYTHON=python3.12"
    )
    assert not (checkout / ".venv").exists()


def test_an_environment_of_no_use_is_made_again(checkout: Path) -> None:
    python_that(checkout / ".venv", 1)
    (checkout / ".venv" / ".ready").touch()
    done = made(checkout, f"PYTHON={sys.executable}")

    assert done.returncode == 0, done.stderr
    assert "it is made again" in done.stdout
    assert "installing the 0 packages of requirements.txt into .venv" in done.stdout
    assert (checkout / ".venv" / ".ready").exists()
    assert subprocess.call([checkout / ".venv" / "bin" / "python", "-c", ""]) == 0


def test_what_pip_could_not_install_is_shown(checkout: Path) -> None:
    (checkout / "requirements.txt").write_text("nonsense==0 --hash=sha256:00\n")
    done = made(checkout, f"PYTHON={sys.executable}")

    assert done.returncode == 2
    assert "requirements.txt could not be installed into .venv: see above; `make venv` tries again" in done.stderr
    assert not (checkout / ".venv" / ".ready").exists()
