"""The checks of the data as a page shows them: a summary by what they keep, and each that does not hold by itself."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from harness.check import Group
from reports.render.grid import LONG, Grid, Head, figures_of
from reports.render.history import History, history
from reports.render.tiles import STORED
from reports.render.witness import same_thing, tables

Record = dict[str, Any]

WORST = ("VIOLATED", "UNDECIDED", "HOLDS")
"""The states of a check, the worst first."""


class Summary(NamedTuple):
    """The checks that keep one thing."""

    group: str
    state: str
    """The worst of theirs."""
    ids: list[str]


class Card(NamedTuple):
    """A check that does not hold."""

    check: Record
    headline: str
    """The first witness in a sentence; of one that could not decide, why. "": a check above has said it."""
    numbers: str
    """What was found in numbers; "" where the headline says it."""
    history: History | None
    tables: list[Grid]
    as_in: str = ""
    """The check above whose witness is the same thing, so that it is not shown twice; "": there is none."""
    others: tuple[str, ...] = ()
    """The other checks that are undecided for the same reason."""


def headline(checks: list[Record], totals: Mapping[str, Any]) -> str:
    """How many checks hold, and how much was compared with how much."""
    holding = sum(one["state"] == "HOLDS" for one in checks)
    said = f"{holding:,} of {len(checks):,} hold"
    stored = next((one for one in checks if one["id"] == STORED and one["compared"]), None)
    if stored is None or totals["effects"] is None:
        return said
    return f"{said}, {stored['compared']:,} effects compared with {totals['effects']:,} rows"


def summary(checks: list[Record]) -> list[Summary]:
    """The groups that have a check, in their order."""
    found = []
    for group in Group:
        own = [one for one in checks if one["group"] == group]
        if own:
            state = min((one["state"] for one in own), key=WORST.index)
            found.append(Summary(group, state, [one["id"] for one in own]))
    return found


def cards(checks: list[Record]) -> list[Card]:
    """Those that do not hold, the violated ones first; those that could not decide for one reason together."""
    about: dict[tuple[str, str], Record] = {}
    violated = [_violated(one, about) for one in checks if one["state"] == "VIOLATED"]
    undecided = [one for one in checks if one["state"] == "UNDECIDED"]
    reasons = {
        detail: [one for one in undecided if one["detail"] == detail] for detail in [one["detail"] for one in undecided]
    }
    return violated + [
        Card(first, _sentence(detail) or first["title"], "", None, [], others=tuple(one["id"] for one in others))
        for detail, (first, *others) in reasons.items()
    ]


def _violated(check: Record, about: dict[tuple[str, str], Record]) -> Card:
    """`about` has the things of the witnesses that are shown already, with the check that shows them."""
    thing, numbers = same_thing(check["first"]), _sentence(check["detail"])
    shown_by = about.setdefault(thing, check) if thing else check
    if shown_by is not check:
        # What is said of its witness, has been said.
        rest: Record = {"traces": [], "sql": check["sql"] if check["sql"] != shown_by["sql"] else ""}
        return Card({**check, **rest}, "", numbers, None, [], as_in=shown_by["id"])
    witness, headline = check["first"], check["said"] or numbers or check["title"]
    return Card(check, headline, numbers * (numbers != headline), history(witness), tables(witness))


def _sentence(detail: str) -> str:
    return f"{detail[:1].upper()}{detail[1:].rstrip('.')}." if detail else ""


def every(checks: list[Record], symbols: Mapping[str, str]) -> Grid:
    """Every check, with how much it compared."""
    heads = [Head("check"), Head("state"), Head("what must be true", LONG), *figures_of(["compared"]), Head("of", LONG)]
    rows = [
        [
            one["id"],
            f"{symbols[one['state']]} {one['state']}",
            one["title"],
            f"{one['compared']:,}",
            f"{one['what']}{'; ' if one['detail'] else ''}{one['detail']}",
        ]
        for one in checks
    ]
    return Grid("Every check", heads, rows)
