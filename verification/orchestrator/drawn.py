"""What the orders are that events were drawn from, as columns: of the plan's file, or of their numbers."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import FeedError
from harness.feed import Rows
from harness.plan.scenario import Scenario
from systems import orchestrator
from systems.orchestrator_orders import EXAMPLES, Event, orders
from verification.arrays import Array

MOST_ROWS = 100_000
"""As many of a file as the users draw from."""


@dataclass(frozen=True)
class Drawn:
    """The orders, in their order."""

    events: tuple[Event, ...]

    def place(self, op: Any, item: Any) -> Any:
        """Which of them an event is, or each of an array, from 0."""
        return orchestrator.order_number(op, item, len(self.events)) - 1

    @cached_property
    def order_id(self) -> Array:
        """The ids of the orders."""
        return np.array([one["context"]["orderId"] for one in self.events], object)

    @cached_property
    def tier(self) -> Array:
        """The tiers of their customers."""
        return np.array([one["context"]["customerTier"] for one in self.events], object)

    @cached_property
    def cents(self) -> Array:
        """Their totals."""
        return np.array([orchestrator.cents(one["context"]["orderTotal"]) for one in self.events], np.int64)

    @cached_property
    def queue(self) -> Array:
        """The queue that each belongs to."""
        return np.array([orchestrator.queue_of(one["type"], one["context"]) for one in self.events], object)

    @cached_property
    def digest(self) -> Array:
        """What stands for all of each; of kinds that change nothing of it."""
        return self._digests("bulk")

    @cached_property
    def poison_digest(self) -> Array:
        """Likewise, with the item that no stock has."""
        return self._digests("poison")

    def _digests(self, kind: str) -> Array:
        made = (orchestrator.made(kind, one, "") for one in self.events)
        return np.array([orchestrator.digest(one["context"]) for one in made], np.int64)


def drawn(scenario: Scenario) -> Drawn:
    """The orders of a run; FeedError if its file is not as it was."""
    for feed in scenario.feeds.values():
        return _of_file(feed.file, feed.digest)
    return _of_numbers()


# Once in a process, which judges several parts of a run.
@lru_cache(maxsize=1)
def _of_file(path: str, digest: str) -> Drawn:
    rows = Rows(Path(path), check=False)
    if rows.digest != digest:
        raise FeedError(f"{path}: it was changed since the run: expected it as it was")
    return Drawn(tuple(rows.row(number) for number in range(1, min(len(rows), MOST_ROWS) + 1)))


@lru_cache(maxsize=1)
def _of_numbers() -> Drawn:
    return Drawn(tuple(orders(EXAMPLES)))
