"""What a run ran on, in plain words: labels instead of names of fields, units that people use, nothing of Python."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from harness.quantities import duration

Pairs = list[tuple[str, str]]

GROUPS = {
    "target": "Target",
    "database": "Database",
    "host": "Machine",
    "versions": "Versions",
    "git": "Commit",
    "seeding": "Seeding",
    "load": "Load",
    "scaling": "Changes of processes",
}
"""What of `run` in verdict.json is told, and under which heading."""

LABELS = {
    "url": "address",
    "ours": "started by this run",
    "server_version": "PostgreSQL",
    "cpu": "processor",
    "memory_bytes": "memory",
    "python": "Python",
    "kernel": "system",
    "dirty": "files that differ from it",
    "exit_code": "exit code of the load",
    "cpu_mean": "cores used, on average",
    "cpu_max": "cores used, at most",
    "rss_max": "memory, at most",
    "gc_seconds": "held up by garbage collection",
    "in_flight_max": "operations in flight, at most",
    "seconds": "took",
    "died": "services that died",
    "worker": "number",
    "version": "version",
}
"""What a field is called, where its own name is not a plain word."""

BYTES = re.compile(r"(^|_)(bytes|rss_max)$")
SECONDS = re.compile(r"(^|_)(seconds|within|after)$")

UNITS = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


def environment(verdict: Mapping[str, Any]) -> list[tuple[str, Pairs]]:
    """What the run ran on, group by group; nothing of what is not known, and no group without anything."""
    run = verdict["run"]
    groups = [(title, run[name]) for name, title in GROUPS.items()]
    groups += [(f"Load process {one['worker']}", _without(one, "worker")) for one in verdict["generator"]]
    return [(title, pairs) for title, group in groups if (pairs := list(_pairs("", "", group)))]


def _without(group: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in group.items() if key != name}


def _pairs(label: str, name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Label and value of all that is in `value`, which the field `name` holds."""
    if isinstance(value, dict):
        for key, item in value.items():
            # Settings have names by which they are looked up.
            own = str(key) if name == "settings" else _label(str(key))
            yield from _pairs(f"{label}, {own}" if label and name != "settings" else own, str(key), item)
    elif isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        for place, one in enumerate(value, 1):
            yield from _pairs(f"{label} {place}".strip(), name, one)
    elif value is not None and value != []:
        yield label or name, word(name, value)


def _label(name: str) -> str:
    known = LABELS.get(name)
    if known:
        return known
    plain = re.sub(r"_(bytes|seconds)$", "", name)
    return plain if "-" in plain else plain.replace("_", " ")


def word(name: str, value: Any) -> str:
    """The value of a field as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(word(name, one) for one in value)
    if isinstance(value, int | float):
        if BYTES.search(name):
            return size(value)
        if SECONDS.search(name):
            return duration(float(value))
        return f"{value:,.3g}" if isinstance(value, float) else f"{value:,}"
    return str(value)


def size(count: float) -> str:
    """So many bytes."""
    for unit, of in UNITS:
        if count >= of:
            return f"{count / of:,.3g} {unit}"
    return f"{count:,.0f} bytes"
