"""Which operations are shown beside a witness: those about the same thing that were under way with it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from verification.arrays import Array

MOST = 8
"""So many are shown at most."""


@dataclass(frozen=True)
class Beside:
    """What tells them; in the place of them, where a part of a run does not have them all."""

    things: tuple[int, ...]
    since: int
    until: int
    """When the witness was under way (ns)."""
    but: frozenset[int]
    """The operations (numbers) of the witness itself."""

    def among(self, ops: pd.DataFrame, about: Array) -> Array:
        """The lines of them; `about`: the thing that each operation is about, −1 for none."""
        start, end = ops["start"].to_numpy(), ops["end"].to_numpy()
        open_ = np.where(end > 0, end, np.iinfo(np.int64).max)
        found = np.isin(about, self.things) & (start <= self.until) & (open_ >= self.since)
        found &= ~np.isin(ops["op"].to_numpy(), list(self.but))
        return np.flatnonzero(found)[:MOST]


def of(ops: pd.DataFrame, about: Array, lines: Array) -> Beside:
    """What tells those beside these operations, of which there is at least one."""
    start, end = ops["start"].to_numpy()[lines], ops["end"].to_numpy()[lines]
    until = np.where(end > 0, end, np.iinfo(np.int64).max).max()
    things = {thing for thing in about[lines].tolist() if thing >= 0}
    return Beside(tuple(sorted(things)), int(start.min()), int(until), frozenset(ops["op"].to_numpy()[lines].tolist()))
