"""The processes of a stack, by what they are: their share of the cores, their memory, threads and files."""

import itertools

import psutil

WHAT = (
    ("target", ("-m", "target")),
    ("generator", ("-m", "locust")),
    ("monitor", ("-m", "harness.monitor")),
)
"""What a process is, by neighbouring words of its command line."""


class Processes:
    """For target, postgres, generator and monitor: <what>.cpu (cores), .rss (bytes), .threads, .fds, .processes."""

    def __init__(self, parent: int) -> None:
        self._parent = psutil.Process(parent)
        self._seen: dict[int, tuple[psutil.Process, str]] = {}

    def sample(self) -> dict[str, float]:
        """The sums over the processes below the parent, as they are now; those that end meanwhile are left out."""
        line: dict[str, float] = {}
        shared: dict[str, int] = {}
        for process, what in self._below():
            try:
                with process.oneshot():
                    memory = process.memory_info()
                    common = getattr(memory, "shared", 0)
                    values = {
                        "cpu": process.cpu_percent() / 100,
                        "rss": memory.rss - common,
                        "threads": process.num_threads(),
                        "fds": process.num_fds(),
                        "processes": 1,
                    }
            except psutil.Error:
                continue
            shared[what] = max(shared.get(what, 0), common)
            for name, value in values.items():
                line[f"{what}.{name}"] = line.get(f"{what}.{name}", 0) + value
        for what, size in shared.items():
            # What the processes of a group share, each counts as its own: it is there once.
            line[f"{what}.rss"] += size
        return line

    def _below(self) -> list[tuple[psutil.Process, str]]:
        """The processes that we know what they are, the same objects each time: their CPU is counted in between."""
        seen: dict[int, tuple[psutil.Process, str]] = {}
        try:
            found = self._parent.children(recursive=True)
        except psutil.Error:
            return []
        for process in found:
            known = self._seen.get(process.pid)
            if known and known[0] == process:
                seen[process.pid] = known
                continue
            what = _what(process)
            if what:
                seen[process.pid] = (process, what)
        self._seen = seen
        return list(seen.values())


def _what(process: psutil.Process) -> str:
    """What `process` is; "" if it is none of the stack."""
    try:
        if process.name().startswith("postgres"):
            return "postgres"
        words = process.cmdline()
    except psutil.Error:
        return ""
    pairs = set(itertools.pairwise(words))
    return next((what for what, pair in WHAT if pair in pairs), "")
