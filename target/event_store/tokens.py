"""How far a stream was read: up to a position, but for the numbers below it that nobody had committed by then.

As Axon's GapAwareTrackingToken: `covers`, lower and upper bound are the same, so that tokens can be compared and
merged.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Token:
    """Everything up to `position` was read, but `gaps`."""

    position: int
    gaps: frozenset[int] = frozenset()

    def advanced(self, number: int, most: int = 10_000) -> "Token":
        """With `number` read: one of the gaps is none any more; beyond the position, those passed over become gaps.

        A gap that lies `most` and more below the position is given up.
        """
        if number in self.gaps:
            return Token(self.position, self.gaps - {number})
        if number <= self.position:
            raise ValueError(f"{number} was read before {self}")
        passed = range(max(self.position + 1, number - most), number)
        kept = {gap for gap in self.gaps if gap > number - most}
        return Token(number, frozenset(kept.union(passed)))

    def covers(self, other: "Token") -> bool:
        """Whether everything that `other` has read was read here."""
        return (
            other.position <= self.position
            and other.position not in self.gaps
            and {gap for gap in self.gaps if gap <= other.position} <= other.gaps
        )

    def lower_bound(self, other: "Token") -> "Token":
        """What both have read."""
        gaps = self.gaps | other.gaps
        position = min(self.position, other.position)
        while position in gaps:
            position -= 1
        return Token(position, frozenset(gap for gap in gaps if gap < position))

    def upper_bound(self, other: "Token") -> "Token":
        """What one of both has read."""
        gaps = _unread(self.gaps, other) | _unread(other.gaps, self)
        return Token(max(self.position, other.position), frozenset(gaps))


def _unread(gaps: Iterable[int], other: Token) -> set[int]:
    return {gap for gap in gaps if gap in other.gaps or gap > other.position}
