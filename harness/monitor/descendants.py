"""The processes below another: each is asked for its own, since to look through all of the machine takes ten times as
long, every second.
"""

import os
from pathlib import Path

import psutil

PROC = Path("/proc")
TOLD = (PROC / "self" / "task" / str(os.getpid()) / "children").exists()
"""Whether the kernel tells the children of a thread."""


def descendants(pid: int) -> list[int]:
    """The numbers of the processes that `pid` started, of those that these started, and so on; parents come first.

    What ends meanwhile is left out, and so is what it started.
    """
    if not TOLD:
        try:
            return [each.pid for each in psutil.Process(pid).children(recursive=True)]
        except psutil.Error:
            return []
    found: list[int] = []
    left = [pid]
    while left:
        children = _children(left.pop())
        found += children
        left += children
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                found += map(int, file.read().split())
    except OSError:
        pass
    return found
