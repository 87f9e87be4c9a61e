"""`latest` is the latest run with a verdict, and nothing else is ever put in the place of what is there."""

import os
import subprocess
from pathlib import Path

import pytest

from harness import pipeline
from harness.errors import RunError
from harness.plan import reading
from harness.run import Run, point
from tests.support.pipeline_process import PLAN


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def born(runs: Path, moment: str) -> Run:
    """A run of that moment."""
    path = runs.parent / "plan.toml"
    path.write_text(PLAN)
    run = Run.create(runs, reading.find("short", "smoke", path), seed=1, command=[], interrupted=None)
    folder = run.folder.with_name(f"{moment}-smoke")
    os.rename(run.folder, folder)
    return Run.open(folder)


def test_it_moves_with_a_verdict_and_never_back(runs: Path) -> None:
    first, second = born(runs, "20261126T100000"), born(runs, "20261126T110000")
    link = first.folder.parent / "latest"

    assert not link.is_symlink()
    second.becomes_latest()
    first.becomes_latest()
    assert link.resolve() == second.folder


def test_what_points_nowhere_is_replaced(runs: Path) -> None:
    first = born(runs, "20261126T100000")
    (first.folder.parent / "latest").symlink_to("20271126T100000-smoke")

    first.becomes_latest()
    assert (first.folder.parent / "latest").resolve() == first.folder


def test_a_copy_elsewhere_has_no_latest_beside_it(runs: Path, tmp_path: Path) -> None:
    first = born(runs, "20261126T100000")
    other = tmp_path / "elsewhere"
    os.rename(first.folder, other)

    Run.open(other).becomes_latest()
    assert not (tmp_path / "latest").exists()


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_something_else_in_its_place_is_named_before_anything_is_done(kind: str, runs: Path) -> None:
    link = born(runs, "20261126T100000").folder.parent / "latest"
    link.mkdir() if kind == "folder" else link.touch()

    with pytest.raises(RunError, match=f"latest: it is a {kind}, expected a link"):
        born(runs, "20261126T110000")
    with pytest.raises(RunError, match=f"it is a {kind}"):
        point(link, "x")
    assert len(list(link.parent.iterdir())) == 2


def test_a_verdict_stands_though_latest_can_not_move(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = born(runs, "20261126T100000")
    (run.folder.parent / "latest").mkdir()
    monkeypatch.setattr(pipeline.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 4))

    assert pipeline.report(run.folder) == 4
    assert "latest: it is a folder" in capsys.readouterr().err


def test_a_report_without_a_verdict_moves_nothing(runs: Path) -> None:
    run = born(runs, "20261126T100000")

    assert pipeline.report(run.folder) == 2  # no journal
    assert not (run.folder.parent / "latest").is_symlink()
