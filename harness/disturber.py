"""During a load: each disturbance of its plan is made when it is due, taken back in time, and put on record."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psutil
import psycopg2

from harness import database
from harness.errors import CommandError, DatabaseError, StackError
from harness.plan.disturbance import ACT_AFTER_S, LASTING, Disturbance
from harness.plan.scenario import Scenario
from harness.stack import disturbing
from harness.stack.stack import Stack

FACT = "disturbances"
"""Of run.json: a line for each disturbance that the load came to."""
ANNOUNCED = "announced"
"""Of run.json: of each that was begun verb and what, when it was done, and from when until the end of its stage, or
until it was done if that is later (ns of the master's clock): what happens then the plan has announced.
"""


@dataclass(frozen=True)
class Act:
    """A disturbance of the plan, in seconds of that."""

    disturbance: Disturbance
    phase: str
    begin: float
    end: float | None
    """When it is taken back; None: never."""
    until: float
    """When its stage ends."""


@dataclass
class Disturber:
    """Makes what `acts` are, in their order; `lines` is what run.json holds of them.

    Of each: disturb, phase, planned, began and done (seconds of the plan; None: not done), and `ended` of one that is
    taken back; what was `said` of it, to how many processes, connections, answers or pieces it was done (`count`; None:
    not known); why it `failed` ("": it did not), and the `exit_code` of a command.
    """

    stack: Stack
    acts: list[Act]
    before: Callable[[], None]
    """Called right before each."""
    clock: Callable[[], float]
    """The second of the plan."""
    lines: list[dict[str, Any]] = field(default_factory=list)
    _on: list[tuple[Act, dict[str, Any]]] = field(default_factory=list)
    _made: list[tuple[Act, dict[str, Any]]] = field(default_factory=list)

    def due(self) -> str | None:
        """Make, and take back, what is due by now; what failed, if something did."""
        for act, line in [one for one in self._on if one[0].end is not None and self.clock() >= one[0].end]:
            self._on.remove((act, line))
            self._end(act, line)
            if line["failed"]:
                return f"{act.disturbance.text} failed"
        if self.acts and self.clock() >= self.acts[0].begin:
            act = self.acts.pop(0)
            line = self._begin(act)
            if line["failed"]:
                return f"{act.disturbance.text} failed"
        return None

    def over(self) -> None:
        """Take back what still lasts: the load has ended."""
        while self._on:
            self._end(*self._on.pop())

    def announced(self, began: int) -> list[dict[str, Any]]:
        """What run.json holds of ANNOUNCED, of a plan that began then (ns of the master's clock)."""
        return [
            {
                "verb": act.disturbance.verb,
                "what": act.disturbance.what,
                "begin": began + round(line["began"] * 1e9),
                "done": began + round((line["done"] or act.until) * 1e9),
                "end": began + round(max(act.until, line["done"] or 0.0, line["ended"] or 0.0) * 1e9),
            }
            for act, line in self._made
        ]

    def _begin(self, act: Act) -> dict[str, Any]:
        line: dict[str, Any] = {"disturb": act.disturbance.text, "phase": act.phase, "planned": act.begin}
        line |= {"began": self.clock(), "done": None, "ended": None, "said": "", "count": None}
        line |= {"failed": "", "exit_code": None}
        self.lines.append(line)
        self._made.append((act, line))
        try:
            self.before()
        except (DatabaseError, psycopg2.Error, OSError) as error:
            line["failed"] = f"what was completed before it could not be kept: {database.first_line(error)}"
            return line
        line["began"] = self.clock()
        if act.end is not None:
            self._on.append((act, line))
        self._do(disturbing.begin, act, line, "done")
        return line

    def _end(self, act: Act, line: dict[str, Any]) -> None:
        self._do(disturbing.end, act, line, "ended")

    def _do(
        self, do: Callable[[Stack, Disturbance], disturbing.Done], act: Act, line: dict[str, Any], moment: str
    ) -> None:
        try:
            done = do(self.stack, act.disturbance)
        except (StackError, OSError, psutil.Error) as error:
            line["failed"] = str(error)
            line["exit_code"] = error.code if isinstance(error, CommandError) else None
            return
        line[moment] = self.clock()
        line["said"] = "; ".join(filter(None, (line["said"], done.said)))
        line["count"] = done.count if line["count"] is None else line["count"]
        line["exit_code"] = done.exit_code


def acts(scenario: Scenario, stack: Stack) -> list[Act]:
    """What the plan disturbs, in the order of time."""
    found, at = [], 0.0
    for stage in scenario.stages:
        if stage.disturb:
            one, begin = scenario.disturbance(stage), at + ACT_AFTER_S
            until = at + stage.seconds
            found.append(Act(one, stage.phase, begin, _end(one, stack, begin, until), until))
        at += stage.seconds
    return found


def _end(one: Disturbance, stack: Stack, begin: float, stage: float) -> float | None:
    """When it is taken back, if it is; its stage ends at second `stage`."""
    commanded = disturbing.is_command(stack, one)
    if commanded and disturbing.STATE not in stack.disturb_command:
        return None
    if one.verb == "stop":
        return begin + one.amount
    return stage if commanded or one.verb in LASTING else None
