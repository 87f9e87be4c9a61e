"""What PostgreSQL's `hashtextextended(text, 0)` is of texts, for a million at once.

The function: PostgreSQL, src/common/hashfn.c, hash_bytes_extended, which is lookup3 by Bob Jenkins (2006). It decides
in which partition a row is, so that it stays as it is from version to version.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

SQL = 'coalesce(hashtextextended(({text})::text COLLATE "C", 0), 0)'
"""SQL for it, of an expression; 0 of null. With an order of its own a collation may have a hash of its own, too."""

_BLOCK = 12
"""Bytes that are mixed in at once."""
_BEGIN = 0x9E37_79B9 + 3_923_095
_ROTATED = (4, 6, 8, 16, 19, 4)
_ROTATED_LAST = (14, 11, 25, 16, 4, 14, 24)
"""By how many bits, step by step."""
_AT_ONCE = 1 << 15
"""So many texts are hashed at a time: what is known of them stays in the cache."""

Words = npt.NDArray[np.uint32]
Byte = int | Words
"""A byte of each of many texts: the same in all of them, or one for each."""


def hashes(texts: Sequence[Byte], count: int) -> npt.NDArray[np.int64]:
    """The hashes of so many texts in UTF-8 that all have as many bytes: these, one behind the other."""
    padded = [*texts, *[0] * (_BLOCK - len(texts) % _BLOCK)]
    # The lowest byte of the last word is that of the length, and is left out.
    padded.insert(-3, padded.pop())
    words = [_word(padded[at : at + 4]) for at in range(0, len(padded), 4)]
    found = [_hashed(words, slice(at, min(at + _AT_ONCE, count)), len(texts)) for at in range(0, count, _AT_ONCE)]
    return np.concatenate([np.zeros(0, np.int64), *found])


def _word(four: Sequence[Byte]) -> Byte:
    """The word of which these are the bytes, the lowest first."""
    same = sum(byte << 8 * place for place, byte in enumerate(four) if isinstance(byte, int))
    differing = [byte << np.uint32(8 * place) for place, byte in enumerate(four) if not isinstance(byte, int)]
    if not differing:
        return same
    word: Words = differing[0] | np.uint32(same)
    for byte in differing[1:]:
        word |= byte
    return word


def _hashed(words: Sequence[Byte], lines: slice, length: int) -> npt.NDArray[np.int64]:
    a, b, c = (np.full(lines.stop - lines.start, (_BEGIN + length) % 2**32, np.uint32) for _ in range(3))
    for at in range(0, len(words), 3):
        for mixed, word in zip((a, b, c), words[at : at + 3], strict=True):
            mixed += np.uint32(word) if isinstance(word, int) else word[lines]
        if at + 3 < len(words):
            _mix(a, b, c)
    _finish(a, b, c)
    return (b.astype(np.uint64) << np.uint64(32) | c).view(np.int64)


def _rotated(word: Words, bits: int) -> Words:
    return word << np.uint32(bits) | word >> np.uint32(32 - bits)


def _mix(a: Words, b: Words, c: Words) -> None:
    """Mix the three, in place, so that each bit depends on all."""
    for bits in _ROTATED:
        a -= c
        a ^= _rotated(c, bits)
        c += b
        a, b, c = b, c, a


def _finish(a: Words, b: Words, c: Words) -> None:
    """Mix them for the last time, in place."""
    for bits in _ROTATED_LAST:
        c ^= b
        c -= _rotated(b, bits)
        a, b, c = b, c, a
