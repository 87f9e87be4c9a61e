"""Defects to order: each is a named one that a named check must catch, or the check proves nothing.

A fault is made of subclasses, each put in the place of a clean part. The clean code knows of none.
"""

import importlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

DISTURBED = "disturbed:"
"""Before a check that catches a fault only where the target is disturbed."""


@dataclass(frozen=True)
class Fault:
    """A defect of the reference target: what it does, which checks must catch it, and the parts it is made of."""

    name: str
    what: str
    caught_by: tuple[str, ...]
    parts: tuple[type, ...] = ()

    def part(self, clean: type[T]) -> type[T]:
        """The class to use for `clean`: itself, or what this fault has of its subclasses, all in one if several."""
        parts = tuple(part for part in self.parts if issubclass(part, clean))
        return type(clean.__name__, parts, {}) if len(parts) > 1 else (*parts, clean)[0]


CLEAN = Fault("none", "keeps the contract", ())


def every(n: int) -> Iterator[bool]:
    """True for every `n`th."""
    return itertools.cycle([False] * (n - 1) + [True])


def of(system: str) -> dict[str, Fault]:
    """The faults of `system` by name, from the module `faults` of its package; none if there is no such module."""
    try:
        module = importlib.import_module(f"target.{system}.faults")
    except ModuleNotFoundError as error:
        if error.name not in (f"target.{system}", f"target.{system}.faults"):
            raise
        return {}
    return {fault.name: fault for fault in module.FAULTS}


def named(system: str, names: str) -> Fault | None:
    """The fault of that name; of several that are joined by `+`, one that has the defects of all. None: one is unknown.

    Defects in the same method follow each other in the order of their names: each but the last must call `super()`.
    """
    known = {CLEAN.name: CLEAN, **of(system)}
    some = [known.get(name) for name in names.split("+")]
    found = [fault for fault in some if fault]
    if len(found) < len(some):
        return None
    return (
        found[0]
        if len(found) == 1
        else Fault(
            names,
            " ".join(fault.what for fault in found),
            tuple(check for fault in found for check in fault.caught_by),
            tuple(part for fault in found for part in fault.parts),
        )
    )
