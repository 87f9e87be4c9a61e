"""What a run is divided by besides its keys: the things that its operations are about, each by a hash of its own.

The parts of the keys hand their lines on, when they are judged. What a division has of a run is said by its system:
`DIVISIONS`, those that can be judged at one time together, and `hand_on`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from verification.divided.store import Store
from verification.ledger import Ledger


@dataclass(frozen=True)
class Division:
    """A run divided by one kind of thing."""

    name: str
    """What `Check.of` calls it."""
    case: Callable[[Ledger, Any, Store, int], Any]
    """What the checks are given of a part: of the ledger of the run without its operations, of what was read beside
    the rows, and of the lines that were handed on to that number.
    """
    learnt: Callable[[Any], Any] = lambda _case: None
    """What is to be known of each part to tell what was found, …"""
    joined: Callable[[Any, Sequence[Any]], Any] = lambda seen, _learnt: seen
    """… and what was read beside the rows, with that of all parts."""
    hand_on: Callable[[Any, int, Store], Any] | None = None
    """Hands on the part of that number to those of divisions that are judged later; what it gives is what is `learnt`
    of the part."""


def of(system: Any) -> Sequence[Sequence[Division]]:
    """Those of a system, in the order in which they are judged."""
    found: Sequence[Sequence[Division]] = getattr(system, "DIVISIONS", ())
    return found


OTHERS = "of-"
"""What the names of tables begin with that are for other parts than those of the keys, and kept beside these."""


def table_of(division: str, name: str) -> str:
    """The name of a table that is for the parts of a division."""
    return f"{OTHERS}{division}.{name}"


def is_of_keys(table: str) -> bool:
    """Whether a table is for the parts of the keys."""
    return not table.startswith(OTHERS)


def named(system: Any, name: str) -> Division:
    """The one of this name."""
    return next(one for stage in of(system) for one in stage if one.name == name)
