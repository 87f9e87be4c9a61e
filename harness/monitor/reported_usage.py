"""What a target elsewhere uses, as far as it tells: by the names of Prometheus's clients and of a JVM."""

from collections.abc import Mapping

CPU_SECONDS = "metrics.process_cpu_seconds_total"
CPU_SHARE, CORES = "metrics.process_cpu_usage", "metrics.system_cpu_count"
"""Micrometer tells the share of all cores that the process uses."""

MEMORY = ("metrics.process_resident_memory_bytes", "metrics.jvm_memory_used_bytes")
COLLECTING = ("metrics.jvm_gc_pause_seconds_sum", "metrics.gc_seconds_total")


class ReportedUsage:
    """target.cpu (cores), target.rss (bytes), target.gc (seconds of garbage collection a second); and target.cpu_share,
    of all cores that it may use: those of this machine, of a target that runs here.
    """

    def __init__(self) -> None:
        self._before: dict[str, tuple[float, float]] = {}

    def of(self, line: Mapping[str, float]) -> dict[str, float]:
        """What follows from a sample with metrics of the target, and the sample before it."""
        found = {
            "target.cpu": self._rate(line, CPU_SECONDS),
            "target.rss": next((line[name] for name in MEMORY if name in line), None),
            "target.gc": next((self._rate(line, name) for name in COLLECTING if name in line), None),
        }
        if CPU_SHARE in line and CORES in line:
            found["target.cpu"] = line[CPU_SHARE] * line[CORES]
        found["target.cpu_share"] = line.get(CPU_SHARE)
        if "target.cpu" in line and "machine.cores" in line:  # its processes are ours
            found["target.cpu_share"] = line["target.cpu"] / line["machine.cores"]
        return {name: value for name, value in found.items() if value is not None}

    def _rate(self, line: Mapping[str, float], name: str) -> float | None:
        """By how much a counter grew a second; None at first, and where it began anew."""
        if name not in line:
            return None
        at, value = line["at"] / 1e9, line[name]
        before = self._before.get(name)
        self._before[name] = at, value
        if before is None or value < before[1] or at <= before[0]:
            return None
        return (value - before[1]) / (at - before[0])
