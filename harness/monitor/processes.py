"""The processes of a run, by what they are: their share of the cores, their memory, threads and files."""

import itertools
import time
from pathlib import Path

import psutil

from harness.monitor.descendants import descendants
from harness.stack.services import pids

WHAT = (
    ("generator", ("-m", "harness.load")),
    ("generator", ("harness.waiting", "harness.load")),
    ("monitor", ("-m", "harness.monitor")),
    ("monitor", ("harness.waiting", "harness.monitor")),
    ("proxy", ("-m", "harness.stack.proxy")),
)
"""What a process of ours is, by neighbouring words of its command line."""

COUNTED_EVERY = 5
"""Threads and files are counted in every fifth sample: that takes longer than all the rest, and they change slowly."""


class Processes:
    """For each service.<name>, all of them together as target, and postgres, generator, monitor and proxy: <what>.cpu
    (cores), .rss (bytes), .processes; .read_bytes, .write_bytes (from and to a disk, a second), where the kernel says
    it; now and then .threads and .fds. And run.cpu: the cores that all processes of the run used.
    """

    def __init__(self, parent: int, folder: Path) -> None:
        """`folder` is that of the run, where the stack records which processes are a service's."""
        self._parent, self._folder = psutil.Process(parent), folder
        self._seen: dict[int, tuple[psutil.Process, tuple[str, ...]]] = {}
        self._used: dict[int, float] | None = None
        """The processor time of each process until now (s); None before the first sample."""
        self._moved: dict[int, tuple[int, int]] = {}
        """How many bytes each process has read and written until now."""
        self._at = time.monotonic()
        self._taken = 0

    def sample(self) -> dict[str, float]:
        """The sums over the processes below the parent, as they are now; those that end meanwhile are left out."""
        line: dict[str, float] = {}
        shared: dict[str, int] = {}
        used: dict[int, float] = {}
        moved: dict[int, tuple[int, int]] = {}
        seconds = max(time.monotonic() - self._at, 1e-3)
        counting = self._taken % COUNTED_EVERY == 0
        self._taken += 1
        for process, whats in [(self._parent, ()), *self._below()]:
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    used[process.pid] = times.user + times.system
                    if not whats:
                        continue
                    memory = process.memory_info()
                    common = getattr(memory, "shared", 0)
                    values = {
                        "cpu": process.cpu_percent() / 100,
                        "rss": memory.rss - common,
                        "processes": 1,
                    }
                    if counting:
                        values |= {"threads": process.num_threads(), "fds": process.num_fds()}
                    values |= self._disk(process, moved, seconds)
            except psutil.Error:
                continue
            for what in whats:
                shared[what] = max(shared.get(what, 0), common)
                for name, value in values.items():
                    line[f"{what}.{name}"] = line.get(f"{what}.{name}", 0) + value
        for what, size in shared.items():
            # What the processes of a group share, each counts as its own: it is there once.
            line[f"{what}.rss"] += size
        self._moved = moved
        return line | self._whole(used)

    def _disk(self, process: psutil.Process, moved: dict[int, tuple[int, int]], seconds: float) -> dict[str, float]:
        """What it read and wrote a second since the last time; nothing where that may not be seen (of another user)."""
        try:
            counted = process.io_counters()
        except (psutil.AccessDenied, AttributeError):  # AttributeError: macOS
            return {}
        now = moved[process.pid] = counted.read_bytes, counted.write_bytes
        before = self._moved.get(process.pid, now)
        return {"read_bytes": (now[0] - before[0]) / seconds, "write_bytes": (now[1] - before[1]) / seconds}

    def _whole(self, used: dict[int, float]) -> dict[str, float]:
        """The cores that the run used since the last time: of a process that is new, all that it has used so far."""
        now, before = (time.monotonic(), used), (self._at, self._used)
        self._at, self._used = now
        if before[1] is None or now[0] <= before[0]:
            return {}
        grown = sum(max(seconds - before[1].get(pid, 0.0), 0.0) for pid, seconds in used.items())
        return {"run.cpu": grown / (now[0] - before[0])}

    def _below(self) -> list[tuple[psutil.Process, tuple[str, ...]]]:
        """All processes of the run and what they are, the same objects each time: their CPU is counted in between."""
        others: list[tuple[psutil.Process, tuple[str, ...]]] = []
        seen: dict[int, tuple[psutil.Process, tuple[str, ...]]] = {}
        services = self._services()
        for number in descendants(self._parent.pid):
            if number in self._seen:
                # Still the same: no number comes again within a second, and to ask takes longer than to sample.
                seen[number] = self._seen[number]
                continue
            try:
                process = psutil.Process(number)
            except psutil.Error:
                continue
            service = services.get(process.pid)
            what = _what(process)
            if service:
                seen[process.pid] = (process, (f"service.{service}", "target"))
            elif what:
                seen[process.pid] = (process, (what,))
            else:
                # It may become one: it has not begun its program yet, or is not on record.
                others.append((process, ()))
        self._seen = seen
        return [*seen.values(), *others]

    def _services(self) -> dict[int, str]:
        """The service of each process that belongs to one, those that it has started itself too."""
        found: dict[int, str] = {}
        for name, numbers in pids(self._folder).items():
            for number in numbers:
                found |= dict.fromkeys((number, *descendants(number)), name)
        return found


def _what(process: psutil.Process) -> str:
    """What `process` is; "" if it is another one of the run."""
    try:
        if process.name().startswith("postgres"):
            return "postgres"
        words = process.cmdline()
    except psutil.Error:
        return ""
    pairs = set(itertools.pairwise(words))
    return next((what for what, pair in WHAT if pair in pairs), "")
