"""What a rule found, as verdict.json holds it."""

from dataclasses import dataclass

from harness.verdict import RuleState


@dataclass(frozen=True)
class RuleResult:
    """What a rule found."""

    id: str
    text: str
    measures: str
    severity: str
    state: RuleState
    value: float | None
    """In the rule's base unit; None if there is none (ERROR) or it is infinite: most were never completed."""
    interval: tuple[float | None, float | None] | None
    """Where the value is with 95 % confidence; an end is None if the run is too short for it. None: it is counted."""
    limit: float | None
    """Likewise, a number even if the rule states a share of something."""
    kind: str
    comparison: str
    margin: float | None
    """Which share of the limit is left, negative if it is exceeded; None where there is no such share."""
    overshoot: float | None
    """Value / limit − 1, or for ≥ limit / value − 1: negative within the limit; None where it is no number."""
    n: int
    """How many things were measured."""
    n_eff: float | None
    """How many independent ones they are worth."""
    needs: float | None
    """How many seconds longer what the rule covers would have to be to prove it; None if it is proven, or can't be."""
    detail: str
    attainable: float | None = None
    """The margin that the best possible value would have: 5.3 % for "95% of offered"; None where nothing bounds it."""
