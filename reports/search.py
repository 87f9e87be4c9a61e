"""`python -m reports.search RUN_FOLDER`, beside a load: judges each step of a search, and decides the next one.

It writes search.json, which the load processes follow. A step is judged by what the report judges it by, once all of
its operations have ended and what they left is completed. How long that took is taken from the database as far as it
tells; there an effect counts as stored when it was acknowledged, and the clock of the database as that of this machine.
"""

import argparse
import os
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psycopg2

from harness import completed, journal, journaled, own_metrics, search
from harness.effects import fields
from harness.errors import DatabaseError, JournalError, command
from harness.journaled import Journaled, Journals
from harness.machines import reach
from harness.monitor import FILE as MONITOR
from harness.outcomes import Outcome
from harness.run import Run
from harness.search import GRACE_S, Record
from reports.rules.evaluate import judge_of
from reports.rules.search import judged_step
from reports.samples.evidence import Evidence, process
from reports.samples.monitor_lines import lines
from reports.samples.samples import samples

LOOK_S = 0.1
NICE = 10
"""The load goes first."""


WAIT_S = 0.5
"""How often the database is asked what is not completed yet."""


class Searching:
    """The search of a run, whose load goes on."""

    def __init__(self, run: Run, url: str) -> None:
        """`url` is that of the database; empty: there is none."""
        self._run, self._url = run, url
        self._again = 0.0
        """When it is asked again what is not completed (s of the plan)."""
        record = search.read(run.folder)
        assert record is not None
        self.record: Record = record
        machines = run.facts.get("machines") or ()
        self._machines = [int(one["number"]) for one in machines]
        ways = max((one["round_trip_ns"] for one in machines), default=0) / 1e9
        self._lead = search.LEAD_S + (search.SENT_S + ways if machines else 0.0)

    def look(self, now: int) -> bool:
        """Judge the last step, if it is over by `now` (ns of CLOCK_MONOTONIC); whether the search is over."""
        began = self._began()
        if began is None or now < began + self._end * 1e9:
            return False  # the journals are long: they are not read before
        # What is not here yet of machines elsewhere is no sign that there is nothing more.
        reached = reach.until(self._run.folder, self._machines, now)
        journals, second = self._journals(), (reached - began) / 1e9
        if journals and self._ended(journals, second) and self._completed(journals, second):
            evidence, number = self._evidence(journals), len(self.record.steps)
            why = judged_step(evidence, number, judge_of(evidence)).broken
            at = (time.monotonic_ns() - began) / 1e9
            self.record = search.after(self._run.scenario, self.record, not why, why, at, self._lead)
            self._run.write(search.FILE, search.as_json(self.record))
        return bool(self.record.ended)

    @property
    def _end(self) -> float:
        """When the last step is over."""
        assert self._run.scenario.search is not None
        return self.record.steps[-1].begin + self._run.scenario.search.seconds

    def _began(self) -> int | None:
        """Second 0 of the plan (ns on the master's clock); None before it is known."""
        try:
            header = journaled.read_header(self._run.folder / "journal-0.bin")
        except JournalError:
            return None  # just being made
        return header["began"] + header.get("shift", 0) if "began" in header else None

    def _journals(self) -> Journals | None:
        """All journals; None as long as they are not all there."""
        try:
            found = journaled.read_all(self._run.folder, Run.open(self._run.folder).processes)
        except JournalError:
            return None  # just being made
        # Those of machines elsewhere are arriving as long as they grow.
        arriving = {one.worker for one in found if one.header.get(journal.ARRIVING)}
        return None if any(one.worker not in arriving for one in found.lost) else found

    def _ended(self, journals: Journals, now: float) -> bool:
        """Whether the last step is over and nothing more can come of its operations."""
        end = self._end
        if now > end + GRACE_S + self._run.scenario.timeout_seconds + 1:
            return True
        flying = begun = planned = 0
        for one in journals:
            own = one.records[one.records["sched"] < one.header["began"] + end * 1e9]
            flying += int((own["end"] <= 0).sum())
            begun += int(((own["flags"] & journal.PARTNER) == 0).sum())
            planned += int(one.header.get("arrivals", 0))
        # What of an open load is still to be begun is given up a moment after the step.
        return not flying and (begun >= planned or now > end + GRACE_S + LOOK_S * 3)

    def _completed(self, journals: Journals, now: float) -> bool:
        """Whether what the step left is completed, or has not been for as long as that is waited for."""
        scenario = self._run.scenario
        if not (search.drains(scenario) and self._url):
            return True
        if now < self._again:
            return False
        self._again = now + WAIT_S
        # Nobody completes what is not to be, of however many of these operations it may have been stored.
        staying = sum(int(_of(one, scenario.staying).sum()) for one in journals)
        try:
            left = completed.waiting(self._run, self._url) - staying
        except (DatabaseError, psycopg2.Error):
            return True  # the report will say so
        return left <= 0 or now > self._end + search.patience(scenario)

    def _stored(self, journals: Journals) -> npt.NDArray[np.void] | None:
        """What operations of the last step left, and when that was completed; None where the database doesn't tell."""
        scenario = self._run.scenario
        if not (search.drains(scenario) and self._url):
            return None
        acked: dict[int, int] = {}
        for one in journals:
            records = one.records
            own = _of(one, scenario.leaving) & (records["outcome"] == Outcome.ACK)
            own &= records["sched"] >= one.header["began"] + self.record.steps[-1].begin * 1e9
            # The row has the number of the operation whose key was sent: in a race, that of the first of the two.
            acked |= dict(zip(records["key_of"][own].tolist(), records["end"][own].tolist(), strict=True))
        clock = Run.open(self._run.folder).facts["clock"]
        ahead = clock["mono_ns"] - clock["wall_ns"]
        try:
            found = completed.latest(self._run, self._url, 2 * len(acked))
            ended = {(op, item): at * 1000 + ahead for op, item, at in found if op in acked}
        except (DatabaseError, psycopg2.Error):
            return None
        missing = acked.keys() - {op for op, _ in ended}
        rows = [*((op, item, at) for (op, item), at in ended.items()), *((op, 0, 0) for op in missing)]
        effects = np.zeros(len(rows), fields(scenario.points))
        for place, (op, item, at) in enumerate(rows):
            effects[place] = (op, item, *[acked[op]] * (len(scenario.points) - 1), at and max(at, acked[op]))
        return effects

    def _evidence(self, journals: Journals) -> Evidence:
        """What there is so far, as the report has it of the whole; what users at their own pace do since then is of no
        step.
        """
        run = Run.open(self._run.folder)
        until = [
            replace(one, records=one.records[one.records["sched"] < one.header["began"] + self._end * 1e9])
            for one in journals
        ]
        return Evidence(
            run=run,
            samples=samples(search.followed(run.scenario, self.record), until, self._stored(journals)),
            processes=tuple(process(one, []) for one in journals),
            lost=(),
            expected=journals.expected,
            load=None,
            findings=None,
            monitor=lines(run.folder) if (run.folder / MONITOR).exists() else [],
            pending=False,
            weakened=[],
            statements=None,
            metrics=own_metrics.read_all(journals),
        )


def _of(one: Journaled, kinds: Iterable[str]) -> npt.NDArray[np.bool_]:
    """Which operations of a journal are of these kinds."""
    found: npt.NDArray[np.bool_] = np.isin(one.records["kind"], [one.header["kinds"].index(kind) for kind in kinds])
    return found


def main() -> int:
    """Search, in the load of the run that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m reports.search", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN_FOLDER", help="the folder of a run whose load goes on")
    run = Run.open(parser.parse_args().run)
    os.nice(NICE)
    searching = Searching(run, os.environ.get("DATABASE_URL", ""))
    while not searching.look(time.monotonic_ns()):
        time.sleep(LOOK_S)
    return 0


if __name__ == "__main__":
    command(main)
