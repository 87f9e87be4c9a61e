"""A search for the highest load under the rules: the next step, as a pure function of how those before it ended.

It doubles the load until a step does not hold, goes back, halves the gap, and repeats both of its edges.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from harness.plan.toml_table import Table

FACTOR = 2.0
"""By how much the load grows from step to step as long as all hold."""
CLOSE = 1.05
"""The gap between what holds and what does not is not halved further than this factor, …"""
APART = 1
"""… nor further than one user."""
ALIKE = 2
"""At the edges a load counts by so many equal answers: the best of three, since one may be chance."""
SPARE = 8
"""How many steps more than consistent answers take there may be, where answers contradict each other."""


@dataclass(frozen=True)
class Search:
    """What to search: loads from `start` to `to`, in arrivals a second or, `by_users`, in users; `seconds` a step."""

    start: float
    to: float
    seconds: float
    by_users: bool


class Try(NamedTuple):
    """A step that is over: its load, and whether it held."""

    load: float
    held: bool


class Edge(NamedTuple):
    """Where the tries change from holding to not holding."""

    held: float | None
    """The highest load that holds, and so do all below it; None: not even the lowest."""
    broken: float | None
    """The lowest load that does not hold; None: all hold."""


def edge(tries: Sequence[Try]) -> Edge:
    """What the tries say by the majority for each load; as many of each do not hold."""
    loads = sorted({one.load for one in tries})
    broken = next((load for load in loads if _balance(tries, load) <= 0), None)
    held = [load for load in loads if broken is None or load < broken]
    return Edge(held[-1] if held else None, broken)


def next_load(search: Search, tries: Sequence[Try]) -> float | None:
    """The load of the next step; None if the search is over."""
    if not tries:
        return search.start
    held, broken = edge(tries)
    if len(tries) >= most_steps(search):
        return None
    if broken is None:
        assert held is not None
        return None if held >= search.to else _above(search, held)
    for load in (held, broken):
        if load is not None and (held is None or _close(search, held, broken)) and not _settled(tries, load):
            return load
    return None if held is None or _close(search, held, broken) else _between(search, held, broken)


def climb(search: Search) -> list[float]:
    """The loads of its steps if all of them hold."""
    loads = [search.start]
    while loads[-1] < search.to:
        loads.append(_above(search, loads[-1]))
    return loads


def most_steps(search: Search) -> int:
    """How many steps there are at most, whatever comes of them."""
    halvings = math.ceil(math.log2(math.log(FACTOR) / math.log(CLOSE)))
    return len(climb(search)) + halvings + 2 * (ALIKE - 1) + SPARE


def read(table: Table, entry: object, closed: bool) -> Search:
    """search = { from = 50, to = 5000, for = "20s" }; by users where the scenario is `closed`, or `by` says so."""
    own = Table(table.where, "search", entry)
    by = own.take("by", "users" if closed else "rate")
    if by not in ("rate", "users") or (closed and by == "rate"):
        own.fail("by", by, '"users", since they go at their own pace' if closed else '"rate" or "users"')
    start, to = (own.number(key, whole=by == "users") for key in ("from", "to"))
    seconds = own.seconds("for")
    own.done()
    if to <= start:
        own.fail("to", to, f"more than from, which is {start:g}")
    if seconds < LEAST_S:
        own.where.fail(f"{seconds:g}s", f"search: for = {seconds:g} s: expected at least {LEAST_S:g} s", "for")
    return Search(float(start), float(to), seconds, by == "users")


LEAST_S = 2.0
"""The shortest step: in less nothing is seen to pile up."""


def _balance(tries: Sequence[Try], load: float) -> int:
    """How many more tries of this load held than did not."""
    return sum(1 if one.held else -1 for one in tries if one.load == load)


def _settled(tries: Sequence[Try], load: float) -> bool:
    """Whether its answer is known: as often as it takes."""
    answers = [one.held for one in tries if one.load == load]
    return max(answers.count(True), answers.count(False)) >= ALIKE


def _close(search: Search, held: float, broken: float) -> bool:
    return broken / held <= CLOSE or (search.by_users and broken - held <= APART)


def _above(search: Search, held: float) -> float:
    return search.to if held * FACTOR >= search.to else _rounded(search, held * FACTOR)


def _between(search: Search, held: float, broken: float) -> float:
    middle = _rounded(search, math.sqrt(held * broken))
    return min(max(middle, held + 1), broken - 1) if search.by_users else middle


def _rounded(search: Search, load: float) -> float:
    """As people write it: whole users, three digits of a rate."""
    return float(round(load)) if search.by_users else float(f"{load:.3g}")
