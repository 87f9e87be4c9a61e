"""A case that is judged in parts, in this process."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.journal import PARTNER, RECORD
from verification.case import Case
from verification.divided.judging import Judged, Task, judged
from verification.divided.keeping import Keeping
from verification.divided.splitting import Divided, divide
from verification.divided.store import Store
from verification.divided.verifying import Verified, judged_apart
from verification.ledger import by_outcome


def records(ops: pd.DataFrame) -> npt.NDArray[np.void]:
    """The records of which a ledger made these operations."""
    made = np.zeros(len(ops), RECORD)
    for name in ("subject", "key_of", "answer", "sched", "start", "end", "status", "outcome"):
        made[name] = ops[name].to_numpy()
    made["kind"] = ops["kind"].cat.codes
    made["flags"] = np.where(ops["partner"], PARTNER, 0)
    return made


def here(tasks: Sequence[Task]) -> list[Judged]:
    """Judge each of them."""
    return [judged(task) for task in tasks]


def in_parts(folder: Path, system: Any, case: Case, count: int, kept: Sequence[str] = ()) -> Verified:
    """What is found of a case in so many parts, in three pieces; `kept`: what else of the observation has a
    line a row. The effects are left in `folder`.
    """
    store = Store(str(folder / "parts"), count)
    store.make()
    ledger, seen = case.ledger, case.seen
    ops = ledger.ops.sort_values("op").reset_index(drop=True)
    step = len(ops) // 3 + 1
    for first in range(0, len(ops), step):
        some = ops.iloc[first : first + step]
        divide(store, some, records(some), some["doubt"].to_numpy())
    keeping = Keeping(store)
    for first in range(0, len(seen.rows), step):
        keeping.take_rows(seen.rows.iloc[first : first + step].reset_index(drop=True), seen.source.stored)
    changes: dict[str, Any] = {"rows": seen.rows.iloc[:0].drop(columns="item", errors="ignore")}
    for name in kept:
        keeping.take(name, getattr(seen, name))
        changes[name] = getattr(seen, name).iloc[:0]
    divided = Divided(replace(ledger, ops=ledger.ops.iloc[:0]), by_outcome(ledger.ops), ops["op"].to_numpy()[::step])
    return judged_apart(folder, system, divided, store, replace(seen, totals=keeping.totals, **changes), here)
