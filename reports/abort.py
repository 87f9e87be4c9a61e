"""`python -m reports.abort RUN_FOLDER`, beside a load: watches until a rule with `else abort` is broken; records it.

Its record is abort.json in the run folder; the load stage then ends the load. The journals are read as they grow,
each operation once, when it has ended; so a step costs as much after an hour as in the first second.
"""

import argparse
import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness import own_metrics
from harness.errors import JournalError, command
from harness.journaled import Journaled
from harness.machines import reach
from harness.own_metrics import Recorded
from harness.plan.rules import ABORT, COUNT, DURATION, NUMBER, OWN, Rule
from harness.quantities import duration, share
from harness.run import Run
from reports.rules import windows
from reports.rules.measure import Measurements, each
from reports.rules.own_metric import recorded
from reports.samples.samples import Samples, samples
from reports.samples.scope import Unmeasurable, covered, scope
from reports.samples.tail import Tail
from reports.statistics.confidence import wilson
from reports.statistics.percentiles import rank

LOOK_S = 1.0
ENOUGH = 100
"""With fewer operations so far no share is judged: …"""
ENOUGH_IN_A_WINDOW = 10
"""… nor with fewer in a window."""
SINGLE = (DURATION, NUMBER)
"""The kinds of limits that one value can be beyond."""
NICE = 10
"""The load goes first."""


class Count:
    """How many operations a rule is about, and how many of them are beyond its limit: in all, and window by window."""

    def __init__(self, rule: Rule, plan: Samples) -> None:
        """`plan` has the stages of the load, and need not have operations."""
        self.rule = rule
        self._stages = covered(rule, plan)
        self.hits = self.number = 0.0
        if rule.window:
            self._begin, self._end = windows.cut(rule.window.seconds, plan, self._stages)
            self._hits = np.zeros(len(self._begin))
            self._numbers = np.zeros(len(self._begin))

    def add(self, fresh: Samples, metrics: Sequence[Recorded]) -> None:
        """Count operations that have ended, or what users recorded."""
        if self.rule.metric == OWN:
            try:
                found = recorded(self.rule, metrics, fresh, self._stages)
            except Unmeasurable:
                return  # nothing new of it; of a kind that has no such aggregate the report says so
        else:
            found = each(self.rule, fresh, scope(self.rule, fresh, self._stages))
        beyond = self._beyond(found)
        self.hits, self.number = self.hits + float(beyond.sum()), self.number + len(beyond)
        if self.rule.window:
            at, inside = windows.place(found.moments, self._begin, self._end)
            self._hits += np.bincount(at[inside], beyond[inside], len(self._begin))
            self._numbers += np.bincount(at[inside], minlength=len(self._begin))

    def broken(self, complete: float) -> str:
        """Why the rule is broken by what is there, if it is; "" = it isn't.

        Windows are judged that end before second `complete`, until which everything has ended.
        """
        if self.rule.window is None:
            return self._so_far()
        missed = (self._end <= complete) & (self._numbers >= ENOUGH_IN_A_WINDOW) & self._missed()
        if self.rule.window.share is None:
            row = 0
            for place, one in enumerate(missed):
                neighbour = place > 0 and self._begin[place] == self._end[place - 1]
                row = (row + 1 if neighbour else 1) if one else 0
                if row == self.rule.window.lasting:
                    return f"it was missed for {row} s, until second {self._end[place]:g}"
            return ""
        allowed = len(missed) - rank(self.rule.window.share, len(missed)) - 1
        if missed.sum() <= allowed:
            return ""
        return f"{missed.sum():,} of its {len(missed):,} windows missed it, allowed are {allowed:,}"

    def has_window(self, complete: float) -> bool:
        """Whether a window, of a rule with windows, has ended before second `complete`."""
        return bool((self._end <= complete).any())

    def _beyond(self, found: Measurements) -> npt.NDArray[Any]:
        """Which operations are what the rule does not want: errors, or beyond its limit."""
        if self.rule.kind not in SINGLE:
            return found.values
        late = found.values >= self.rule.limit if self.rule.comparison == "<" else found.values > self.rule.limit
        return late.astype(float)

    @property
    def _allowed(self) -> float:
        """Which share of the operations may be beyond; how many, of a rule that counts."""
        return self.rule.limit if self.rule.kind not in SINGLE else 1 - self._quantile

    @property
    def _quantile(self) -> float:
        """The quantile that is limited; the greatest of all is the last one."""
        return 1.0 if self.rule.quantile is None else self.rule.quantile

    def _missed(self) -> npt.NDArray[np.bool_]:
        """Which windows are beyond the limit: as `reports.windows` says it of the whole."""
        if self.rule.kind in SINGLE:
            # Nearest rank: the quantile is within the limit if at least as many operations are as its rank.
            places = [rank(self._quantile, int(number)) + 1 if number else 0 for number in self._numbers]
            return self._numbers - self._hits < np.array(places)
        values = self._hits if self.rule.kind == COUNT else self._hits / np.maximum(self._numbers, 1)
        return values >= self.rule.limit if self.rule.comparison == "<" else values > self.rule.limit

    def _so_far(self) -> str:
        hits, allowed = self.hits, self._allowed
        if self.rule.kind == COUNT or not allowed:
            # However many there will be: these have been.
            over = hits >= max(allowed, 1) if self.rule.comparison == "<" else hits > allowed
        else:
            # Not by chance: the share would be too great in the long run, too.
            over = self.number >= ENOUGH and wilson(hits / self.number, self.number)[0] > allowed
        if not over:
            return ""
        what = f"took longer than {duration(self.rule.limit)}" if self.rule.kind == DURATION else "were such"
        most = f"{allowed:,.0f}" if self.rule.kind == COUNT else share(allowed)
        if self.rule.kind == NUMBER:
            what = f"were beyond {self.rule.limit:g}"
        if self.rule.kind == COUNT and self.rule.metric == OWN:
            return f"{hits:,.0f} were counted, allowed are {most}"
        things = "values" if self.rule.metric == OWN else "operations"
        return f"{hits:,.0f} of {self.number:,.0f} {things} {what}, allowed are {most}"


class Watch:
    """Watches the load of a run."""

    def __init__(self, run: Run) -> None:
        self._run, self._scenario = run, run.scenario
        self._tails: dict[Path, Tail] = {}
        self._counts: list[Count] = []
        self._machines = [int(one["number"]) for one in run.facts.get("machines") or ()]
        self._recorded: Counter[Path] = Counter()
        """How many metrics of their own users had recorded, in each load process."""

    def look(self, now: int) -> dict[str, Any] | None:
        """Count what has ended by `now` (ns of CLOCK_MONOTONIC); which rule is broken, when and by what, if one is."""
        # Before the journals: what comes meanwhile is in them, but may not be all of its time.
        reached = reach.until(self._run.folder, self._machines, now)
        for path in self._run.folder.glob("journal-*.bin"):
            self._tails.setdefault(path, Tail(path))
        began: int | None = None
        for tail in self._tails.values():
            try:
                fresh = tail.ended()
            except JournalError:
                continue  # just being made
            began = fresh.header.get("began", began)
            found = samples(self._scenario, [fresh], None)
            self._counts = self._counts or [Count(rule, found) for rule in self._scenario.rules if rule.aborts]
            metrics = self._metrics(fresh)
            for count in self._counts:
                count.add(found, metrics)
        if began is None:
            return None
        complete = (min(reached, *(tail.pending for tail in self._tails.values())) - began) / 1e9
        broken = ((count, count.broken(complete)) for count in self._counts)
        at = (now - began) / 1e9
        return next(({"rule": count.rule.text, "at": at, "said": why} for count, why in broken if why), None)

    def _metrics(self, journal: Journaled) -> tuple[Recorded, ...]:
        """What users recorded since the last time in the process of a journal."""
        try:
            found, self._recorded[journal.path] = own_metrics.read_since(journal, self._recorded[journal.path])
        except JournalError:
            return ()  # just being written
        return found


def main() -> int:
    """Watch the run that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m reports.abort", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN_FOLDER", help="the folder of a run whose load goes on")
    run = Run.open(parser.parse_args().run)
    os.nice(NICE)
    watch = Watch(run)
    while (found := watch.look(time.monotonic_ns())) is None:
        time.sleep(LOOK_S)
    run.write(ABORT, found)
    return 0


if __name__ == "__main__":
    command(main)
