"""CRC-32 of many texts that are put together of parts: computed of their parts, so that none is ever there as a whole.

The CRC is linear over GF(2): with a register that begins as 0, that of A followed by B is that of A moved on by as many
zero bytes as B has, and that of B (Ross Williams, "A Painless Guide to CRC Error Detection Algorithms"; as
`crc32_combine` of zlib).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt

from verification.arrays import Array

_ALL = 0xFFFF_FFFF
_HEX = 16
"""Bits of a number in four hex digits."""
_PERIOD = 2**32 - 1
"""Moved on by so many zero bytes a register is as it was, for the polynomial is primitive."""
_DIRECT = 1 << 12
"""Up to so many zero bytes a register is moved on by these themselves."""

Sums = npt.NDArray[np.uint32]


class Texts(NamedTuple):
    """Many texts, or of one length 1 one that is part of all."""

    sums: Sums
    """Of each the CRC with a register that begins as 0, and is not inverted at the end."""
    lengths: Array
    """How many bytes each has."""

    def at(self, places: npt.NDArray[np.integer]) -> "Texts":
        """Those at these places."""
        return Texts(self.sums[places], self.lengths[places])


def texts(of: Sequence[bytes]) -> Texts:
    """Each of these."""
    return Texts(np.array([_sum(one) for one in of], np.uint32), np.array([len(one) for one in of], np.int64))


def joined(*parts: Texts) -> Texts:
    """Their parts one after the other."""
    sums, lengths = parts[0]
    for part in parts[1:]:
        sums = _moved(sums, part.lengths) ^ part.sums
        lengths = lengths + part.lengths
    return Texts(sums, lengths)


def slices(text: bytes, starts: Array, lengths: Array) -> Texts:
    """Parts of a text: from `starts` on so many bytes, which there are."""
    before = _beginnings(text)
    return Texts(_moved(before[starts], lengths) ^ before[starts + lengths], lengths)


def hexes(numbers: Array, digits: int) -> Texts:
    """Numbers in so many hex digits, a multiple of four, in lower case."""
    fours = _fours()
    parts = [fours.at(numbers >> shift & (1 << _HEX) - 1) for shift in range((digits - 4) * 4, -1, -_HEX)]
    return joined(*parts)


class Chain(NamedTuple):
    """Many texts one after the other, of which any that follow each other can be taken."""

    sums: Sums
    """Of the first none, one, two … of them: each moved back to where the first one begins."""
    ends: Array
    """After how many bytes they end."""

    def taken(self, first: Array, last: Array) -> Texts:
        """Those from each of the places `first` to before that of `last`, as one text."""
        sums = _moved(self.sums[last] ^ self.sums[first], self.ends[last] % _PERIOD)
        return Texts(sums, self.ends[last] - self.ends[first])


def chained(of: Texts) -> Chain:
    """These one after the other."""
    ends = np.concatenate([[0], np.cumsum(of.lengths)])
    sums = np.bitwise_xor.accumulate(_moved(of.sums, -ends[1:] % _PERIOD))
    return Chain(np.concatenate([np.zeros(1, np.uint32), sums]), ends)


def known(sums: Array, lengths: Array) -> Texts:
    """Texts of which `checksums` and lengths are known."""
    begun = _moved(np.full(len(sums), _ALL, np.uint32), lengths)
    return Texts(begun ^ sums.astype(np.uint32) ^ np.uint32(_ALL), lengths)


def checksums(of: Texts) -> Array:
    """`zlib.crc32` of each."""
    begun = _moved(np.full(len(of.sums), _ALL, np.uint32), of.lengths)
    return (begun ^ of.sums ^ np.uint32(_ALL)).astype(np.int64)


@lru_cache(maxsize=1)
def _fours() -> Texts:
    return texts([f"{number:04x}".encode() for number in range(1 << _HEX)])


def _sum(text: bytes, register: int = 0) -> int:
    return crc32(text, register ^ _ALL) ^ _ALL


def _moved(sums: Sums, lengths: Array) -> Sums:
    """With a register that was moved on by so many zero bytes: for each of its two halves there is a table."""
    first = int(lengths[0]) if len(lengths) else 0
    if first <= _DIRECT and (lengths == first).all():
        return _once(sums, first)
    found = np.broadcast_to(sums, np.broadcast_shapes(sums.shape, lengths.shape)).copy()
    for bit in range(int(lengths.max()).bit_length()):
        own = np.flatnonzero(lengths & 1 << bit != 0)
        found[own] = _once(found[own], 1 << bit)
    return found


@lru_cache(maxsize=1)
def _beginnings(text: bytes) -> Sums:
    """Of each beginning of a text, from none to all of it."""
    found = np.zeros(len(text) + 1, np.uint32)
    for place in range(len(text)):
        found[place + 1] = _sum(text[place : place + 1], int(found[place]))
    return found


def _once(sums: Sums, length: int) -> Sums:
    low, high = _tables(length)
    found: Sums = low[sums & np.uint32(0xFFFF)] ^ high[sums >> np.uint32(16)]
    return found


def _twice(length: int) -> tuple[Sums, Sums]:
    """The tables of twice the length."""
    low, high = _tables(length)
    return _once(low, length), _once(high, length)


@lru_cache(maxsize=64)
def _tables(length: int) -> tuple[Sums, Sums]:
    """What becomes of each value of the lower and of the upper half of a register."""
    if length > _DIRECT and length % 2 == 0:
        return _twice(length // 2)
    zeros = bytes(length)
    found = []
    for half in (0, 16):
        table = np.zeros(1, np.uint32)
        for bit in range(half, half + 16):
            table = np.concatenate([table, table ^ np.uint32(_sum(zeros, 1 << bit))])
        found.append(table)
    return found[0], found[1]
