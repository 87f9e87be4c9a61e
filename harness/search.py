"""search.json in the run folder: which steps a search has made, when, and how each was judged while the load went on.

The process that judges writes it; the load processes follow it, and every later reader takes the stages of the load
from it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from harness.plan.rules import WARM_UP
from harness.plan.scenario import Scenario, Stage
from harness.plan.search import Search, Try, climb, most_steps, next_load

FILE = "search.json"
WARM_SHARE = 0.25
"""How long the load at `from` is a warm-up before the first step, as a share of a step; as long rests the target
after a step that did not hold."""
LEAD_S = 1.0
"""Between a decision and the step that it makes: for all load processes to hear of it."""
SENT_S = 1.0
"""So much more, besides the way there and back, if load processes are on other machines."""
SPAWN_RATE = 100.0
"""Users started, or ended, a second before a step."""
SETTLE_S = 1.0
"""Users go on for so long before a step, once all are there: Locust looks for a change once a second."""
GRACE_S = 1.0
"""How long after its end an arrival of a step may still be begun; later it is dropped."""
JUDGED_S = 5.0
"""How long it may take to judge a step, where the duration of a search is bounded."""
PAUSE, SETTLE = "pause", "settle"
"""The phases between steps: without arrivals; with users at their own pace."""


@dataclass(frozen=True)
class Step:
    """A step of the search. Seconds are those of the plan."""

    load: float
    decided: float
    """When it was decided: until then the load before it went on, if users go at their own pace."""
    begin: float
    held: bool | None = None
    """How it was judged while the load went on; None: it was not."""
    why: tuple[str, ...] = ()
    """What did not hold."""


@dataclass(frozen=True)
class Record:
    """What a search has done so far."""

    steps: tuple[Step, ...]
    ended: str = ""
    """Why it is over; "" = it is not."""
    end: float = 0.0
    """When it was."""

    @property
    def tries(self) -> list[Try]:
        """The steps that are judged."""
        return [Try(step.load, step.held) for step in self.steps if step.held is not None]


def phase(number: int) -> str:
    """What the step with this number, from 1, is called."""
    return f"step-{number}"


def first(search: Search) -> Record:
    """What is known before the load begins: the first step, after the warm-up."""
    return Record((Step(search.start, 0.0, _seconds(search.seconds * WARM_SHARE)),))


def after(
    scenario: Scenario, record: Record, held: bool, why: tuple[str, ...], now: float, lead: float = LEAD_S
) -> Record:
    """The record once its last step is judged, at second `now`: with the next step, at least `lead` s later, or
    ended.
    """
    search = scenario.search
    assert search is not None
    now = _seconds(now)
    judged = (*record.steps[:-1], replace(record.steps[-1], held=held, why=why))
    load = next_load(search, Record(judged).tries)
    last = judged[-1]
    rest = 0.0 if held else search.seconds * WARM_SHARE
    if load is None:
        return Record(judged, "nothing is left to try", now)
    begin = _seconds(max(now + lead + _ramp(search, last.load, load), last.begin + search.seconds + rest))
    if begin + search.seconds > longest(search, patience(scenario)):
        return Record(judged, "its time was up", now)
    return Record((*judged, Step(load, now, begin)))


def drains(scenario: Scenario) -> bool:
    """Whether what a step left is awaited before the next one: where the database tells, and users don't go on."""
    told = bool(scenario.completed) and len(scenario.points) > 1
    return told and scenario.search is not None and not scenario.search.by_users


def patience(scenario: Scenario) -> float:
    """How many seconds after a step its last operations may end, and what they left may be completed.

    A step at twice what the target can do leaves as much to do as the step took.
    """
    assert scenario.search is not None
    return scenario.timeout_seconds + drains(scenario) * (scenario.drain_seconds + scenario.search.seconds)


def longest(search: Search, patience: float) -> float:
    """How many seconds a search takes at most."""
    return sum(stage.seconds for stage in bound(search, patience))


def bound(search: Search, patience: float) -> tuple[Stage, ...]:
    """The stages of the longest search that there can be, with the most operations: as its pool must feed."""
    loads = climb(search)
    loads += [search.to] * (most_steps(search) - len(loads))
    between = GRACE_S + patience + JUDGED_S + LEAD_S + search.seconds * WARM_SHARE
    steps, at, before = [], _seconds(search.seconds * WARM_SHARE), search.start
    for load in loads:
        steps.append(Step(load, _seconds(at), _seconds(at + _ramp(search, before, load))))
        at, before = steps[-1].begin + search.seconds + between, load
    return stages(search, Record(tuple(steps), "", at))


def stages(search: Search, record: Record) -> tuple[Stage, ...]:
    """The stages of the load as far as they are decided."""
    found, at, load = [_stage(search, WARM_UP, record.steps[0].begin, search.start)], record.steps[0].begin, 0.0
    for number, step in enumerate(record.steps, 1):
        if number > 1:
            found += _between(search, at, load, step)
        found.append(_stage(search, phase(number), search.seconds, step.load))
        at, load = step.begin + search.seconds, step.load
    if record.end > at:
        found.append(_idle(search, _seconds(record.end - at), load))
    return tuple(found)


def _between(search: Search, end: float, load: float, step: Step) -> list[Stage]:
    """What was between the end of a step and the next one."""
    if not search.by_users:
        return [_idle(search, _seconds(step.begin - end), 0.0)]
    waited = _seconds(step.decided - end)
    before = [_idle(search, waited, load)] if waited > 0 else []
    return [*before, _idle(search, _seconds(step.begin - max(step.decided, end)), step.load)]


def _stage(search: Search, name: str, seconds: float, load: float) -> Stage:
    if search.by_users:
        return Stage(name, seconds, 0.0, 0.0, users=round(load), spawn=SPAWN_RATE)
    return Stage(name, seconds, load, load)


def _idle(search: Search, seconds: float, load: float) -> Stage:
    """Between steps: users stay where they are."""
    return _stage(search, SETTLE, seconds, load) if search.by_users else _stage(search, PAUSE, seconds, 0.0)


def _ramp(search: Search, before: float, load: float) -> float:
    """How long it takes until all users of a step are there."""
    return abs(load - before) / SPAWN_RATE + SETTLE_S if search.by_users else 0.0


def _seconds(value: float) -> float:
    return round(value, 3)


def as_json(record: Record) -> Mapping[str, Any]:
    """As the file holds it."""
    plain: dict[str, Any] = msgspec.to_builtins(record)
    return plain


def read(folder: Path) -> Record | None:
    """The record in a run folder; None if there is none, or none that can be read."""
    try:
        return msgspec.convert(json.loads((folder / FILE).read_text()), Record)
    except (OSError, ValueError, msgspec.ValidationError):
        return None


def followed(scenario: Scenario, record: Record | None) -> Scenario:
    """The scenario with the stages that its search has made; as it is if there is no search, or no record of it."""
    if scenario.search is None or record is None or not record.steps:
        return scenario
    return replace(scenario, stages=stages(scenario.search, record))
