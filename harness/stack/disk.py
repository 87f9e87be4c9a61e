"""A disk without room: a file of ours takes all that is free on it, until it is taken away."""

import errno
import os
import shutil
import tempfile
from pathlib import Path

BALLAST = "proofload-ballast"
LEAST = 4096
"""Bytes that may be left."""
MOST = 16 << 30
"""No more is taken: a disk with more room is not made for this."""


def fill(folder: Path) -> int:
    """Take all that is free on the disk of `folder`; how many bytes. OSError if that can't be done."""
    size, piece = 0, shutil.disk_usage(folder).free
    with (folder / BALLAST).open("wb") as file:
        while piece >= LEAST:
            try:
                os.posix_fallocate(file.fileno(), size, piece)
                size += piece
                piece = shutil.disk_usage(folder).free
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                # What a filesystem keeps for itself comes to light only so.
                piece //= 2
    return size


def clear(folder: Path) -> None:
    """Give it back."""
    (folder / BALLAST).unlink(missing_ok=True)


def unfit(folder: Path, runs: Path) -> str:
    """Why the disk of `folder` can't be filled; "" = it can: nothing else of a run, whose folders are in `runs`, is on
    it.
    """
    folder = _there(folder)
    for name, other in (("run folders", runs), ("temporary files", Path(tempfile.gettempdir()))):
        if _device(_there(other)) == _device(folder):
            return f"{name} are on the disk of {folder}, too"
    free = shutil.disk_usage(folder).free
    return (
        f"the disk of {folder} has {free / 1e9:.0f} GB free, at most {MOST / 1e9:.0f} are taken" if free > MOST else ""
    )


def _device(path: Path) -> int:
    return path.stat().st_dev


def _there(path: Path) -> Path:
    """The nearest of its parents that is there, or itself."""
    return next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())
