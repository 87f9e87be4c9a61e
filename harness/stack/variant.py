"""Which of the reference targets of a system is run."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Variant:
    """One with a fault, one that does its work by another strategy, or the clean one."""

    fault: str | None = None
    strategy: str | None = None
    checkout: Path | None = None
    """The folder whose target it is; None: this one's."""

    @property
    def clean(self) -> bool:
        """Whether it is the reference target as it is."""
        return self == Variant()

    def arguments(self) -> list[str]:
        """Its command line."""
        said = {"--fault": self.fault, "--strategy": self.strategy}
        return [word for name, value in said.items() if value for word in (name, value)]
