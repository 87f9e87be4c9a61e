"""A load as it goes on: its journals are read as they grow, and what they, its health and its monitor have is kept."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness import monitor, steered
from harness.errors import JournalError
from harness.progress import last_lines
from harness.run import Run
from reports.live.counted import Counted, buckets
from reports.live.course import Course
from reports.live.standing import Stand, Standing, is_judged
from reports.samples.phases import arrivals_until
from reports.samples.samples import Samples, samples
from reports.samples.scope import Unmeasurable
from reports.samples.tail import Tail


class Live:
    """The load of the run in `folder`, at the latest look."""

    def __init__(self, run: Run) -> None:
        self.run, self.scenario = run, run.scenario
        self._steered = len(steered.read(run.folder))
        self.began: int | None = None
        """Second 0 of the plan: ns on the master's clock; None: the load has not begun."""
        self.second = 0.0
        """Of the plan, at the latest look; at most that at which the load ended."""
        self.over = False
        self.counted = Counted(buckets(self.scenario))
        self.course = Course(self.scenario.seconds)
        self.monitored: dict[str, float] = {}
        """The monitor's latest sample."""
        self.health: dict[int, dict[str, Any]] = {}
        """The latest line of the health of each load process."""
        self.standing: list[Standing] = []
        self._tails: dict[Path, Tail] = {}
        self._plan: Samples | None = None
        self._seen = 0

    @property
    def outdated(self) -> bool:
        """Whether a person has changed the plan since: what was counted by its stages has to be counted anew."""
        return len(steered.read(self.run.folder)) != self._steered

    def look(self, now: int) -> None:
        """Take what there is by `now` (ns of CLOCK_MONOTONIC)."""
        if "target" not in self.run.facts:
            self.run = Run.open(self.run.folder)  # it is up by now, or will be
        if self.scenario.search:
            self.scenario = Run.open(self.run.folder).scenario  # with the steps that are decided by now
        for path in self.run.folder.glob("journal-*.bin"):
            self._tails.setdefault(path, Tail(path))
        for tail in self._tails.values():
            try:
                fresh = tail.ended()
            except JournalError:
                continue  # just being made
            self.began = fresh.header.get("began", self.began)
            found = samples(self.scenario, [fresh], None)
            self._follow(found)
            self.counted.add(found)
            self.course.add(found)
            for rule in self.standing:
                rule.add(found)
        for path in self.run.folder.glob("health-*.jsonl"):
            for line in last_lines(path)[-1:]:
                self.health[int(path.stem.partition("-")[2])] = line
        self._monitored()
        self._elapsed(now)

    def _follow(self, found: Samples) -> None:
        """The plan, as far as it is known; of a search its rules are judged step by step, and not here."""
        self._plan = replace(found, frame=found.frame.none)
        if self.standing or self.scenario.search:
            return
        for rule in self.scenario.rules:
            try:
                if is_judged(rule):
                    self.standing.append(Standing(rule, self._plan))
            except Unmeasurable:
                continue  # no phase of this profile is one that it covers

    def _monitored(self) -> None:
        """What the monitor has sampled since the last look."""
        path = self.run.folder / monitor.FILE
        if not path.exists():
            return
        with path.open("rb") as file:
            file.seek(self._seen)
            text = file.read()
        whole = text.rfind(b"\n") + 1
        self._seen += whole
        for line in text[:whole].splitlines():
            try:
                self.monitored = json.loads(line)
            except ValueError:
                continue
            if self.began is not None and self._plan is not None:
                second = (self.monitored["at"] - self.began) / 1e9
                for rule in self.standing:
                    rule.see(second, self.monitored, self._plan)

    def _elapsed(self, now: int) -> None:
        if self.began is None or self.over:
            return
        self.second = max((now - self.began) / 1e9, 0.0)
        self.over = (self.run.folder / "load.json").exists()

    @property
    def plan(self) -> Samples | None:
        """The stages of the load, without operations; None before anything of it is known."""
        return self._plan

    @property
    def offered(self) -> int | None:
        """How many arrivals the plan has offered so far; None in a closed load. What was begun since the look began was
        offered, too.
        """
        if self._plan is None or not self.scenario.open:
            return None
        return max(math.floor(arrivals_until(self._plan.stretches, self.second) + 1e-6), self.arrived)

    @property
    def arrived(self) -> int:
        """How many arrivals of the plan were begun."""
        return sum(tail.arrived for tail in self._tails.values())

    @property
    def overdue(self) -> int | None:
        """How many arrivals were offered and are not begun: late as long as the load goes on, and dropped if not begun
        by its end.
        """
        return None if self.offered is None else self.offered - self.arrived

    @property
    def flying(self) -> int:
        """How many operations are begun and have not ended."""
        return sum(tail.flying for tail in self._tails.values())

    def stands(self) -> Iterator[tuple[Standing, Stand | None]]:
        """Each rule that is judged meanwhile, and what it says so far."""
        if self._plan is None or self.began is None:
            return
        pending = min((tail.pending for tail in self._tails.values()), default=float("inf"))
        complete = min(self.second, (pending - self.began) / 1e9)
        for rule in self.standing:
            yield rule, rule.so_far(complete, self._plan)

    @property
    def pending(self) -> int:
        """How many rules only the report judges."""
        return len(self.scenario.rules) - len(self.standing)
