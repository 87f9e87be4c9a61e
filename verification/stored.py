"""The simple case: what operations leave are rows of one table, each under the key of its operation or of its item.

A system's module states what is special about it as STORED, and needs no more; see docs/adding-a-system.md.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from harness.check import Finding
from harness.plan.scenario import Scenario
from harness.run import Run
from verification import catalogue, checks, durability, looks, own_checks, reads, rows, surroundings
from verification.before import before
from verification.case import Case, Observation
from verification.checks import Check
from verification.divided.keeping import Keeping
from verification.ledger import Ledger
from verification.ledger_checks import invariants
from verification.quiescence import require_own_rows, still
from verification.reading import Reader, reader
from verification.rows import Source

ALSO = "also.{}"
"""The table, of a run that is divided, with what was made of a further query."""
TEXTS = 1 << 14
"""So many lines of such a one are made of at a time: they may be long texts."""


@dataclass(frozen=True)
class Query:
    """What else is to be read in the same snapshot."""

    sql: str
    columns: Mapping[str, str]
    """What it gives: columns by name, as `Reader.frame` reads them (int64, str, MOMENT)."""
    by_operation: Callable[[str, pd.DataFrame], pd.DataFrame] | None = None
    """What is made of it for a run: a line for each thing that is of an operation, which its column `op` tells. A part
    of the keys has those of its own operations. None: there is little of it, and each part has all, as it was read."""


@dataclass(frozen=True, kw_only=True)
class Rows(Observation):
    """What was read of such a system."""

    also: Mapping[str, pd.DataFrame]
    """What its queries gave."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A system whose effects are rows of one table."""

    thing: str
    """What a row is, in the singular, for the titles of its checks."""
    source: Source
    content: Callable[[str, pd.DataFrame], pd.DataFrame]
    """What must stand in the rows of items of a run (key, subject, kind, item), line by line; each column is one of
    the source's."""
    pending: str = "SELECT 0"
    """SQL for how many rows are still to be completed; in it {ours} is a condition behind the name of the key column,
    which the rows of the run meet."""
    about: str = "true"
    """SQL for the rows that only this load may have written: one under another key, stored meanwhile, is invented."""
    answered: str = ""
    """What answers say of the row, e.g. ", under the id that was answered", if they do: the column `id` is that."""
    also: Mapping[str, Query] = field(default_factory=dict)
    """Further queries, whose answers its own checks find in `case.seen.also`."""
    checks: Sequence[Check] = ()
    """Its own checks, behind the ones that hold for every system; `fed_by` of each: the kinds that it is about."""
    versions: Callable[[Case], pd.DataFrame] | None = None
    """What each subject was, and when (`verification.reads.versions`); None if nothing is read, or what it answers is
    not told."""

    def observe(self, url: str, run: Run, ledger: Ledger, keeping: Keeping | None = None) -> Rows:
        """Wait until all is stored and nobody writes, then read the table in one snapshot.

        With `keeping`, that keeps its rows, and the ledger need have no more than the operations of which the last ones
        ended.
        """
        source = self.source
        pending = self.pending.format(ours=f"LIKE '{ledger.run}-%'")
        began = before(run)
        with reader(url) as session:
            require_own_rows(session, ledger, url, source.table, source.key)
            offset = session.clock_offset()
            kept = durability.read(session, run, [source.table])
            with still(session, ledger, pending, [source.table]) as stillness:
                return Rows(
                    source=source,
                    settings=session.settings(),
                    taken=pd.Timestamp(session.row("SELECT now()")[0]),
                    clock_offset=offset,
                    drained_seconds=stillness.drained_seconds,
                    disturbance=stillness.disturbance,
                    rows=rows.own(
                        session, ledger.run, source, source.columns, take=keeping.take_rows if keeping else None
                    ),
                    foreign=rows.foreign(session, ledger.run, source, self.about, began),
                    before=began,
                    durability=kept,
                    schema=catalogue.read(session, run),
                    looks=looks.read(run, source.table, source.key),
                    own=own_checks.read(session, run.scenario),
                    also={name: self._read(session, ledger.run, name, keeping) for name in self.also},
                )

    def _read(self, session: Reader, run: str, name: str, keeping: Keeping | None) -> pd.DataFrame:
        """What a further query gives, or what is made of that; with `keeping`, that keeps what is by operation."""
        query, made = self.also[name], self.also[name].by_operation
        if made is None:
            return session.frame(query.sql, query.columns)
        if keeping is None:
            return made(run, session.frame(query.sql, query.columns))

        def take(piece: pd.DataFrame) -> None:
            keeping.take(ALSO.format(name), made(run, piece))

        return made(run, session.frame(query.sql, query.columns, take=take, piece=TEXTS))

    def of_part(self, seen: Rows, tables: Mapping[str, pd.DataFrame]) -> Rows:
        """What was read of a part of the keys: its rows, which `seen` has, and what else is by operation."""
        return replace(seen, also={name: tables.get(ALSO.format(name), found) for name, found in seen.also.items()})

    def learnt(self, _case: Case) -> None:
        """What is to be known of each part to judge what was read beside its rows: nothing."""

    def joined(self, seen: Rows, _learnt: Sequence[None]) -> Rows:
        """What was read beside the rows, with what was learnt of all parts."""
        return seen

    def case(self, ledger: Ledger, seen: Any) -> Case:
        """What was sent beside what is there."""
        return Case(ledger, seen, self.content, thing=self.thing)

    def judge(self, case: Case) -> list[Finding]:
        """What each of its checks says of it."""
        return checks.judge(self.checks_of(case.ledger.scenario), case)

    def checks_of(self, scenario: Scenario) -> Sequence[Check]:
        """The checks of a plan: those of every system, that of the reads if it has some, and its own."""
        races = "race" in scenario.expected
        found = [
            *invariants(self.thing, scenario.expected, races=races, answered=self.answered, effects=scenario.effects)
        ]
        if not self.source.stored:
            found = [check for check in found if check.id != "X9"]
        read = reads.kinds(scenario)
        if self.versions is not None and read:
            found.append(reads.check(self.versions, read))
        return [*found, *surroundings.checks(scenario), *checks.fed(self.checks, scenario.expected)]

    def weakened(self, case: Case) -> list[str]:
        """What makes the checks say less than they could."""
        said, read = [], reads.kinds(case.ledger.scenario)
        if read and self.versions is None:
            said.append(f"What {' and '.join(read)} answered was compared with nothing (X8 is left out).")
        if self.versions is not None and not read:
            said.append("Left out, as the plan's mix has no operation that reads: X8.")
        if not self.source.stored:
            said.append(
                "No column tells when a row was stored: whether it was by the answer is not known (X9 is left out)."
            )
        return said
