"""What a rule that compares with the baseline is compared with."""

from dataclasses import dataclass

from harness.plan.rules import Rule


class NotComparedError(Exception):
    """Why a rule that compares with the baseline is not judged: it neither passes nor blocks."""


@dataclass(frozen=True)
class Baseline:
    """What the baseline measured; or why this run is not to be compared with it."""

    run: str = ""
    values: dict[str, float] | None = None
    """What a rule measures → what it was; None: not to be compared."""
    why_not: str = "there is no baseline"

    def value(self, rule: Rule) -> float:
        """What the baseline measured where `rule` measures; NotComparedError if there is no such figure."""
        if self.values is None:
            raise NotComparedError(self.why_not)
        if rule.measures not in self.values:
            raise NotComparedError(f"no rule of the baseline, run {self.run}, measured {rule.measures}")
        return self.values[rule.measures]
