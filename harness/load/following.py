"""A load process follows the search of its run, whose steps another process decides while the load goes on."""

from pathlib import Path

from harness import search
from harness.plan.scenario import Scenario
from harness.search import GRACE_S, Record

LOOK_S = 0.1
"""How often is looked for another step."""


class Following:
    """What is known of the search in `folder` so far; the scenario of the plan is `planned`."""

    def __init__(self, folder: Path, planned: Scenario) -> None:
        self._path, self._planned = folder / search.FILE, planned
        self._seen: tuple[int, int] | None = None
        self.record = Record(())

    @property
    def over(self) -> bool:
        """Whether no more steps will come."""
        return bool(self.record.ended)

    @property
    def scenario(self) -> Scenario:
        """With the stages that are decided by now."""
        return search.followed(self._planned, self.record)

    def look(self) -> bool:
        """Whether there is more than the last time."""
        try:
            found = self._path.stat()
        except OSError:
            return False
        # The file is replaced, never written to.
        if (found.st_ino, found.st_mtime_ns) == self._seen:
            return False
        record = search.read(self._path.parent)
        if record is None:
            return False
        self._seen = found.st_ino, found.st_mtime_ns
        self.record = record
        return True

    def late(self, at: float) -> int:
        """How many of the stages are over for so long, at second `at` of the plan, that none of their arrivals is
        begun any more.
        """
        over, end = 0, 0.0
        for stage in self.scenario.stages:
            end += stage.seconds
            over += at > end + GRACE_S
        return over
