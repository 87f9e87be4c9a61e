"""What a person changes by hand of a load as it goes on: the figures of such a run are compared with no other's."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness import quantities
from harness.plan.scenario import Scenario, Stage

FILE = "steered.jsonl"
"""In the run folder, a line a change: the second of the plan, and users and spawn, or the rate, from then on."""
MOST = 10
"""So many times as much as the plan has at most: more is a slip of the hand, or another plan."""

Change = Mapping[str, Any]


def fixed(scenario: Scenario) -> str:
    """Why how much load there is can't be changed while it goes on; "" if it can."""
    if scenario.search or scenario.scaling or scenario.scales:
        return "how much this plan does with how much load is what it compares"
    if scenario.rounds or any(stage.in_step for stage in scenario.stages):
        return "the users of this plan meet before their operations: their number is the plan's"
    if scenario.shaped:
        return "the number of users is that of the locustfile's own shape"
    return ""


def most(scenario: Scenario) -> float:
    """How many users, or arrivals a second in an open load, there may be."""
    rates = [max(stage.start_rate, stage.end_rate) for stage in scenario.stages if not stage.burst]
    return MOST * max(rates if scenario.open else [stage.users for stage in scenario.stages], default=0)


def add(folder: Path, change: Change) -> None:
    """Record a change of the run in `folder`."""
    with (folder / FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(change) + "\n")


def read(folder: Path) -> list[dict[str, Any]]:
    """All changes of the run in `folder`, in their order."""
    path = folder / FILE
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def said(changes: Iterable[Change]) -> str:
    """What was changed and when."""
    return ", ".join(f"{_what(one)} from {one['second']:.1f} s on" for one in changes)


def _what(change: Change) -> str:
    return f"{change['users']:,} users" if "users" in change else f"{quantities.rate(change['rate'])} offered"


def followed(scenario: Scenario, changes: Iterable[Change]) -> Scenario:
    """The scenario with the arrivals that were offered. Of users the plan says how many were planned, as before."""
    stages = scenario.stages
    for change in changes:
        if "rate" in change:
            stages = _at_rate(stages, change["second"], change["rate"])
    return replace(scenario, stages=stages)


def _at_rate(stages: Iterable[Stage], second: float, rate: float) -> tuple[Stage, ...]:
    """The stages, of which all that offer arrivals, but for bursts, have that rate from the second on."""
    found: list[Stage] = []
    end = 0.0
    for stage in stages:
        begin, end = end, round(end + stage.seconds, 9)
        if end <= second or not stage.loads or stage.burst:
            found.append(stage)
        elif begin >= second:
            found.append(replace(stage, start_rate=rate, end_rate=rate))
        else:
            before = second - begin
            turn = stage.start_rate + (stage.end_rate - stage.start_rate) * before / stage.seconds
            found.append(replace(stage, seconds=round(before, 9), end_rate=turn))
            # What a stage does at its beginning is done.
            rest = replace(stage, seconds=round(end - second, 9), start_rate=rate, end_rate=rate, scale={}, disturb="")
            found.append(rest)
    return tuple(found)
