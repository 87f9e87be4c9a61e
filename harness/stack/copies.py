"""Runs' databases that stay, so that findings can be examined by hand: no more of them than the disk has room for."""

import fcntl
import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
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
    ages = _runs(sizes)
    room = _room(sizes, new, free, share)
    kept, gone = Counter({system: 1}), []
    for name in sorted(ages, key=lambda name: ages[name][1], reverse=True):
        whose = ages[name][0]
        if kept[whose] < MOST and sizes[name] <= room:
            kept[whose] += 1
            room -= sizes[name]
        else:
            gone.append(name)
    return gone


def to_wait(gone: Sequence[str], sizes: Mapping[str, int], new: int, free: int, share: float) -> list[str]:
    """Of those that go, which may do so after the run that the new one is for: the latest, if there is room for it."""
    others = sum(sizes[name] for name in _runs(sizes) if name not in gone[1:])
    return list(gone[:1]) if others <= _room(sizes, new, free, share) else []


def _runs(sizes: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """The databases of runs: of which system each is, and of when."""
    return {name: match.groups() for name in sizes if (match := _NAME.fullmatch(name))}


def _room(sizes: Mapping[str, int], new: int, free: int, share: float) -> float:
    """How many bytes there are for them beside the new one."""
    return share * (free + sum(sizes[name] for name in _runs(sizes))) - new


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
