"""A verdict that was edited, copied, or does not rest on what is there is noticed by all that reads one."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import binding
from harness.errors import RunError
from harness.run import SUITE, SUITE_SCHEMA, Run
from reports import suite, verdict_file
from reports.__main__ import report
from reports.compare import __main__ as compare
from reports.compare.history import records
from reports.compare.name_baseline import name
from tests.support.synthetic_run import synthetic_run


def edited(run: Run, tmp_path: Path) -> None:
    path = run.folder / "verdict.json"
    path.write_text(path.read_text().replace('"verdict": "INVALID"', '"verdict": "GO"', 1))


def copied(run: Run, tmp_path: Path) -> None:
    other = synthetic_run(tmp_path / "other")
    assert report(other.folder)["verdict"] == "GO"
    shutil.copy(other.folder / "verdict.json", run.folder)


def stale(run: Run, tmp_path: Path) -> None:
    run.record(interrupted="a fact that came later")
    binding.seal(run)


def of_another_version(run: Run, tmp_path: Path) -> None:
    path = run.folder / "verdict.json"
    path.write_text(json.dumps(verdict_file.bound({**json.loads(path.read_text()), "schema": 3}, None)))


def damaged(run: Run, tmp_path: Path) -> None:
    (run.folder / "verdict.json").write_text("[]")


EDITS: dict[str, tuple[Callable[[Run, Path], None], str]] = {
    "edited": (edited, "it was changed after it was written"),
    "copied": (copied, "it is the verdict on run "),
    "stale": (stale, "it rests on other evidence than is there now"),
    "of another version": (of_another_version, "schema 3, expected 4"),
    "damaged": (damaged, "schema None, expected 4"),
}


def by_comparing(folder: Path) -> Any:
    return compare.read(folder)


def by_naming_a_baseline(folder: Path) -> Any:
    return name(folder)


@pytest.fixture(params=EDITS)
def forged(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """The folder of an INVALID run whose verdict was tampered with, and what is to be said of it."""
    edit, said = EDITS[request.param]
    run = synthetic_run(tmp_path / "runs", facts={"interrupted": "SIGINT during the load"})
    assert report(run.folder)["verdict"] == "INVALID"
    assert verdict_file.read(run.folder / "verdict.json")["verdict"] == "INVALID"
    edit(run, tmp_path)
    return run.folder, said


def test_what_reads_a_verdict_refuses_one_that_is_not_of_its_folder(forged: tuple[Path, str], tmp_path: Path) -> None:
    folder, said = forged
    for reading in (by_comparing, by_naming_a_baseline):
        with pytest.raises(RunError, match=said) as refused:
            reading(folder)
        assert f"make report RUN={folder}" in str(refused.value)

    found, left_out = records(folder.parent, "smoke")
    assert not found
    assert said in left_out[0]

    runs = [{"scenario": "sustained", "folder": str(folder), "error": None}]
    (tmp_path / SUITE).write_text(
        json.dumps({"schema": SUITE_SCHEMA, "system": "messages", "profile": "ci", "moment": "x", "runs": runs})
    )
    told = suite.gather(tmp_path)
    assert told["verdict"] == "INVALID"
    assert said in told["causes"][0][1]


def test_a_copy_without_its_run_is_compared_with_itself(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path / "runs")
    report(run.folder)
    copy = tmp_path / "verdict.json"
    shutil.copy(run.folder / "verdict.json", copy)

    assert verdict_file.read(copy)["verdict"] == "GO"
    copy.write_text(copy.read_text().replace('"GO"', '"NO-GO"', 1))
    with pytest.raises(RunError, match="it was changed"):
        verdict_file.read(copy)
