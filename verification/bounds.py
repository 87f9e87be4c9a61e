"""How many items each key must and may have, by what its attempts came to and what the facts state of that."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.outcomes import DONE, Outcome
from harness.plan.scenario import Scenario
from verification.arrays import Array, Mask

Codes = npt.NDArray[np.integer[Any]]
"""Kinds, by their place among all."""


@dataclass(frozen=True)
class Stated:
    """What the facts state of kinds, by their place among them."""

    leaves: Array
    """How many items each outcome of a kind leaves, …"""
    least: Array
    """… and how many an acknowledgement of a kind means at least …"""
    most: Array
    """… and at most; of a kind that must not be acknowledged they differ, for then nobody has stated it."""

    @property
    def ever(self) -> int:
        """The most that any operation leaves, at least 1."""
        return max(int(self.leaves.max(initial=0)), 1)


def stated(kinds: list[str], scenario: Scenario) -> Stated:
    """What the facts of the scenario's system state of `kinds`."""
    leaves = np.zeros((len(kinds), len(Outcome)), np.int64)
    for place, kind in enumerate(kinds):
        for outcome, effect in scenario.effects.get(kind, {}).items():
            leaves[place, Outcome[outcome]] = effect.items
    acknowledged = leaves[:, Outcome.ACK]
    wrong = np.array(["ACK" not in scenario.expected.get(kind, ()) for kind in kinds], bool) & (acknowledged == 0)
    ever = max(int(leaves.max(initial=0)), 1)
    return Stated(leaves, np.where(wrong, 1, acknowledged), np.where(wrong, ever, acknowledged))


def bounds(of: Stated, key: Array, maker: Codes, kind: Codes, outcome: Array) -> tuple[Array, Array]:
    """How many items each key must and may have: the most that is said by any of its attempts.

    `maker` is the kind of the operation that made each key; `key`, `kind` and `outcome` are those of each attempt.
    """
    done, unknown = np.isin(outcome, DONE), outcome == Outcome.UNKNOWN

    def any_of(which: Mask) -> Mask:
        return np.bincount(key[which], minlength=len(maker)) > 0

    acknowledged, open_ = any_of(done), any_of(unknown)
    lower = np.where(acknowledged, of.least[maker], 0)
    upper = np.where(acknowledged, of.most[maker], np.where(open_, of.leaves[maker, Outcome.ACK], 0))
    # What an attempt leaves by its own kind; mostly that of the maker, or nothing.
    own = of.leaves[kind, outcome]
    _raise(lower, key, own)
    own[unknown] = of.leaves.max(axis=1)[kind[unknown]]
    _raise(upper, key, own)
    return lower, upper


def _raise(bound: Array, key: Array, to: Array) -> None:
    """Raise the bounds of keys to what their attempts say, where it is more."""
    more = np.flatnonzero(to > bound[key])
    np.maximum.at(bound, key[more], to[more])


@dataclass(frozen=True)
class Possible:
    """The effects that may be there, in the order of key and item."""

    key: Array
    """The line of its key."""
    item: Array
    must: Mask
    """Whether it must be there."""
    refused: Mask
    """Whether it must not: its item was refused, though not its whole operation, and by no means may be there."""
    first: Array
    """For each key, the line of its item 0, if it may have any."""
    upper: Array
    """For each key, how many items it may have."""

    def lines(self, key: Array, item: Array) -> Array:
        """The line of each of these effects; −1 for what the key can never have."""
        return np.where(item < self.upper[key], self.first[key] + item, -1)


def possible(lower: Array, upper: Array) -> Possible:
    """The effects that keys with these bounds may have."""
    first = np.cumsum(upper) - upper
    key = np.flatnonzero(upper) if upper.max(initial=0) <= 1 else np.repeat(np.arange(len(upper)), upper)
    item = np.arange(len(key)) - first[key]
    return Possible(key, item, item < lower[key], np.zeros(len(key), bool), first, upper)
