"""What was sent and what was answered, operation by operation, and what that allows each key to have done.

An attempt whose outcome is not known may have had its effect; all attempts under one key have at most one together.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.errors import JournalError
from harness.journal import PARTNER, Journals, Lost
from harness.outcomes import Outcome
from systems import ids

DONE = (Outcome.ACK, Outcome.REPLAY)
"""Outcomes that say: it is done."""

Array = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Ledger:
    """The operations of a run, in the order of their numbers.

    `ops` has op, kind (its name), outcome (OPEN reads as UNKNOWN), subject, key_of, answer, sched (when it was to
    begin), start and end (ns of the master's clock; end 0: open), doubt (by how many ns each of these three may be
    wrong, either way), status, partner (second half of a race).

    What comes before what is certain only by `earliest` and `latest`.
    """

    run: str
    ops: pd.DataFrame
    began: int
    """When the first load process began: ns of the master's clock."""
    clock: int
    """ns to add to the master's clock for its wall clock."""
    lost: tuple[Lost, ...] = ()
    """The load processes of which not all operations are here."""

    @property
    def ended(self) -> int:
        """When the last thing happened to an operation, at the latest: ns of the master's clock; `began`, if never."""
        last = np.maximum(self.ops["start"].to_numpy() + self.ops["doubt"].to_numpy(), self.latest)
        return int(last.max(initial=self.began))

    @cached_property
    def earliest(self) -> Array:
        """When each operation began, at the earliest."""
        earliest: Array = self.ops["start"].to_numpy() - self.ops["doubt"].to_numpy()
        return earliest

    @cached_property
    def latest(self) -> Array:
        """When each operation ended, at the latest; 0: it never did."""
        end = self.ops["end"].to_numpy()
        return np.where(end > 0, end + self.ops["doubt"].to_numpy(), 0)

    def unrecorded(self, ops: Array) -> Mask:
        """Which of `ops` (numbers) may be of a load process whose journal lacks them: nothing is known of these."""
        found = np.zeros(len(ops), bool)
        for one in self.lost:
            found |= (ops >> ids.COUNT_BITS == one.worker) & (ops >= ids.operation(one.worker, one.held))
        return found

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
        """One line a key, in order: key (the operation that made it), subject of its first attempt, lower and upper
        (how many effects its attempts must and may have had together), acks (how many were acknowledged).
        """
        key, first, place = self._unique
        keys = self.ops[["subject"]].iloc[first].reset_index(drop=True)
        keys.insert(0, "key", key)

        def attempts(which: Mask) -> Array:
            return np.bincount(place[which], minlength=len(key))

        done = self.outcome(*DONE)
        keys["lower"] = attempts(done).clip(max=1)
        keys["upper"] = attempts(done | self.unknown).clip(max=1)
        # It may have been sent again by an operation that is not on record.
        keys.loc[np.isin(key >> ids.COUNT_BITS, [one.worker for one in self.lost]), "upper"] = 1
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


def ledger(run: str, journals: Journals, clock: int) -> Ledger:
    """The operations in the journals of `run`; JournalError if they are of another run, or differ in their kinds.

    `clock`: ns to add to the master's clock for its wall clock.
    """
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
            "doubt": np.repeat([journal.doubt for journal in journals], [len(journal.records) for journal in journals]),
            "partner": (records["flags"] & PARTNER).astype(bool),
        }
    )
    return Ledger(run, ops, min(journal.header["mono_ns"] for journal in journals), clock, journals.lost)
