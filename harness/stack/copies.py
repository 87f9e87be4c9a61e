"""Runs' databases that stay, so that findings can be examined by hand: no more of them than the disk has room for."""

import fcntl
import re
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

MOST = 5
"""How many of a system are kept at most, the current one included."""

_NAME = re.compile(r"(.+)_(\d{8}t\d{6}[0-9a-f]{6})")
_FICLONE = 0x40049409


def name_of(system: str, run: str) -> str:
    """What the database of `run` is called."""
    return f"{system}_{run.lower()}"


def to_drop(sizes: Mapping[str, int], system: str, new: int, free: int, share: float) -> list[str]:
    """Which databases go before one of `new` bytes is made for a run of `system`, so that all runs' databases take at
    most `share` of the disk that is `free` or theirs; the latest stay. `sizes` (bytes) may have other databases too.
    """
    ages = {name: match.groups() for name in sizes if (match := _NAME.fullmatch(name))}
    room = share * (free + sum(sizes[name] for name in ages)) - new
    kept, gone = Counter({system: 1}), []
    for name in sorted(ages, key=lambda name: ages[name][1], reverse=True):
        whose = ages[name][0]
        if kept[whose] < MOST and sizes[name] <= room:
            kept[whose] += 1
            room -= sizes[name]
        else:
            gone.append(name)
    return gone


def clones(folder: Path) -> bool:
    """Whether a copy of a file in `folder` shares its blocks until one of the two is written (btrfs, XFS)."""
    with tempfile.TemporaryFile(dir=folder) as source, tempfile.TemporaryFile(dir=folder) as copy:
        source.write(b"\0" * 65_536)
        source.flush()
        try:
            fcntl.ioctl(copy, _FICLONE, source.fileno())
        except OSError:
            return False
    return True
