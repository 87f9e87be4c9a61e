"""Takes the rows of a run as they are read, and keeps them in parts."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from verification.before import resolution
from verification.case import Totals
from verification.divided.columns import packing
from verification.divided.store import Store

ROWS, ORDER = "rows", "its place among all"
"""The table of the rows of a run, and its column that tells which of them each is."""


@dataclass
class Keeping:
    """What takes rows."""

    store: Store
    totals: Totals = field(default_factory=lambda: Totals(0, False, 0))
    table: str = ROWS
    """Where rows are kept."""

    def take(self, table: str, lines: pd.DataFrame) -> None:
        """Some more lines of a table, each of the operation in its column `op`."""
        self.store.divide(table, lines["op"].to_numpy(), packing(lines))

    def take_rows(self, rows: pd.DataFrame, stored: str) -> None:
        """Some more rows of the run, as `verification.rows.own` gives them; `stored` is the column that tells when each
        was, "" if none does.
        """
        before, items = self.totals, "item" in rows
        if not items:
            rows.insert(2, "item", 0)
        rows[ORDER] = np.arange(before.rows, before.rows + len(rows))
        units = [before.resolution] * (before.resolution > 0)
        if stored and rows[stored].notna().any():
            units.append(resolution(rows[stored]))
        self.totals = Totals(before.rows + len(rows), before.items or items, min(units, default=0))
        self.take(self.table, rows)
