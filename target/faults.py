"""Defects to order: each is a named one that a named check must catch, or the check proves nothing.

A fault is made of subclasses, each put in the place of a clean part. The clean code knows of none.
"""

import importlib
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Fault:
    """A defect of the reference target: what it does, which checks must catch it, and the parts it is made of."""

    name: str
    what: str
    caught_by: tuple[str, ...]
    parts: tuple[type, ...] = ()

    def part(self, clean: type[T]) -> type[T]:
        """The class to use for `clean`: itself, unless this fault has a subclass of it."""
        return next((part for part in self.parts if issubclass(part, clean)), clean)


CLEAN = Fault("none", "keeps the contract", ())


def of(system: str) -> dict[str, Fault]:
    """The faults of `system` by name, from the module `faults` of its package; none if there is no such module."""
    try:
        module = importlib.import_module(f"target.{system}.faults")
    except ModuleNotFoundError as error:
        if error.name not in (f"target.{system}", f"target.{system}.faults"):
            raise
        return {}
    return {fault.name: fault for fault in module.FAULTS}
