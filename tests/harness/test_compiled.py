"""What was compiled runs only as long as it is of the sources beside it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness import compiled
from harness.settings import ROOT

OLD = "harness/journal.abi3.so"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what is imported, with a library that is none in the journal's place."""
    for package in ("harness", "systems"):
        ignored = shutil.ignore_patterns("*.so", "compiled.json", "__pycache__")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    (tmp_path / OLD).write_text("no library")
    record = {"made": [OLD, "gone.so"], "sources": compiled.digests(ROOT)}
    (tmp_path / compiled.RECORD).write_text(json.dumps(record))
    return tmp_path


def imported(tree: Path, what: str) -> subprocess.CompletedProcess[str]:
    code = f"import {what}; from harness import compiled; print(compiled.used())"
    return subprocess.run([sys.executable, "-c", code], cwd=tree, capture_output=True, text=True)


def test_what_was_compiled_of_these_sources_is_imported(tree: Path) -> None:
    assert "True" in imported(tree, "harness").stdout
    assert "ImportError" in imported(tree, "harness.journal").stderr


@pytest.mark.parametrize("source", compiled.SOURCES)
def test_what_was_compiled_of_others_is_removed_before_it_runs(source: str, tree: Path) -> None:
    with (tree / source).open("a") as file:
        file.write("# changed\n")
    first, second = imported(tree, "harness.journal"), imported(tree, "harness.journal")

    assert (first.stdout, second.stdout) == ("False\n", "False\n")
    assert first.stderr == "the engine has changed since it was compiled, and runs as Python: `make compiled`\n"
    assert second.stderr == ""
    assert not (tree / OLD).exists()
    assert not (tree / compiled.RECORD).exists()
