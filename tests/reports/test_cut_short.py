"""A machine can be lost at any moment. What it left is INVALID or refused in one line: never GO, never a traceback."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import ProofloadError
from harness.run import Run
from reports.__main__ import report
from tests.support.no_database import verify
from tests.support.whole_run import made, whole

ORDER = (
    "journal-0.bin",
    "refused-0.bin",
    "monitor.jsonl",
    "health-0.jsonl",
    "load.json",
    "statements.json",
    "effects.npy",
    "integrity.json",
    "seal.json",
)
"""The files of a run, as they come to be."""


def missing(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def half(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def zeros(path: Path) -> None:
    """The length is on the disk, and the second half of the content is not."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2].ljust(len(content), b"\0"))


def nothing_but_zeros(path: Path) -> None:
    path.write_bytes(bytes(len(path.read_bytes())))


WAYS = (missing, empty, half, zeros, nothing_but_zeros)


def cut(folder: Path, name: str, way: Callable[[Path], None]) -> None:
    """`folder` as if the machine was lost when the file called `name` was written: those after it are not there."""
    later = ORDER[ORDER.index(name) + 1 :] if name in ORDER else ()
    for path in folder.iterdir():
        if path.name in later:
            path.unlink()
    way(folder / name)


def verdict(folder: Path) -> str:
    """The verdict on what is in `folder`, or the line by which it is refused."""
    try:
        return str(report(folder)["verdict"])
    except ProofloadError as error:
        return f"refused: {error}"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["run.json", *ORDER])
def test_what_a_lost_machine_left_is_never_go(
    name: str, way: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = whole(tmp_path)
    cut(run.folder, name, way)

    said = [verdict(run.folder)]
    try:
        verify(Run.open(run.folder), monkeypatch)
        said.append(verdict(run.folder))
    except ProofloadError as error:
        said.append(f"refused: {error}")

    assert [one for one in said if one != "INVALID" and (not one.startswith("refused: ") or "\n" in one)] == []


def test_one_that_was_not_lost_is_go(tmp_path: Path) -> None:
    assert report(whole(tmp_path).folder)["verdict"] == "GO"


@pytest.mark.parametrize("begun", [False, True])
def test_a_load_that_did_not_end_is_never_go(begun: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = made(tmp_path, closed=False, began=begun, load=None)
    for name in ("seal.json", "integrity.json", "effects.npy"):
        (run.folder / name).unlink()

    assert report(run.folder)["verdict"] == "INVALID"
    verify(run, monkeypatch)
    assert report(run.folder)["verdict"] == "INVALID"


@pytest.mark.parametrize("left", [("half", "verdict.json"), ("half", "report.html")])
def test_a_half_written_file_beside_the_others_changes_nothing(left: tuple[str, str], tmp_path: Path) -> None:
    run = whole(tmp_path)
    (run.folder / f".{left[1]}.new").write_text("{")

    assert report(run.folder)["verdict"] == "GO"
