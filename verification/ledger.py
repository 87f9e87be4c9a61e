"""What was sent and what was answered, operation by operation, and what that allows each key to have done.

An attempt whose outcome is not known may have had its effect; all attempts under one key have at most one together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.errors import JournalError
from harness.journal import PARTNER, Journaled
from harness.outcomes import Outcome

DONE = (Outcome.ACK, Outcome.REPLAY)
"""Outcomes that say: it is done."""

Array = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Ledger:
    """The operations of a run, in the order of their numbers.

    `ops` has op, kind (its name), outcome (OPEN reads as UNKNOWN), subject, key_of, answer, sched (when it was to
    begin), start and end (ns of CLOCK_MONOTONIC; end 0: open), status, partner (second half of a race), clock (ns from
    CLOCK_MONOTONIC to the wall).
    """

    run: str
    ops: pd.DataFrame
    began: int
    """When the first load process began: ns of the wall clock of its host."""

    @property
    def ended(self) -> int:
        """When the last thing happened to an operation: ns of the wall clock; `began`, if there was none."""
        last = np.maximum(self.ops["start"].to_numpy(), self.ops["end"].to_numpy()) + self.ops["clock"].to_numpy()
        return int(last.max(initial=self.began))

    @property
    def unknown(self) -> Mask:
        """Which operations may or may not have had their effect."""
        return self.outcome(Outcome.UNKNOWN)

    def outcome(self, *outcomes: Outcome) -> Mask:
        """Which operations had one of `outcomes`."""
        return self.ops["outcome"].isin([int(outcome) for outcome in outcomes]).to_numpy()

    def kind(self, kind: str) -> Mask:
        """Which operations are of `kind`."""
        return (self.ops["kind"] == kind).to_numpy()

    @cached_property
    def keys(self) -> pd.DataFrame:
        """One line a key, in order: key (the operation that made it), subject and clock of its first attempt, lower and
        upper (how many effects its attempts must and may have had together), acks (how many were acknowledged).
        """
        key, first, place = self._unique
        keys = self.ops[["subject", "clock"]].iloc[first].reset_index(drop=True)
        keys.insert(0, "key", key)

        def attempts(which: Mask) -> Array:
            return np.bincount(place[which], minlength=len(key))

        done = self.outcome(*DONE)
        keys["lower"] = attempts(done).clip(max=1)
        keys["upper"] = attempts(done | self.unknown).clip(max=1)
        keys["acks"] = attempts(self.outcome(Outcome.ACK))
        return keys

    @property
    def key_place(self) -> Array:
        """For each operation, the line of `keys` that it sent."""
        return self._unique[2]

    @cached_property
    def _unique(self) -> tuple[Array, Array, Array]:
        return np.unique(self.ops["key_of"].to_numpy(), return_index=True, return_inverse=True)

    @cached_property
    def races(self) -> tuple[Array, Array]:
        """The lines of `ops` of each race: its first half, and the second one that was sent at the same instant."""
        ops = self.ops["op"].to_numpy()
        second = np.flatnonzero(self.ops["partner"].to_numpy())
        first, there = find(ops, self.ops["key_of"].to_numpy()[second])
        return first[there], second[there]


def find(ordered: Array, wanted: Array) -> tuple[Array, Mask]:
    """Where in `ordered` each of `wanted` is, and whether it is there at all."""
    if not len(ordered):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), bool)
    place = np.searchsorted(ordered, wanted).clip(max=len(ordered) - 1)
    return place, ordered[place] == wanted


def ledger(run: str, journals: Sequence[Journaled]) -> Ledger:
    """The operations in the journals of `run`; JournalError if they are of another run, or differ in their kinds."""
    kinds = journals[0].header["kinds"]
    for journal in journals:
        if journal.header["run"] != run or journal.header["kinds"] != kinds:
            raise JournalError(
                f"{journal.path}: of run {journal.header['run']} with kinds {journal.header['kinds']}: "
                f"expected run {run} with {kinds}"
            )
    records = np.concatenate([journal.records for journal in journals])
    outcome = records["outcome"].astype(np.int64)
    ops = pd.DataFrame(
        {
            "op": np.concatenate([journal.numbers for journal in journals]),
            "kind": pd.Categorical.from_codes(records["kind"], kinds),
            "outcome": np.where(outcome == Outcome.OPEN, Outcome.UNKNOWN, outcome),
            **{
                name: records[name].astype(np.int64)
                for name in ("subject", "key_of", "answer", "sched", "start", "end", "status")
            },
            "partner": (records["flags"] & PARTNER).astype(bool),
            "clock": np.repeat(
                [clock(journal) for journal in journals], [len(journal.records) for journal in journals]
            ),
        }
    )
    return Ledger(run, ops, min(journal.header["wall_ns"] for journal in journals))


def clock(journal: Journaled) -> int:
    """ns to add to the times of `journal` to have those of its host's wall clock."""
    return int(journal.header["wall_ns"] - journal.header["mono_ns"])
