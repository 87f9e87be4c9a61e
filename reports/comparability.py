"""Runs are compared only if they ran on the same thing: what they ran on, and where two of them differ."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from harness import steered

NAMES = {
    "host.cpu": "processor",
    "host.cores": "cores",
    "host.kernel": "kernel",
    "host.python": "Python",
    "versions": "version of",
    "database.server_version": "version of PostgreSQL",
    "database.settings": "PostgreSQL's",
    "seeding.digest": "seeded data",
    "load.processes": "load processes",
    "scenario": "scenario",
    "profile": "profile",
    "seconds": "seconds of load",
    "plan": "plan of the load",
}
"""What must be equal, by its place in verdict.json's `run`, and what it is called: before the names of its entries,
if it has some."""
SAME = tuple(NAMES)
BY_HAND = "changed by hand"
"""What a person did to the load in the web UI: a run that has it is like none, not even one that has the same."""


class Fact(NamedTuple):
    """What two runs ran on, in words."""

    place: str
    """Which of SAME it is, or belongs to."""
    name: str
    one: str
    other: str

    @property
    def same(self) -> bool:
        """Whether it is the same in both."""
        return self.one == self.other


def fingerprint(verdict: Mapping[str, Any]) -> dict[str, Any]:
    """What the run of `verdict` (verdict.json) ran on; None where that isn't known."""
    return {name: _at(verdict["run"], name) for name in SAME}


def facts(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[Fact]:
    """Two fingerprints side by side; what has entries, entry by entry."""
    return [fact for place in SAME for fact in _spelled(place, one.get(place), other.get(place))]


def unlike(one: Mapping[str, Any], other: Mapping[str, Any], but: Sequence[str] = ()) -> list[Fact]:
    """In what two fingerprints differ, but for places that may; something of each place that differs."""
    found = []
    for place in SAME:
        if place in but or one.get(place) == other.get(place):
            continue
        told = [fact for fact in _spelled(place, one.get(place), other.get(place)) if not fact.same]
        # What reads the same differs all the same: a number in a digit that is not written, an empty table and none.
        found += told or [Fact(place, NAMES[place], repr(one.get(place)), repr(other.get(place)))]
    return found


def reasons(one: Mapping[str, Any], other: Mapping[str, Any], but: Sequence[str] = ()) -> list[str]:
    """Why the runs of two verdict.json may not be compared, a sentence each; they may differ in `but`."""
    found = unlike(fingerprint(one), fingerprint(other), but)
    by_hand = [by_person(each) or "nothing" for each in (one, other)]
    said = [f"{BY_HAND}: {by_hand[0]} and {by_hand[1]}"] if by_person(one) or by_person(other) else []
    return said + [f"{fact.name} differs: {fact.one} and {fact.other}" for fact in found]


def by_person(verdict: Mapping[str, Any]) -> str:
    """What a person changed in the run of `verdict` as it went on; "" if nothing was."""
    return steered.said(verdict["run"].get("steered") or ())


def _spelled(place: str, one: Any, other: Any) -> Iterator[Fact]:
    name = NAMES[place]
    if isinstance(one, Mapping) or isinstance(other, Mapping):
        left, right = (value if isinstance(value, Mapping) else {} for value in (one, other))
        for key in sorted({*left, *right}):
            yield Fact(place, f"{name} {key}", _word(left.get(key)), _word(right.get(key)))
    else:
        yield Fact(place, name, _word(one), _word(other))


def _word(value: Any) -> str:
    if value is None:
        return "not known"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _at(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
