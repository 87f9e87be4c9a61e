"""A load of any system that goes on as the test says: what Prometheus gets of it, without the load itself."""

import json
import time
from pathlib import Path

from harness import monitor
from harness.journal import Journal
from harness.outcomes import Failure, Outcome
from harness.plan import reading
from harness.run import Run
from reports.live.exposition import exposition
from reports.live.families import families
from reports.live.live import Live

SAMPLED = ("target", "postgres", "generator", "service.api", "service.deliver")


class ToldLoad:
    """The load of a scenario, which began just now; each of its kinds is done `each` times at each step."""

    def __init__(self, runs: Path, scenario: str) -> None:
        self.run = Run.create(runs, reading.find(scenario, "smoke"), seed=1)
        self.kinds = list(self.run.scenario.mix)
        header = {"run": self.run.id, "system": self.run.scenario.system, "scenario": scenario, "worker": 0}
        self.journal = Journal(self.run.folder / "journal-0.bin", {**header, "kinds": self.kinds})
        self.journal.amend(began=time.monotonic_ns())
        self.live = Live(self.run)
        self.step()

    def step(self, each: int = 5) -> None:
        """Go on by so many operations of each kind, and a sample of everything else."""
        now = time.monotonic_ns()
        for kind, name in enumerate(self.kinds):
            outcome = Outcome[self.run.scenario.expected[name][0]]
            for _ in range(each):
                number = self.journal.begin(kind, now - 9_000_000, now - 8_000_000, 0, 0, 1, None, 0)
                self.journal.end(number, outcome, 200, Failure.NONE, 1, now)
        count = self.journal.count
        line = {"at": now, "db.connections": 8, "db.active": 2, "db.commits": count, "queue.depth": 3}
        line |= {"queue.orders.depth": 3, **{f"target.{name}": 4 for name in self.run.scenario.gauges}}
        line |= {f"{one}.{what}": value for one in SAMPLED for what, value in (("cpu", 0.4), ("rss", 1e8))}
        health = {"at": now, "lags_us": [100, 300], "cpu": 0.2, "users": 5}
        for name, said in ((monitor.FILE, line), ("health-0.jsonl", health)):
            with (self.run.folder / name).open("a") as file:
                file.write(json.dumps(said) + "\n")
        self.live.look(now)

    def text(self) -> bytes:
        """What a scrape gets."""
        return exposition(families(self.live), self.live.counted.ends)
