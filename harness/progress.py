"""What a person sees during a run: the current stage, and how the load is doing."""

import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

from rich.console import Console
from rich.status import Status

from harness import monitor, quantities, search
from harness.plan.scenario import Scenario

LINE_EVERY_S = 5.0
"""How often there is a line where there is no terminal to keep one up to date."""


class Screen(Console):
    """A console that goes on silently when nobody reads it any more: rich's own would exit, with the code of NO-GO."""

    def on_broken_pipe(self) -> None:
        """Say nothing from now on."""
        self.quiet = True


class Progress:
    """One line that is kept up to date on a terminal, or a line every few seconds where there is none."""

    def __init__(self) -> None:
        self.console = Screen(file=sys.stderr, highlight=False)
        self._status: Status | None = None
        self._said = time.monotonic()

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._status = self.console.status("")
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()

    def say(self, text: str) -> None:
        """A line that stays."""
        self.console.print(text, markup=False, soft_wrap=True)

    def now(self, text: str) -> None:
        """The current activity."""
        if self._status:
            self._status.update(text.replace("[", r"\["))
        elif time.monotonic() - self._said >= LINE_EVERY_S:
            self._said = time.monotonic()
            self.say(f"  {text}")


def load_line(folder: Path, scenario: Scenario, began: int | None, ending: bool = False) -> str:
    """How the load is doing, from the last line of its health: rate, errors, time left.

    It is `ending` if it was told to, before its time.
    """
    if began is None:
        return "users are starting"
    elapsed = (time.monotonic_ns() - began) / 1e9
    left = f"{quantities.duration(max(round(scenario.seconds - elapsed), 0))} left"
    if ending or elapsed >= scenario.seconds:
        waiting = _flying(folder.glob("health-*.jsonl"))
        left = f"waiting for the last {waiting:,} answers" if waiting else "the last answers are there"
    elif scenario.search and (record := search.read(folder)) and record.steps:
        unit = " users" if scenario.search.by_users else "/s"
        left = f"step {len(record.steps)}, {record.steps[-1].load:,g}{unit} · {left} at most"
    elif scenario.requests:
        left = f"until {scenario.requests:,} have ended"
    return f"{left} · {_doing(folder.glob('health-*.jsonl'))}{_queues(folder, scenario)}"


def machine_lines(folder: Path, machines: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each of the machines that the load comes from, as run.json has them."""
    return [_machine_line(folder, one) for one in machines]


def _machine_line(folder: Path, machine: Mapping[str, Any]) -> str:
    said = _doing(folder / f"health-{share}.jsonl" for share in machine["shares"])
    for line in last_lines(folder / f"machine-{machine['number']}.jsonl")[-1:]:
        if "machine.cpu" in line:
            said += f" · {line['machine.cpu']:.1f} of {line['machine.cores']:g} cores"
    return f"machine {machine['number']}, {machine['host']}: {said}"


def _doing(health: Iterable[Path]) -> str:
    """What load processes have done, by the last lines of their health."""
    ended = errors = in_flight = 0
    rate = 0.0
    for path in health:
        for before, last in pairwise(last_lines(path)):
            ended, errors = ended + last["ended"], errors + last["errors"]
            in_flight += last["in_flight"]
            rate += (last["ended"] - before["ended"]) / ((last["at"] - before["at"]) / 1e9)
    return f"{ended:,} operations · {quantities.rate(rate)} · {errors:,} errors · {in_flight} in flight"


def _flying(health: Iterable[Path]) -> int:
    """How many operations are not answered, by the last line of each process; the last of all says when it ended."""
    return sum(line["in_flight"] for path in health for line in last_lines(path)[-1:])


def _queues(folder: Path, scenario: Scenario) -> str:
    """How much waits in queues, and of what was accepted the share that was routed, if the target tells it."""
    said = ""
    for line in last_lines(folder / monitor.FILE)[-1:] if scenario.queues else []:
        if "queue.depth" in line:
            said += f" · {line['queue.depth']:,.0f} queued"
        accepted, routed = (
            line.get(f"metrics.{scenario.contract.get(name)}") for name in ("counted_processed", "counted_routed")
        )
        if accepted and routed is not None:
            said += f" · {quantities.share(routed / accepted)} routed"
    return said


def last_lines(path: Path) -> list[dict[str, Any]]:
    """The last lines of a growing file of JSON lines, the newest last; a torn one is left out."""
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - 8192, 0))
            lines = file.read().split(b"\n")[:-1]
        return [json.loads(line) for line in lines[-2:]]
    except (OSError, ValueError):
        return []
