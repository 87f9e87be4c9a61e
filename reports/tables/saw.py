"""What the monitor saw in a second: who used the cores, and what the database did and waited for."""

from bisect import bisect_left
from collections.abc import Callable, Sequence

from harness.quantities import share
from reports.samples.monitor_lines import Line

APART_S = 2.0
"""A sample that was taken so long after a moment says nothing about it."""

USED = {"target.cpu": "target", "postgres.cpu": "PostgreSQL", "generator.cpu": "generator"}
WAITED = {"db.waiting.lock": "locks", "db.waiting.lwlock": "PostgreSQL's own locks", "db.waiting.io": "the disk"}


def saw(lines: Sequence[Line], began: int) -> Callable[[float], str | None]:
    """What the sample says that covers a second of the plan, which `began` at a moment (ns); None: there is none."""
    moments = [(line["at"] - began) / 1e9 for line in lines]

    def at(second: float) -> str | None:
        place = bisect_left(moments, second)
        if place == len(lines) or moments[place] - second > APART_S:
            return None
        return sentence(lines[place]) or None

    return at


def sentence(line: Line) -> str:
    """A sample in words: what of it can make an operation slow."""
    said = []
    cores = line.get("machine.cores")
    if cores and "machine.cpu" in line:
        said.append(f"machine {share(line['machine.cpu'] / cores)} busy{ours(line, cores)}")
    used = [f"{name} {line[key]:.2g}" for key, name in USED.items() if key in line]
    if used:
        said.append(f"{', '.join(used)} cores")
    said += [f"{line[key]:g} waited for {what}" for key, what in WAITED.items() if line.get(key)]
    if line.get("db.checkpoint_seconds") or line.get("db.checkpoints"):
        said.append("a checkpoint")
    if line.get("machine.steal", 0.0) >= STOLEN:
        said.append(f"{share(line['machine.steal'])} taken by other guests")
    return "; ".join(said)


STOLEN = 0.02
"""The share of processor time from which on it is told that other guests took it."""


def ours(line: Line, cores: float) -> str:
    """How many of the cores this run itself used; "": that is not known."""
    return f", {line['run.cpu']:.2g} of {cores:g} cores by this run" if "run.cpu" in line else ""
