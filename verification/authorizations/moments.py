"""What is certain of an authorization at a moment, if all that is known of a move is that it happened between its
first byte and its answer.
"""

from collections.abc import Iterable
from functools import cached_property

import numpy as np

from systems.authorizations import MOVES
from verification.arrays import Array, Mask
from verification.authorizations.moves import Moves

NEVER = np.iinfo(np.int64).max
"""The end of what was never known to be over."""


class Moments:
    """Moves that began and were done at some moments: whole µs of the clock, counted from the one in which the first of
    them began, so that a moment and a place make one number. They are rounded so that nothing becomes certain that
    isn't; and alike, whichever of the moves of a run these are.
    """

    def __init__(self, moves: Moves, begun: Array, done: Array, may_stand: Mask, stands: Mask) -> None:
        """`begun` and `done` in ns; NEVER, if it was never known to be done."""
        self._moves, self._may_stand, self._certain = moves, may_stand, stands & (done < NEVER)
        self._origin = int(begun.min()) // 1000 if len(begun) else 0
        latest = max(int(begun.max(initial=0)), int(done[done < NEVER].max(initial=0)))
        self.span = latest // 1000 - self._origin + 4
        """Above every moment."""
        self._begun, self._done = self.floor(begun), self.ceiling(done)

    def floor(self, ns: Array) -> Array:
        """The last moment that is not after `ns`."""
        return (ns // 1000 - self._origin).clip(0, self.span - 2)

    def ceiling(self, ns: Array) -> Array:
        """The first moment that is not before `ns`, or the one after that."""
        return self.floor(ns) + 1

    def possible(self, place: Array, moment: Array, moves: Iterable[int]) -> Array:
        """The units that `moves` can have moved at each `place` until that `moment`: those begun until then."""
        return self._until(self._possible_sums, place, moment, moves)

    def certain(self, place: Array, moment: Array, moves: Iterable[int]) -> Array:
        """The units that `moves` have moved for sure at each `place` until that `moment`: those done until then."""
        return self._until(self._certain_sums, place, moment, moves)

    def of(self, keys: Array) -> tuple[Array, Array]:
        """When each of `keys` began, and when it was done; at the end of time, if that is not known."""
        return self._begun[keys], self._done[keys]

    def certainly(self, move: int) -> tuple[Array, Array]:
        """Place and moment of each of `move` that is certain, in order."""
        instants, sums = self._certain_sums
        place, moment = np.divmod(instants[np.diff(sums[move]) > 0], self.span)
        return place, moment

    @cached_property
    def _possible_sums(self) -> tuple[Array, Array]:
        return self._sums(self._may_stand, self._begun)

    @cached_property
    def _certain_sums(self) -> tuple[Array, Array]:
        return self._sums(self._certain, self._done)

    def _sums(self, which: Mask, moment: Array) -> tuple[Array, Array]:
        """In the order of place and moment: these as one number; and the units of each move, summed up before it."""
        which = which & (self._moves.place >= 0)
        instant = self._moves.place[which] * self.span + moment[which]
        order = np.argsort(instant)
        sums = np.zeros((len(MOVES), len(order) + 1), np.int64)
        units, moves = self._moves.units[which][order], self._moves.move[which][order]
        for move in range(len(MOVES)):
            np.cumsum(np.where(moves == move, units, 0), out=sums[move, 1:])
        return instant[order], sums

    def _until(self, sums: tuple[Array, Array], place: Array, moment: Array, moves: Iterable[int]) -> Array:
        instants, summed = sums
        first = np.searchsorted(instants, np.arange(int(place.max(initial=0)) + 1) * self.span)[place]
        end = np.searchsorted(instants, place * self.span + moment, "right")
        until = np.zeros(len(place), np.int64)
        for move in moves:
            until += summed[move][end] - summed[move][first]
        return until
