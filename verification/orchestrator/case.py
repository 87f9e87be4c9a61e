"""Events beside what became of them, and how often each service did its work."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from systems import orchestrator
from systems.orchestrator import STEPS
from systems.orchestrator_orders import ORDER_CREATED
from verification.arrays import Array, Mask
from verification.case import Case
from verification.found import Found, Part
from verification.orchestrator.drawn import Drawn
from verification.stored import Rows

NONE = -1
"""The digest of what no service has got yet."""


@dataclass(frozen=True, kw_only=True)
class Seen(Rows):
    """What was read of events and queues, and what the target told of itself."""

    counted: Mapping[str, float]
    """The counters of /metrics."""
    uncounted: str
    """Why they can't be compared; "": they can."""

    @property
    def queues(self) -> pd.DataFrame:
        """Of each queue name, sent, deleted and left."""
        return self.also["queues"]

    @property
    def in_database(self) -> bool:
        """Whether the queues are in the database that was read."""
        return bool(len(self.queues)) and bool(self.queues["sent"].sum())


@dataclass(frozen=True)
class Events(Case):
    """The same, with the orders that they were drawn from."""

    drawn: Drawn

    @cached_property
    def known(self) -> Array:
        """The rows of events that were sent, and may be there."""
        return np.flatnonzero(self.row_effect >= 0)

    @cached_property
    def order(self) -> Array:
        """For each of them, which order it is."""
        found: Array = self.drawn.place(self.rows["op"].to_numpy()[self.known], self.row_item[self.known])
        return found

    @cached_property
    def poisoned(self) -> Mask:
        """Which of them a service can't do its work for."""
        kinds = self.ledger.keys["kind"].to_numpy()
        found: Mask = kinds[self.row_key[self.known]] == "poison"
        return found

    @cached_property
    def work(self) -> Array:
        """How often each service did its work for each of them: a column a step."""
        return self.rows[list(STEPS)].to_numpy()[self.known]

    @cached_property
    def expected_work(self) -> Array:
        """How often it was to: once; after the first one not at all for what is poisoned."""
        expected = np.ones_like(self.work)
        expected[self.poisoned, 1:] = 0
        return expected

    def part_of_rows(
        self, tell: Callable[[Part], Found], compared: int, places: Array, sums: Mapping[str, int]
    ) -> Part:
        """What is found if these of the known rows break the invariant: each event once, in the order of keys."""
        effects = np.unique(self.row_effect[self.known[places]])
        possible = self.ledger.possible
        return self.part_of_items(tell, compared, possible.key[effects], possible.item[effects], sums)

    def part_of_items(
        self, tell: Callable[[Part], Found], compared: int, keys: Array, items: Array, sums: Mapping[str, int]
    ) -> Part:
        """What is found if these items of these keys, in order, break it."""
        return Part(tell, compared, len(keys), self.breaking(keys, items), sums=sums)


def content(drawn: Drawn, items: pd.DataFrame) -> pd.DataFrame:
    """What must stand in the rows of these events."""
    place = drawn.place(items["key"].to_numpy(), items["item"].to_numpy())
    return pd.DataFrame(
        {
            "type": np.full(len(place), ORDER_CREATED, object),
            "order_id": drawn.order_id[place],
            "customer_tier": drawn.tier[place],
            "total_cents": drawn.cents[place],
        }
    )


def refusals(kind: str, size: int) -> list[int]:
    """Which places of an accepted request of `kind` the rules refuse."""
    return orchestrator.refused_places(size) if kind == "partial" else []
