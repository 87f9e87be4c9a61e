"""`python -m reports.search RUN_FOLDER`, beside a load: judges each step of a search, and decides the next one.

It writes search.json, which the load processes follow. A step is judged by what the report judges it by, once all of
its operations have ended; what the database is needed for is left to the report.
"""

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path

from harness import journal, own_metrics, search
from harness.errors import JournalError, command
from harness.journal import Journals
from harness.monitor import FILE as MONITOR
from harness.run import Run
from harness.search import GRACE_S, Record
from reports.rules.evaluate import judge_of
from reports.rules.search import judged
from reports.samples.evidence import Evidence
from reports.samples.monitor_lines import lines
from reports.samples.samples import samples

LOOK_S = 0.1
NICE = 10
"""The load goes first."""


class Searching:
    """The search of a run, whose load goes on."""

    def __init__(self, run: Run) -> None:
        self._run = run
        record = search.read(run.folder)
        assert record is not None
        self.record: Record = record

    def look(self, now: int) -> bool:
        """Judge the last step, if it is over by `now` (ns of CLOCK_MONOTONIC); whether the search is over."""
        began = self._began()
        if began is None or now < began + self._end * 1e9:
            return False  # the journals are long: they are not read before
        journals = self._journals()
        if journals and self._ended(journals, (now - began) / 1e9):
            evidence = self._evidence(journals)
            why = judged(evidence, len(self.record.steps), judge_of(evidence))
            at = (time.monotonic_ns() - began) / 1e9
            self.record = search.after(self._run.scenario, self.record, not why, why, at)
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
            header = journal.read_header(self._run.folder / "journal-0.bin")
        except JournalError:
            return None  # just being made
        return header["began"] + header.get("shift", 0) if "began" in header else None

    def _journals(self) -> Journals | None:
        """All journals; None as long as they are not all there."""
        try:
            found = journal.read_all(self._run.folder, Run.open(self._run.folder).processes)
        except JournalError:
            return None  # just being made
        return None if found.lost else found

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
            samples=samples(search.followed(run.scenario, self.record), until, None),
            processes=(),
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


def main() -> int:
    """Search, in the load of the run that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m reports.search", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN_FOLDER", help="the folder of a run whose load goes on")
    run = Run.open(parser.parse_args().run)
    os.nice(NICE)
    searching = Searching(run)
    while not searching.look(time.monotonic_ns()):
        time.sleep(LOOK_S)
    return 0


if __name__ == "__main__":
    command(main)
