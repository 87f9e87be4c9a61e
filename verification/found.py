"""What a check found: of a whole run, or of a part of its keys.

Parts add up to what is found in the whole, to the byte, however it was divided: numbers are summed, and of the
witnesses the one is shown that comes first in the whole.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Found:
    """What a check found: a Finding without what is the same each time."""

    compared: int
    witnesses: int = 0
    detail: str = ""
    first: dict[str, Any] = field(default_factory=dict)
    worst: dict[str, Any] = field(default_factory=dict)
    sql: str = ""
    undecided: str = ""
    """Why it can't be decided, although things were compared."""
    said: str = ""
    """The first witness in one sentence, where its detail and what `Case.sentence` makes of it are none."""


@dataclass(frozen=True)
class Witness:
    """One that breaks the invariant."""

    order: tuple[int, ...]
    """Its place among all of the run, in numbers that do not depend on how it was divided; the lowest one is shown."""
    shown: dict[str, Any]
    sql: str = ""
    """The query that shows it."""
    named: str = ""
    """What it is called in the detail."""
    said: str = ""
    key: int | None = None
    """The operation that made the key which is to be shown (`Case.witness`), where the part does not have all of it."""


@dataclass(frozen=True)
class Part:
    """What a check found in a part of the keys of a run, or in all of them."""

    tell: "Callable[[Part], Found]"
    """What it says of the sum of all parts. Parts come from other processes: a function of a module, or a partial."""
    compared: int = 0
    witnesses: int = 0
    first: Witness | None = None
    worst: Witness | None = None
    sums: Mapping[str, int] = field(default_factory=dict)
    """Numbers of which that of the whole is the sum, …"""
    most: Mapping[str, int] = field(default_factory=dict)
    """… of which it is the largest, …"""
    sets: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """… and of which it is how many different ones there are, or which the lowest of them are."""
    each: Mapping[str, Witness] = field(default_factory=dict)
    """Where witnesses are of several kinds, the first one of each."""
    shared: frozenset[int] = frozenset()
    """Of the witnesses those, as numbers, that another part may find, too; `witnesses` are the others."""

    def told(self) -> Found:
        """What it says, as a whole."""
        return self.tell(replace(self, witnesses=self.witnesses + len(self.shared), shared=frozenset()))

    @property
    def named(self) -> str:
        """What the first witness is called; "" if there is none."""
        return self.first.named if self.first else ""

    def found(self, detail: str, undecided: str = "") -> Found:
        """The detail and the first witness, and the worst; if there are none, why it may be undecided."""
        if not self.witnesses:
            return Found(self.compared, undecided=undecided)
        # One that can't be shown is counted all the same.
        first, worst = self.first or Witness((), {}), self.worst.shown if self.worst else {}
        return Found(self.compared, self.witnesses, detail, first.shown, worst, first.sql, said=first.said)


def added(parts: Sequence[Part]) -> Part:
    """The sum of the parts of a run, of which there is at least one."""
    sums: Counter[str] = Counter()
    most: dict[str, int] = {}
    sets: dict[str, frozenset[int]] = {}
    each: dict[str, Witness] = {}
    for part in parts:
        # Names keep the order in which the first part has them; Counter.update keeps zeros.
        sums.update(part.sums)
        for name, number in part.most.items():
            most[name] = max(number, most.get(name, number))
        for name, numbers in part.sets.items():
            sets[name] = sets.get(name, frozenset()) | numbers
        for name, witness in part.each.items():
            each[name] = min(witness, each.get(name, witness), key=lambda one: one.order)
    return replace(
        parts[0],
        compared=sum(part.compared for part in parts),
        witnesses=sum(part.witnesses for part in parts),
        first=_lowest([part.first for part in parts]),
        worst=_lowest([part.worst for part in parts]),
        sums=dict(sums),
        most=most,
        sets=sets,
        each=each,
        shared=frozenset().union(*(part.shared for part in parts)),
    )


def _lowest(witnesses: Sequence[Witness | None]) -> Witness | None:
    return min((one for one in witnesses if one is not None), key=lambda one: one.order, default=None)
