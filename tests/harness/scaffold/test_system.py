"""A new system is written as a whole, or not at all, and over nothing."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness import project
from harness.errors import PlanError
from harness.scaffold import system
from harness.scaffold.told import told
from harness.settings import ROOT
from tests.support import commands

OF_BOTH = ["shop", "aa_1"]
"""Names that come after and before what is imported beside them."""


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return commands.run("harness", *words, environment=project.environment(), folder=folder)


@pytest.mark.parametrize("reference", [False, True])
def test_its_files_are_written_and_told(reference: bool, tmp_path: Path) -> None:
    system.write("shop", reference, tmp_path)

    assert files(tmp_path) == set(system.said("shop", reference)) == set(system.texts("shop", reference))
    assert ("target/shop.py" in files(tmp_path)) == reference
    assert all(path in told("shop", reference) for path in files(tmp_path))
    start = f"{{python}} -P {'target/shop.py' if reference else '-m harness.scaffold.server'} --port {{port}} {{fault}}"
    assert f'start = "{start}"' in (tmp_path / "systems" / "shop.toml").read_text()


@pytest.mark.parametrize("name", OF_BOTH)
def test_they_pass_the_lint_of_this_project(name: str, tmp_path: Path) -> None:
    system.write(name, True, tmp_path)

    configuration = ["--config", str(ROOT / "pyproject.toml"), "--config", 'lint.per-file-ignores={"tests/*"=["D1"]}']
    for words in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", words[0], *configuration, *words[1:], "."]
        done = subprocess.run(ruff, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_scenario_is_one_that_make_knows(tmp_path: Path) -> None:
    system.write("aa_1", False, tmp_path)
    names = re.findall(r"^\[scenario\.(.*)\]$", (tmp_path / "systems" / "aa_1.toml").read_text(), re.MULTILINE)

    assert names == ["aa-1-orders"]
    assert r"^\[scenario\.\([a-z0-9-]*\)\]" in (ROOT / "Makefile").read_text()


def test_the_command_writes_a_plan_that_can_be_run(tmp_path: Path) -> None:
    done = command(tmp_path, "new", "shop", "--reference")
    plan = command(tmp_path, "plan", "shop-orders", "--profile", "smoke")

    assert done.returncode == 0, done.stderr
    assert "proofload run shop-orders --profile smoke --fault forgets" in done.stdout
    assert plan.returncode == 0, plan.stderr
    again = command(tmp_path, "new", "shop")
    assert (again.returncode, again.stdout) == (2, "")
    assert f"{tmp_path / 'systems' / 'shop.toml'}" in again.stderr
    assert "Traceback" not in again.stderr


@pytest.mark.parametrize("path", list(system.said("shop", True)))
def test_nothing_is_written_where_a_file_is_there(path: str, tmp_path: Path) -> None:
    (tmp_path / path).parent.mkdir()
    (tmp_path / path).write_text("mine")

    with pytest.raises(PlanError, match=f"{re.escape(str(tmp_path / path))}: there already, and nothing was written"):
        system.write("shop", True, tmp_path)
    assert files(tmp_path) == {path}
    assert (tmp_path / path).read_text() == "mine"


@pytest.mark.parametrize("reference", [False, True])
def test_into_the_checkout_itself_nothing_is_written(reference: bool) -> None:
    before = files(ROOT / "systems") | files(ROOT / "target")

    with pytest.raises(PlanError, match=r"is Proofload itself, .*expected a folder of yours: `mkdir -p .* new shop`"):
        system.write("shop", reference, ROOT)
    assert files(ROOT / "systems") | files(ROOT / "target") == before


def test_the_command_that_is_told_instead_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = tmp_path / "our checkout"
    checkout.symlink_to(ROOT)
    monkeypatch.setattr(system, "ROOT", checkout)
    with pytest.raises(PlanError) as refused:
        system.write("shop", False, ROOT)
    line = str(refused.value).split("`")[1]

    subprocess.run(line, shell=True, check=True, capture_output=True, env={"PATH": os.environ["PATH"]})

    assert files(tmp_path / "shop") == set(system.said("shop", False))


def test_a_link_to_nothing_is_a_file_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "schema").mkdir()
    os.symlink(tmp_path / "none", tmp_path / "schema" / "shop.py")

    with pytest.raises(PlanError, match=r"schema/shop\.py: there already"):
        system.write("shop", False, tmp_path)
    assert not (tmp_path / "none").exists()


def test_what_was_written_goes_if_the_rest_can_not_be(tmp_path: Path) -> None:
    (tmp_path / "verification").write_text("no folder")

    with pytest.raises(PlanError, match=r"verification.*and nothing was written: expected a folder"):
        system.write("shop", False, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["verification"]


@pytest.mark.parametrize("name", ["", "Shop", "1st", "a-b", "a b", "../shop", "größe", "x" * 41, "class", "shop\n"])
def test_what_is_no_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="expected a name of up to 40 lower-case letters"):
        system.write(name, False, tmp_path)
    assert files(tmp_path) == set()


@pytest.mark.parametrize("name", ["messages", "ids", "migrate", "pool", "ledger", "json", "target", "harness"])
def test_a_name_that_is_taken_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="Python or Proofload has a module of that name already: expected another"):
        system.write(name, False, tmp_path)
    assert files(tmp_path) == set()


@pytest.mark.parametrize("name", ["locust", "orjson"])
def test_the_name_of_what_is_installed_beside_locust_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="an installed package has a module of that name already"):
        system.write(name, False, tmp_path)
    assert files(tmp_path) == set()


def test_the_service_itself_may_have_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "src" / "shop").mkdir(parents=True)
    (tmp_path / "src" / "shop" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path / "src")

    system.write("shop", False, tmp_path / "project")


def test_the_name_of_a_database_of_postgresql_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="PostgreSQL has a database of that name"):
        system.write("template1", False, tmp_path)


def test_a_scenario_of_another_plan_is_refused(tmp_path: Path) -> None:
    (tmp_path / "systems").mkdir()
    (tmp_path / "systems" / "other.toml").write_text("[scenario.shop-orders]\n")

    done = command(tmp_path, "new", "shop")

    assert done.returncode == 2
    assert "other.toml has a scenario shop-orders already" in done.stderr
    assert files(tmp_path) == {"systems/other.toml"}
