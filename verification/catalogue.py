"""Whether the schema is still what it was before the target was started: what protects the data is there."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.catalogue import SQL
from harness.run import Run
from verification.reading import Reader


@dataclass(frozen=True)
class Schema:
    """The lines of the catalogue (`harness.catalogue`), then and now."""

    then: Sequence[str]
    now: Sequence[str]

    @property
    def missing(self) -> list[str]:
        """What was there, and is not any more, or otherwise."""
        return sorted(set(self.then) - set(self.now))

    @property
    def new(self) -> list[str]:
        """What was not there."""
        return sorted(set(self.now) - set(self.then))


def read(reader: Reader, run: Run) -> Schema | None:
    """The schema as run.json has it, and as it is; None if run.json has none."""
    then = run.facts.get("schema")
    return None if then is None else Schema(then, [line for (line,) in reader.rows(SQL)])
