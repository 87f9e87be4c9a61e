"""What the control group of this process may use of the processors, and how often it was stopped for using it up."""

import contextlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")

V1 = ("cpu", "cpu,cpuacct")
"""Where version 1 has the processors."""


class Cgroup:
    """cgroup.quota (cores that the group may use, of all groups above it the least), cgroup.throttled (the share of the
    quota's periods in which it was stopped, of all of them the greatest). Nothing without a quota.
    """

    def __init__(self, root: Path = ROOT, own: Path = OWN) -> None:
        self._folders = list(_folders(root, own))
        self._before: dict[Path, tuple[int, int]] = {}

    def sample(self) -> dict[str, float]:
        """What there is now, since the last time."""
        quotas, shares = [], []
        for folder in self._folders:
            quota = _quota(folder)
            if quota is None:
                continue
            quotas.append(quota)
            periods, throttled = _stopped(folder)
            before = self._before.get(folder)
            self._before[folder] = periods, throttled
            if before and periods > before[0]:
                shares.append((throttled - before[1]) / (periods - before[0]))
        line = {"cgroup.quota": min(quotas)} if quotas else {}
        return line | ({"cgroup.throttled": max(shares)} if shares else {})


def _folders(root: Path, own: Path) -> Iterator[Path]:
    """The folders of the group of this process and of those above it, as far as they can be seen."""
    with contextlib.suppress(OSError):
        for line in own.read_text().splitlines():
            if line.count(":") < 2:
                continue
            _, controllers, path = line.split(":", 2)
            bases = [root] if not controllers else [root / name for name in V1 if "cpu" in controllers.split(",")]
            group = PurePosixPath(path.lstrip("/"))
            for base in bases:
                for part in (group, *group.parents):
                    folder = base / part
                    if (folder / "cpu.max").exists() or (folder / "cpu.cfs_quota_us").exists():
                        yield folder


def _quota(folder: Path) -> float | None:
    """How many cores the group may use; None: as many as there are."""
    with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text().strip()
            period = (folder / "cpu.cfs_period_us").read_text().strip()
        if quota != "max" and int(quota) > 0:
            return int(quota) / int(period)
    return None


def _stopped(folder: Path) -> tuple[int, int]:
    """How many periods of its quota there were, and in how many of them the group was stopped."""
    with contextlib.suppress(OSError, ValueError):
        stat = dict(line.split()[:2] for line in (folder / "cpu.stat").read_text().splitlines() if line.strip())
        return int(stat.get("nr_periods", 0)), int(stat.get("nr_throttled", 0))
    return 0, 0
