"""What a manager asks first, in six figures: how fast, how much, how well, and whether the data is right."""

import re
from typing import Any, NamedTuple

from markupsafe import Markup

from harness import quantities
from reports import figures
from reports.render.spark import spark
from reports.samples.series import Series, Values

Record = dict[str, Any]

STORED = "X1"
"""The check that compares each acknowledged effect with what is stored."""

BAD = ("NO-GO", "CONDITIONAL", "ERROR")
"""The states of a rule that a tile shows."""


class Tile(NamedTuple):
    """A figure with what it is of, and how it went."""

    name: str
    figure: str
    of: str
    spark: Markup = Markup("")
    state: str = ""
    """A state that is worth a warning; "" = none is."""


def tiles(verdict: Record, course: Series) -> list[Tile]:
    """The tiles of the contents of verdict.json, with the course of the load."""
    return [
        _time(verdict, "p95", course.p95),
        _time(verdict, "p99", course.p99),
        _delivered(verdict, course),
        _errors(verdict, course),
        Tile(
            "operations",
            f"{verdict['totals']['operations']:,}",
            f"in {quantities.duration(_lasted(verdict))}",
            spark(course.begun),
        ),
        _effects(verdict),
    ]


def _lasted(verdict: Record) -> float:
    """How long the load was, in seconds."""
    return float(max([one["end"] for one in verdict["timeline"]], default=verdict["run"]["seconds"]))


def _rule(verdict: Record, pattern: str) -> Record | None:
    """The rule about all operations that `measures` what the pattern says; else of those of some the one that is
    closest to its limit, or farthest beyond it.
    """
    found = [
        rule
        for rule in verdict["rules"]
        if re.match(pattern, rule["measures"]) and rule["value"] is not None and rule["limit"] is not None
    ]
    whole = [rule for rule in found if "{" not in rule["measures"]]
    return min(
        whole or found, key=lambda rule: float("inf") if rule["margin"] is None else rule["margin"], default=None
    )


def _state(rule: Record | None) -> str:
    return rule["state"] if rule and rule["state"] in BAD else ""


def _time(verdict: Record, name: str, course: Values) -> Tile:
    """A percentile of the response time, beside its limit."""
    rule = _rule(verdict, rf"{name}\(response_time\b")
    if rule is None:
        value = verdict["operations"][-1]["response"][name]
        return Tile(name, figures.figure(value, "duration"), "no rule limits it", spark(course))
    some = re.search(r"\{(.*)\}", rule["measures"])
    return Tile(
        f"{name}, {some[1]}" if some else name,
        figures.measured(rule),
        f"of {figures.figure(rule['limit'], rule['kind'])}",
        spark(course, rule["limit"]),
        _state(rule),
    )


def _delivered(verdict: Record, course: Series) -> Tile:
    """What ended as expected of what was offered; of a load without arrivals how much a second."""
    planned, ok = verdict["totals"]["planned"], sum(phase["ok"] for phase in verdict["phases"])
    rule = _rule(verdict, r"rate\(goodput")
    if not any(phase["offered"] for phase in verdict["phases"]) or not planned:
        rate = figures.figure(verdict["operations"][-1]["rate"], "rate")
        return Tile("delivered", rate, f"{ok:,} as expected", spark(course.ok), _state(rule))
    return Tile("delivered", quantities.share(ok / planned), f"of {planned:,} offered", spark(course.ok), _state(rule))


def _errors(verdict: Record, course: Series) -> Tile:
    errors = sum(phase["errors"] for phase in verdict["phases"])
    state = _state(_rule(verdict, r"ratio\(errors"))
    return Tile("errors", f"{errors:,}", f"of {verdict['totals']['operations']:,}", spark(course.errors), state)


def _effects(verdict: Record) -> Tile:
    """How many acknowledged effects are stored: proven only if no check of the data says anything else."""
    checks = verdict["checks"]
    broken = [one["id"] for one in checks if one["state"] == "VIOLATED"]
    unknown = [one["id"] for one in checks if one["state"] == "UNDECIDED"]
    stored = next((one for one in checks if one["id"] == STORED and one["compared"]), None)
    if not checks:
        return Tile("effects", "–", "the data was not checked", state="UNDECIDED" * (verdict["verdict"] == "INVALID"))
    state = "VIOLATED" if broken else "UNDECIDED" if unknown else ""
    if stored is None:
        holding = sum(one["state"] == "HOLDS" for one in checks)
        return Tile("checks that hold", f"{holding:,}", f"of {len(checks):,}", state=state)
    found = stored["compared"] - stored["witnesses"]
    name = "effects found, not proven" if state else "effects proven"
    return Tile(name, f"{found:,}", f"of {stored['compared']:,}", state=state)
