"""What a condition of validity found, as verdict.json holds it."""

from dataclasses import dataclass

OK, WARNING, BROKEN = "ok", "warning", "broken"
"""A hard condition is broken: the run is INVALID. A soft one is only warned of: it is CONDITIONAL at best."""


@dataclass(frozen=True)
class ValidityResult:
    """One condition for the figures to mean anything."""

    id: str
    title: str
    """A sentence that is true if it holds."""
    state: str
    value: str
    limit: str
    advice: str
    """What to do if it does not hold."""
