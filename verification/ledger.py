"""What was sent and what was answered, operation by operation, and what that allows each key to have done.

An attempt whose outcome is not known may have had its effects; all attempts under one key have them once together.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.errors import JournalError
from harness.journal import PARTLY, PARTNER, REFUSED
from harness.journaled import Journals, Lost
from harness.outcomes import DONE, Outcome
from harness.plan.scenario import Scenario
from systems import ids
from verification import bounds
from verification.announced import Announced, during
from verification.arrays import Array, Mask
from verification.bounds import Possible, Stated

ELSEWHERE = np.dtype([("op", "<i8"), ("kind", "<u2")])
"""Of an operation, its number and its kind."""


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
    scenario: Scenario
    """What the run was; its facts state what each outcome of each kind leaves."""
    lost: tuple[Lost, ...] = ()
    """The load processes of which not all operations are here."""
    partly: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    """The operations (numbers) of which some items were refused, though not all, …"""
    refused: npt.NDArray[np.void] = field(default_factory=lambda: np.zeros(0, REFUSED))
    """… and these items, as far as they are on record."""
    announced: tuple[Announced, ...] = ()
    """What the plan disturbed meanwhile."""
    elsewhere: npt.NDArray[np.void] = field(default_factory=lambda: np.zeros(0, ELSEWHERE))
    """Where `ops` are those of a part of the keys: the makers of such keys that sent another's, in order."""
    answered: int | None = None
    """Where `ops` are those of a part: when the last answer of the run came."""

    @property
    def ended(self) -> int:
        """When the last thing happened to an operation, at the latest: ns of the master's clock; `began`, if never."""
        last = np.maximum(self.ops["start"].to_numpy() + self.ops["doubt"].to_numpy(), self.latest)
        return int(last.max(initial=self.began))

    @cached_property
    def last_answer(self) -> int:
        """When the last answer of the run came, at the latest; 0: none did."""
        if self.answered is not None:
            return self.answered
        return int(self.latest[self.outcome(*DONE, Outcome.REJECT)].max(initial=0))

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

    @property
    def disturbed(self) -> Mask:
        """Which operations were under way while the plan disturbed something."""
        return during(self.announced, self.earliest, self.latest)

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
        wanted = np.zeros(256, bool)  # they are of 8 bits
        wanted[[int(outcome) for outcome in outcomes]] = True
        found: Mask = wanted[self.ops["outcome"].to_numpy()]
        return found

    def kind(self, kind: str) -> Mask:
        """Which operations are of `kind`."""
        return (self.ops["kind"] == kind).to_numpy()

    @cached_property
    def keys(self) -> pd.DataFrame:
        """One line a key, in order: key (the operation that made it), subject and kind (that of its maker, or else of
        its first attempt), lower and upper (how many effects its attempts must and may have had together), acks (how
        many were acknowledged).
        """
        key, first, place = self._unique
        op, kinds = self.ops["op"].to_numpy(), self.ops["kind"].cat
        kind = kinds.codes.to_numpy()
        outcome = self.ops["outcome"].to_numpy()
        if self.unsure.any():
            # Which of its items are there can't be known: as if no answer had come.
            outcome = np.where(self.unsure, int(Outcome.UNKNOWN), outcome)
        maker = kind[first]
        made = np.flatnonzero(op[first] != key)
        other, there = find(op, key[made])
        maker[made[there]] = kind[other[there]]
        missing = made[~there]
        elsewhere, there = find(self.elsewhere["op"], key[missing])
        maker[missing[there]] = self.elsewhere["kind"][elsewhere[there]]
        lower, upper = bounds.bounds(self.stated, place, maker, kind, outcome)
        # They may have been sent again by operations that are not on record.
        upper[self.of_lost(key)] = self.stated.ever
        return pd.DataFrame(
            {
                "key": key,
                "subject": self.ops["subject"].to_numpy()[first],
                "kind": pd.Categorical.from_codes(maker, kinds.categories),
                "lower": lower,
                "upper": upper,
                "acks": np.bincount(place[self.outcome(Outcome.ACK)], minlength=len(key)),
            },
            copy=False,
        )

    @cached_property
    def stated(self) -> Stated:
        """What the facts state of the kinds of operations."""
        return bounds.stated(list(self.ops["kind"].cat.categories), self.scenario)

    def of_lost(self, ops: Array) -> Mask:
        """Which of `ops` (numbers) are of a load process that is not wholly on record."""
        return np.isin(ops >> ids.COUNT_BITS, [one.worker for one in self.lost])

    @cached_property
    def possible(self) -> Possible:
        """The effects that may be there. An item that was refused is none of those that must be.

        An operation is refused an item only if all attempts that say it is done say so.
        """
        keys, place = self.keys, self.key_place
        found = bounds.possible(keys["lower"].to_numpy(), keys["upper"].to_numpy())
        if not len(self._refused):
            return found
        done = self.outcome(*DONE) & ~self.unsure
        attempts = np.bincount(place[done], minlength=len(keys))
        at, there = find(self.ops["op"].to_numpy(), self._refused["op"])
        there[there] = done[at[there]]
        key, item = place[at[there]], self._refused["item"][there].astype(np.int64)
        line, refusals = np.unique(found.lines(key, item), return_counts=True)
        line, refusals = line[line >= 0], refusals[line >= 0]
        line = line[refusals == attempts[found.key[line]]]
        found.must[line] = False
        # One that was not answered may have stored it.
        open_ = np.bincount(place[self.unknown | self.unsure], minlength=len(keys)) > 0
        open_ |= self.of_lost(keys["key"].to_numpy())
        found.refused[line] = ~open_[found.key[line]]
        return found

    @cached_property
    def unsure(self) -> Mask:
        """Which operations had some items refused of which it is not on record which ones."""
        known = np.unique(self._refused["op"])
        return np.isin(self.ops["op"].to_numpy(), np.setdiff1d(self.partly, known)) & self.outcome(*DONE)

    @cached_property
    def _refused(self) -> npt.NDArray[np.void]:
        """The refused items of the operations of which all are on record, each once."""
        ours = np.unique(self.refused[np.isin(self.refused["op"], self.partly)])
        _, place, found = np.unique(ours["op"], return_inverse=True, return_counts=True)
        whole: npt.NDArray[np.void] = ours[found[place] == ours["of"]]
        return whole

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


def ledger(
    run: str, journals: Journals, clock: int, scenario: Scenario, announced: tuple[Announced, ...] = ()
) -> Ledger:
    """The operations in the journals of `run`; JournalError if they are of another run, or differ in their kinds.

    `clock`: ns to add to the master's clock for its wall clock. `announced`: what was disturbed meanwhile.
    """
    kinds = journals[0].header["kinds"]
    for journal in journals:
        if journal.header["run"] != run or journal.header["kinds"] != kinds:
            raise JournalError(
                f"{journal.path}: of run {journal.header['run']} with kinds {journal.header['kinds']}: "
                f"expected run {run} with {kinds}"
            )
    records = np.concatenate([journal.records for journal in journals])
    ops = operations(
        records,
        np.concatenate([journal.numbers for journal in journals]),
        np.repeat([journal.doubt for journal in journals], [len(journal.records) for journal in journals]),
        kinds,
    )
    partly = ops["op"].to_numpy()[records["flags"] & PARTLY > 0]
    return Ledger(
        run,
        ops,
        min(journal.header["mono_ns"] for journal in journals),
        clock,
        scenario,
        journals.lost,
        partly,
        np.concatenate([journal.refused for journal in journals]),
        announced,
    )


def operations(records: npt.NDArray[np.void], numbers: Array, doubt: Array, kinds: list[str]) -> pd.DataFrame:
    """The `ops` of a Ledger: of records of journals, with the number of each, and by how many ns its times are wrong
    at most.
    """
    outcome = records["outcome"].astype(np.int64)
    # The end is written last: without one the process was killed while it wrote what is before it.
    is_open = (outcome == Outcome.OPEN) | (records["end"] == 0)
    return pd.DataFrame(
        {
            "op": numbers,
            "kind": pd.Categorical.from_codes(records["kind"], pd.Index(kinds)),
            "outcome": np.where(is_open, Outcome.UNKNOWN, outcome),
            **{
                name: records[name].astype(np.int64)
                for name in ("subject", "key_of", "answer", "sched", "start", "end", "status")
            },
            "doubt": doubt,
            "partner": (records["flags"] & PARTNER).astype(bool),
        },
        copy=False,
    )


def by_outcome(ops: pd.DataFrame) -> Array:
    """How many operations there are of each kind, a line, and outcome."""
    kinds = ops["kind"].cat
    # Codes are of 8 bits: a dozen and a half kinds times the outcomes are more than these hold.
    bins = kinds.codes.to_numpy().astype(np.int64) * len(Outcome) + ops["outcome"].to_numpy()
    return np.bincount(bins, minlength=len(kinds.categories) * len(Outcome)).reshape(-1, len(Outcome))
