"""Divides the operations of a run, piece by piece, into parts by the key that each sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.journal import PARTLY, RECORD
from harness.journaled import Journals, pieces
from harness.outcomes import DONE, Outcome
from harness.plan.scenario import Scenario
from verification.announced import Announced
from verification.arrays import Array
from verification.divided.piece import concatenated, taken
from verification.divided.store import Store
from verification.ledger import ELSEWHERE, Ledger, by_outcome, ledger, operations
from verification.quiescence import UNANSWERED

OPERATIONS, MAKERS = "operations", "makers"
"""The tables of the operations, by the key that they sent; and of those that sent another's, by their own."""


@dataclass(frozen=True)
class Divided:
    """A run whose operations are in parts."""

    last: Ledger
    """The ledger of the run, with no operations but some that decide how long is to be waited for their effects."""
    outcomes: Array
    """How many operations there are of each of `kinds`, a line, and outcome."""
    steps: Array
    """The first operation of each piece of the journals, in order."""

    @property
    def kinds(self) -> list[str]:
        """The kinds of operations."""
        return list(self.last.ops["kind"].cat.categories)


def split(
    run: str, journals: Journals, clock: int, scenario: Scenario, announced: tuple[Announced, ...], store: Store
) -> Divided:
    """Divide the operations of journals that were read without their records; JournalError as `ledger` says."""
    empty = ledger(run, journals, clock, scenario, announced)
    kinds = list(empty.ops["kind"].cat.categories)
    last, steps, outcomes = [empty.ops], list[int](), by_outcome(empty.ops)
    for journal in journals:
        for piece in pieces(journal):
            # By as much as any of the journal's, as if it had been read as a whole.
            doubt = np.full(len(piece.records), journal.doubt)
            ops = operations(piece.records, piece.numbers, doubt, kinds)
            steps.append(int(piece.numbers[0]))
            last.append(last_of(ops))
            outcomes += by_outcome(ops)
            divide(store, ops, piece.records, doubt)
    ops = pd.concat(last).astype({"kind": empty.ops["kind"].dtype}).drop_duplicates("op").sort_values("op")
    return Divided(replace(empty, ops=ops.reset_index(drop=True)), outcomes, np.array(steps, np.int64))


def divide(store: Store, ops: pd.DataFrame, records: npt.NDArray[np.void], doubt: Array) -> None:
    """Add operations, with their records and by how much their times may be wrong, to the parts of their keys."""
    numbers, keys = ops["op"].to_numpy(), ops["key_of"].to_numpy()
    store.divide(OPERATIONS, keys, lambda lines: taken({"records": records, "numbers": numbers, "doubt": doubt}, lines))
    # What a key's maker was, where that sent another key: then it is with that one.
    other = np.flatnonzero(numbers != keys)
    other = other[store.part_of(numbers[other]) != store.part_of(keys[other])]
    makers = np.zeros(len(other), ELSEWHERE)
    makers["op"], makers["kind"] = numbers[other], records["kind"][other]
    store.divide(MAKERS, makers["op"], lambda lines: taken({"makers": makers}, lines))


def last_of(ops: pd.DataFrame) -> pd.DataFrame:
    """Of some operations those that ended, or began, last; and of those that were answered, or may still be at work."""
    began = (ops["start"] + ops["doubt"]).to_numpy()
    ended = np.where(ops["end"] > 0, ops["end"] + ops["doubt"], 0)
    waiting = np.flatnonzero((ops["outcome"] == int(Outcome.UNKNOWN)) & ops["status"].isin(UNANSWERED))
    answered = np.flatnonzero(ops["outcome"].isin([int(outcome) for outcome in (*DONE, Outcome.REJECT)]))
    chosen = {int(began.argmax()), int(ended.argmax())}
    chosen |= {int(answered[ended[answered].argmax()])} if len(answered) else set()
    chosen |= {int(waiting[began[waiting].argmax()])} if len(waiting) else set()
    return ops.iloc[sorted(chosen)]


def part(last: Ledger, store: Store, number: int) -> Ledger:
    """The ledger of a part of the keys."""
    makers = [one["makers"] for one in store.read(MAKERS, number)]
    return ledger_of(last, store.read(OPERATIONS, number), concatenated(makers, ELSEWHERE))


def read(store: Store, number: int) -> dict[str, npt.NDArray[Any]]:
    """The operations of a part of the keys, as they are kept: records, numbers, doubt."""
    return _joined(store.read(OPERATIONS, number))


def _joined(pieces: Sequence[Mapping[str, npt.NDArray[Any]]]) -> dict[str, npt.NDArray[Any]]:
    kept = {"records": RECORD, "numbers": np.dtype(np.int64), "doubt": np.dtype(np.int64)}
    return {name: concatenated((one[name] for one in pieces), of) for name, of in kept.items()}


def ledger_of(
    last: Ledger, pieces: Sequence[Mapping[str, npt.NDArray[Any]]], elsewhere: npt.NDArray[np.void]
) -> Ledger:
    """The ledger of a part whose operations are in these pieces."""
    kept = _joined(pieces)
    numbers = kept["numbers"]
    if (numbers[1:] < numbers[:-1]).any():
        # Each piece is in order: to merge them costs less than to sort.
        order = np.argsort(numbers, kind="stable")
        kept = taken(kept, order)
    records, numbers, doubt = (kept[name] for name in ("records", "numbers", "doubt"))
    return replace(
        last,
        ops=operations(records, numbers, doubt, list(last.ops["kind"].cat.categories)),
        partly=numbers[records["flags"] & PARTLY > 0],
        elsewhere=np.sort(elsewhere, order="op"),
        answered=last.last_answer,
    )
