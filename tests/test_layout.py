"""The tree keeps its promises: imports point one way, and a system has a module in every stage."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.settings import ROOT

PACKAGES = ("systems", "harness", "schema", "seeding", "locustfiles", "verification", "reports", "target")

MAY_IMPORT = {
    "systems": {"systems"},
    "harness": {"systems", "harness"},
    "schema": {"systems", "harness", "schema"},
    "seeding": {"systems", "harness", "schema", "seeding"},
    "locustfiles": {"systems", "harness"},
    "verification": {"systems", "harness", "schema", "verification"},
    "reports": {"systems", "harness", "reports"},
    "target": {"systems", "target"},
}
"""Which of our packages each may import: the stages never each other, and a locustfile is imported by nobody."""

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
        assert ours <= MAY_IMPORT[package], path


def test_only_the_load_imports_locust_or_gevent() -> None:
    for package in PACKAGES:
        for path in modules(package):
            if package == "locustfiles" or path.parent == ROOT / "harness" / "load":
                continue
            assert not {name.split(".")[0] for name in imported(path)} & {"locust", "gevent"}, path


def test_systems_use_the_standard_library_only() -> None:
    for path in modules("systems"):
        for name in imported(path):
            assert name.split(".")[0] in sys.stdlib_module_names | {"systems"}, path


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    "folder", ["systems", "schema", "seeding", "locustfiles", "verification", "target", "target/faults"]
)
def test_every_system_has_a_module_in_every_stage(system: str, folder: str) -> None:
    assert (ROOT / folder / f"{system}.py").exists()


def test_no_locustfile_shadows_a_module_of_the_standard_library() -> None:
    assert not {path.stem for path in modules("locustfiles")} & sys.stdlib_module_names


def test_no_file_is_named_after_nothing_in_particular() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    assert not [path for package in PACKAGES for path in modules(package) if path.stem in vague]


def test_every_module_says_what_it_is() -> None:
    for package in PACKAGES:
        for path in modules(package):
            assert ast.get_docstring(ast.parse(path.read_text())), path
