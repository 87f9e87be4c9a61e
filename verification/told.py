"""A witness in one sentence, in the words of the domain: what was answered, and what is there instead."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

ANSWERED = {
    "ACK": "acknowledged",
    "REPLAY": "answered as a replay",
    "REJECT": "refused",
    "SHED": "turned away before any work",
    "NOT_SENT": "never sent",
    "UNKNOWN": "left without a definite answer",
}
"""What each outcome is called of an operation: it was …"""

NEEDED = {"operation", "attempts", "expected", "stored"}
"""What a witness that an operation made has."""

TIMES = {2: " twice"}

SHOWN = 2
"""So many columns of a row that is otherwise are named."""

LONGEST = 60
"""So many characters of a value are shown."""


def operation(thing: str, witness: Mapping[str, Any], wrong: str = "") -> str:
    """Of a witness as `Case.witness` gives it: which operation, what was answered to it, and what is `wrong` with it,
    where {names} are columns of what is stored; "": that follows from what is stored.
    """
    stored = witness["stored"][0] if witness["stored"] else {}
    rest = wrong.format_map(_Known(stored)) if wrong else _stored(witness)
    late = f"; it was not there {witness['after its answer']} after its answer" if "after its answer" in witness else ""
    return f"{_named(thing, witness)} was {_answered(witness['attempts'])} {rest}{late}."


class _Known(dict[str, Any]):
    """The columns of a row, in words; of one that a target lacks it is said that it is unknown."""

    def __getitem__(self, name: str) -> str:
        return value(self.get(name)) if name in self else "unknown"


def _named(thing: str, witness: Mapping[str, Any]) -> str:
    number = f"{witness['operation']:,}"
    items = witness.get("items")
    if items:
        return f"{thing.capitalize()} {items[0]} of operation {number}"
    # One that leaves nothing is no message, event or move; one that leaves several is not one of them.
    name = "operation" if witness["expected"] is None or "items" in witness else thing
    asked = dict.fromkeys(str(one.get("asked") or one["kind"]) for one in witness["attempts"])
    return f"{name.capitalize()} {number} ({', '.join(asked)})"


def _answered(attempts: list[Mapping[str, Any]]) -> str:
    """What all attempts of a key were answered: each answer once, with how often."""
    counts = Counter((str(one["outcome"]), int(one["status"])) for one in attempts)
    return " and ".join(
        ANSWERED.get(outcome, outcome) + (f" ({status})" if status else "") + TIMES.get(n, f" {n} times" * (n > 1))
        for (outcome, status), n in counts.items()
    )


def _stored(witness: Mapping[str, Any]) -> str:
    rows, expected = witness["stored"], witness["expected"]
    several = witness.get("of", 0)
    more = f", with {several - 1:,} more of it" if several > 1 else ""
    if not rows:
        return f"and is not stored{more}"
    if len(rows) > 1 and several <= 1:
        return f"and is stored {len(rows)} times"
    if expected is None:
        return f"and is stored all the same{more}"
    wrong = [name for name in expected if name in rows[0] and rows[0][name] != expected[name]]
    if not wrong:
        return "and is stored as it was sent"
    each = [f"{name} {_quoted(rows[0][name])} instead of {_quoted(expected[name])}" for name in wrong[:SHOWN]]
    beyond = f" and {len(wrong) - SHOWN} more columns" if len(wrong) > SHOWN else ""
    return f"and is stored with {', '.join(each)}{beyond}{more}"


def _quoted(of: Any) -> str:
    return f"“{value(of)}”" if isinstance(of, str) else value(of)


def value(of: Any) -> str:
    """A value of a row, short."""
    if of is None:
        return "–"
    said = f"{of:,}" if isinstance(of, int) and not isinstance(of, bool) else str(of)
    return said if len(said) <= LONGEST else f"{said[:LONGEST]}…"
