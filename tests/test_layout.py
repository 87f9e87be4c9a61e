"""The tree keeps its promises: imports point one way, and a system has a module in every stage."""

import ast
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.settings import ROOT

PACKAGES = ("systems", "harness", "schema", "seeding", "locustfiles", "verification", "reports", "target")

MAY_IMPORT = {
    "systems": {"systems"},
    "harness": {"systems", "harness"},
    "schema": {"systems", "harness", "schema"},
    "seeding": {"systems", "harness", "seeding"},
    "locustfiles": {"systems", "harness"},
    "verification": {"systems", "harness", "schema", "verification"},
    "reports": {"systems", "harness", "reports"},
    "target": {"systems", "target"},
}
"""Which of our packages each may import: the stages never each other, and a locustfile is imported by nobody."""

ENGINES = {"event_store"}
"""The systems whose target is no server but an engine: users call it, and so import it."""

SYSTEMS = [path.stem for path in sorted((ROOT / "systems").glob("*.toml"))]


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_one_way(package: str) -> None:
    for path in modules(package):
        ours = {name.split(".")[0] for name in imported(path)} & set(PACKAGES)
        engine = package == "locustfiles" and any(path.stem.startswith(one) for one in ENGINES)
        assert ours <= MAY_IMPORT[package] | ({"target", "locustfiles"} if engine else set()), path


def test_only_the_load_imports_locust_or_gevent() -> None:
    for package in PACKAGES:
        for path in modules(package):
            if package == "locustfiles" or path.parent == ROOT / "harness" / "load":
                continue
            assert not {name.split(".")[0] for name in imported(path)} & {"locust", "gevent"}, path


def test_only_the_tables_import_sqlalchemy() -> None:
    """Importing it takes a quarter of a second of each process of a run."""
    for package in set(PACKAGES) - {"schema"}:
        for path in modules(package):
            if path == ROOT / "verification" / "stated_schema.py":  # it compares a database with them
                continue
            assert "sqlalchemy" not in {name.split(".")[0] for name in imported(path)}, path


def test_only_verification_imports_pandas() -> None:
    """Importing it takes a quarter of a second more."""
    for package in set(PACKAGES) - {"verification"}:
        for path in modules(package):
            assert "pandas" not in {name.split(".")[0] for name in imported(path)}, path


def test_systems_use_the_standard_library_only() -> None:
    for path in modules("systems"):
        for name in imported(path):
            assert name.split(".")[0] in sys.stdlib_module_names | {"systems"}, path


def test_what_is_imported_but_by_the_target_is_installed_without_an_extra() -> None:
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    base = {_normal(re.match(r"[\w.-]+", each)[0]) for each in stated}  # type: ignore[index]
    whose = importlib.metadata.packages_distributions()
    for package in set(PACKAGES) - {"target"}:
        for path in modules(package):
            for name in {name.split(".")[0] for name in imported(path)} - sys.stdlib_module_names - set(PACKAGES):
                assert {_normal(one) for one in whose.get(name, [name])} & base, f"{path}: {name}"


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


RUNS_THINGS = {
    "harness.pipeline",
    "harness.load_stage",
    "harness.load_processes",
    "harness.load",
    "harness.stack",
    "harness.suite",
    "harness.ab",
}
"""What starts and runs things: a report is made from a folder, and needs none of it."""


@pytest.mark.parametrize("package", ["reports", "verification"])
def test_what_judges_a_run_folder_imports_nothing_that_runs_things(package: str) -> None:
    for path in modules(package):
        for name in imported(path):
            assert not any(name == one or name.startswith(f"{one}.") for one in RUNS_THINGS), f"{path}: {name}"


@pytest.mark.parametrize("package", ["reports", "verification"])
def test_what_judges_a_run_folder_takes_the_kinds_of_operations_from_it(package: str) -> None:
    """Not from today's facts: they may be others than those of the run."""
    for path in modules(package):
        named = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        assert not named & {"MIX", "EXPECTED", "EFFECTS", "POINTS", "ITEMS", "ROWS"}, path


ORDER = ("statistics", "samples", "rules", "validity", "tables", "render", "compare")
"""The packages of reports/: each imports those before it; `compare`, `live` and the files beside them import all."""

FACTS_OF_ALL = {"about", "figures", "record", "comparability", "verdict_file"}
"""Files of reports/ that a package in it may import."""


def test_the_packages_of_the_reports_build_on_each_other() -> None:
    for place, package in enumerate(ORDER):
        for path in modules(f"reports/{package}"):
            names = {name.split(".")[1] for name in imported(path) if name.startswith("reports.")}
            assert names <= {*ORDER[: place + 1], *FACTS_OF_ALL}, path


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("folder", ["systems", "schema", "seeding", "locustfiles", "verification", "target"])
def test_every_system_has_a_module_or_a_package_in_every_stage(system: str, folder: str) -> None:
    assert (ROOT / folder / f"{system}.py").exists() != (ROOT / folder / system / "__init__.py").exists()


def test_the_tests_mirror_the_tree() -> None:
    """Each folder of tests is one of the tree, so that a reader finds the tests of a module from its path."""
    of_all = {Path("."), Path("machine")}
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")} - of_all
    assert not [str(folder) for folder in folders if not (ROOT / folder).is_dir()]


def test_no_locustfile_shadows_a_module_of_the_standard_library() -> None:
    assert not {path.stem for path in modules("locustfiles")} & sys.stdlib_module_names


def test_no_file_is_named_after_nothing_in_particular() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    assert not [path for package in PACKAGES for path in modules(package) if path.stem in vague]


def test_every_module_says_what_it_is() -> None:
    for package in PACKAGES:
        for path in modules(package):
            assert ast.get_docstring(ast.parse(path.read_text())), path
