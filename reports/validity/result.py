"""What a condition of validity found, as verdict.json holds it."""

from dataclasses import dataclass

from harness.verdict import ValidityState
from reports.validity.doubt import Doubt


def hard(holds: bool) -> ValidityState:
    """The state of a condition without which the run is INVALID."""
    return ValidityState.OK if holds else ValidityState.BROKEN


def soft(holds: bool) -> ValidityState:
    """The state of a condition without which the figures are to be taken with care."""
    return ValidityState.OK if holds else ValidityState.WARNING


@dataclass(frozen=True)
class ValidityResult:
    """One condition for the figures to mean anything."""

    id: str
    title: str
    """A sentence that is true if it holds."""
    state: ValidityState
    value: str
    limit: str
    advice: str
    """What to do if it does not hold."""
    doubts: tuple[Doubt, ...] = ()
    """Of what is not met: by what factors the figures could be wrong."""
    reach: tuple[str, ...] = ()
    """The rules whose state that could change; a warning demotes the verdict only if there are any."""
    consequence: str = ""
    """What that could change, or why it is harmless."""
