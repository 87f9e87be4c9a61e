"""What a run sets otherwise than its plan: --set KEY=VALUE, PERF_DURATION and PERF_VUS. It is recorded, and shown."""

import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from harness import quantities
from harness.errors import PlanError
from harness.plan.scenario import Stage
from harness.settings import Settings

AT_TOP = ("title", "contract", "database", "pool", "service", "scenario")
"""Tables at the top of a plan; every other key is one of the scenario."""


@dataclass(frozen=True)
class Overrides:
    """`sets` has dotted keys; `duration` and `vus` are PERF_DURATION and PERF_VUS, "" if unset."""

    sets: Mapping[str, Any] = field(default_factory=dict)
    duration: str = ""
    vus: str = ""

    def said(self) -> dict[str, str]:
        """What was set, as run.json records it and people read it."""
        said = {
            f"--set {key}": repr(value) if isinstance(value, str) else str(value) for key, value in self.sets.items()
        }
        variables = {"PERF_DURATION": self.duration, "PERF_VUS": self.vus}
        return said | {name: value for name, value in variables.items() if value}


NONE = Overrides()


def of(settings: Settings, sets: Mapping[str, Any]) -> Overrides:
    """What the environment and the command line set."""
    return Overrides(sets, settings.duration, settings.vus)


def parsed(words: Sequence[str]) -> dict[str, Any]:
    """KEY=VALUE of a command line: a value is TOML, or else a text. PlanError if one has no key or no value."""
    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not all(part.strip() for part in key.split(".")):
            raise PlanError(f"--set {word}: expected KEY=VALUE, e.g. --set max_users=20 or --set pool.users=1000")
        try:
            found[key.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            found[key.strip()] = value
    return found


def apply(tables: Mapping[str, Any], scenario: str, sets: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of a plan with each of `sets` in its place: PlanError if the way there leads through no table."""
    changed = deepcopy(dict(tables))
    for key, value in sets.items():
        parts = key.split(".")
        *way, last = parts if parts[0] in AT_TOP else ["scenario", scenario, *parts]
        table: Any = changed
        for part in way:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise PlanError(f"--set {key}: {part} is no table: expected e.g. --set pool.users=1000")
        table[last] = value
    return changed


def lasting(stages: tuple[Stage, ...], text: str) -> tuple[Stage, ...]:
    """With the longest even stage lasting PERF_DURATION (`text`) instead; PlanError if that is no duration."""
    try:
        seconds = quantities.seconds(text)
    except ValueError as error:
        raise PlanError(f"PERF_DURATION={text}: {error}") from None
    even = [stage for stage in stages if stage.even or stage.shaped]
    if not even:
        raise PlanError(f"PERF_DURATION={text}: the plan has no even stage that could last as long")
    longest = max(even, key=lambda stage: stage.seconds)
    place = stages.index(longest)
    if longest.users and abs(longest.users - (stages[place - 1].users if place else 0)) > longest.spawn * seconds:
        raise PlanError(f"PERF_DURATION={text}: {longest.users} users can't be started in that time")
    return (*stages[:place], replace(longest, seconds=seconds), *stages[place + 1 :])


def crowded(stages: tuple[Stage, ...], text: str) -> tuple[Stage, ...]:
    """With PERF_VUS (`text`) users at the peak, and the other stages in proportion; of a closed load."""
    users = number(text)
    if any(stage.shaped for stage in stages):
        raise PlanError(f"PERF_VUS={text}: the shape of the locustfile says how many users there are; unset it")
    peak = max(stage.users for stage in stages)
    scaled = [max(round(stage.users * users / peak), 1) for stage in stages]
    # As many times the users are started as many times as quickly: the ramps keep their length.
    faster = max(users / peak, 1.0)
    return tuple(
        replace(stage, users=count, spawn=stage.spawn * faster) for stage, count in zip(stages, scaled, strict=True)
    )


def number(text: str) -> int:
    """PERF_VUS; PlanError unless it is a whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise PlanError(f"PERF_VUS={text}: expected a whole number of users above 0")
    return int(text)
