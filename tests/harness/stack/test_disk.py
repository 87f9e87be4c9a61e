"""A disk can be filled if nothing else is on it; the file that fills it is taken away again."""

import errno
import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from harness.stack import disk

Usage = namedtuple("Usage", "free")


def test_all_that_is_free_is_taken_and_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free, kept = 1_000_000, 150_000  # of which a filesystem keeps some for itself
    taken: list[int] = []

    def allocate(_: int, at: int, size: int) -> None:
        if at + size > free - kept:
            raise OSError(errno.ENOSPC, "no space left on device")
        taken.append(at + size)

    monkeypatch.setattr(os, "posix_fallocate", allocate)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free - max(taken, default=0)))
    size = disk.fill(tmp_path)

    assert free - kept - 2 * disk.LEAST < size == taken[-1] <= free - kept
    assert (tmp_path / disk.BALLAST).exists()
    disk.clear(tmp_path)
    disk.clear(tmp_path)
    assert not list(tmp_path.iterdir())


def test_another_failure_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def allocate(*_: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(os, "posix_fallocate", allocate)
    with pytest.raises(OSError, match="not supported"):
        disk.fill(tmp_path)


def test_a_disk_on_which_something_else_is_or_that_is_too_large_is_unfit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert disk.unfit(tmp_path / "not there", tmp_path) == f"run folders are on the disk of {tmp_path}, too"
    monkeypatch.setattr(disk, "_device", lambda path: 1 if path == tmp_path else 2)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2 * disk.MOST))
    assert "GB free, at most 17 are taken" in disk.unfit(tmp_path, Path("/"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(disk.MOST))
    assert disk.unfit(tmp_path, Path("/")) == ""
