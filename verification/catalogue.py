"""Whether the schema is what is stated, and still what it was before the target was started: what protects the data."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.catalogue import SQL
from harness.run import Run
from schema.migrate import stated
from verification.reading import Reader
from verification.stated_schema import weaknesses


@dataclass(frozen=True)
class Schema:
    """The lines of the catalogue (`harness.catalogue`), then and now."""

    then: Sequence[str]
    now: Sequence[str]
    weak: Sequence[str] = ()
    """What was missing then of the schema that is stated for the system: sentences."""

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
    return None if then is None else Schema(then, [line for (line,) in reader.rows(SQL)], weak(run))


def weak(run: Run) -> list[str]:
    """What the database of `run` lacked before the load of the schema that is stated for its system, in sentences; none
    where none is stated, or run.json has no schema.
    """
    then = run.facts.get("schema")
    tables = stated(run.scenario.system, run.scenario.database) if then is not None and "plan" in run.facts else None
    return weaknesses(tables, then) if then is not None and tables is not None else []
