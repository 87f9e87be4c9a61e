"""What the target in a container uses, by the control group that the container is: both versions of them."""

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path

from harness.monitor.cgroup import ROOT


class Container:
    """target.cpu (cores), target.rss (bytes, without files that can be dropped) and target.limit (bytes that it may
    have, if that is limited), of the control group `name`: a path below the root of control groups, as
    /proc/<pid>/cgroup has it.
    """

    def __init__(self, name: str, root: Path = ROOT) -> None:
        group = name.strip("/")
        self._cpu = _first(root / group / "cpu.stat", *_v1(root, ("cpuacct", "cpu,cpuacct"), group, "cpuacct.usage"))
        self._memory = _first(root / group / "memory.current", *_v1(root, ("memory",), group, "memory.usage_in_bytes"))
        self._before: tuple[float, float] | None = None

    @property
    def there(self) -> bool:
        """Whether there is such a group, and it tells of both."""
        return self._cpu is not None and self._memory is not None

    def sample(self) -> dict[str, float]:
        """What it uses now; without what the group does not tell, or no longer."""
        line: dict[str, float] = {}
        with contextlib.suppress(OSError, ValueError, KeyError):
            if self._cpu:
                line |= self._cores(self._cpu)
        with contextlib.suppress(OSError, ValueError, KeyError):
            if self._memory:
                line |= _bytes(self._memory)
        return line

    def _cores(self, path: Path) -> dict[str, float]:
        if path.name == "cpu.stat":
            used = _table(path)["usage_usec"] / 1e6
        else:
            used = int(path.read_text()) / 1e9
        now, before = (time.monotonic(), used), self._before
        self._before = now
        if before is None or now[1] < before[1]:
            return {}
        return {"target.cpu": (now[1] - before[1]) / (now[0] - before[0])}


def _bytes(path: Path) -> dict[str, float]:
    v2 = path.name == "memory.current"
    files = _table(path.with_name("memory.stat")).get("inactive_file" if v2 else "total_inactive_file", 0)
    line = {"target.rss": float(int(path.read_text()) - files)}
    limit = path.with_name("memory.max" if v2 else "memory.limit_in_bytes").read_text().strip()
    # Without a limit the first version tells one beyond all memory that there could be.
    return line | ({"target.limit": float(limit)} if limit != "max" and int(limit) < 1 << 60 else {})


def _table(path: Path) -> Mapping[str, int]:
    return {name: int(value) for name, value in (line.split() for line in path.read_text().splitlines())}


def _v1(root: Path, controllers: tuple[str, ...], group: str, file: str) -> list[Path]:
    return [root / controller / group / file for controller in controllers]


def _first(*paths: Path) -> Path | None:
    return next((path for path in paths if path.exists()), None)
