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
    record = {"made": [OLD], "sources": compiled.digests(ROOT)}
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


def test_without_a_source_that_only_a_compiler_reads_it_is_imported_all_the_same(tree: Path) -> None:
    (tree / "harness/journal_record.c").unlink()

    assert imported(tree, "harness").stdout == "True\n"


def test_what_is_not_whole_is_removed_before_it_runs(tree: Path) -> None:
    record = json.loads((tree / compiled.RECORD).read_text())
    (tree / compiled.RECORD).write_text(json.dumps({**record, "made": [OLD, "gone.so"]}))

    assert imported(tree, "harness.journal").stdout == "False\n"
    assert not (tree / OLD).exists()


def test_what_can_not_be_removed_is_not_run(tree: Path) -> None:
    (tree / OLD).unlink()
    (tree / OLD).mkdir()  # root may remove any file
    (tree / "harness/journal.py").write_text("")
    done = imported(tree, "harness.journal")

    assert done.returncode == 2
    assert done.stderr.startswith("error: the engine has changed since it was compiled, and what was compiled can't be")
    assert "Traceback" not in done.stderr


def test_what_another_process_has_just_removed_is_removed(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / compiled.RECORD).unlink()
    monkeypatch.setattr(Path, "exists", lambda _: True)  # as it was a moment ago
    monkeypatch.setattr(compiled, "ROOT", tree)

    compiled.require_current()

    assert not compiled.remove(tree)


def test_what_is_not_yet_installed_is_on_record(tree: Path) -> None:
    folder = tree / "folder"
    (folder / "harness").mkdir(parents=True)
    record = {"made": [OLD, "gone.so"], "sources": compiled.digests(ROOT)}
    (folder / compiled.RECORD).write_text(json.dumps(record))
    (folder / OLD).write_text("no library")
    with pytest.raises(FileNotFoundError):
        compiled.install(folder, tree)

    assert imported(tree, "harness.journal").stdout == "False\n"
    assert not (tree / OLD).exists()
