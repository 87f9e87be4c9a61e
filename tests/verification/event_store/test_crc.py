"""A checksum that is computed of parts is that of the whole."""

from zlib import crc32

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from verification.event_store.crc import chained, checksums, hexes, joined, known, slices, texts

TEXT = bytes(range(256)) * 3
CUTS = st.tuples(st.integers(0, 600), st.integers(0, 168))


@given(st.lists(st.lists(st.binary(max_size=40), min_size=3, max_size=3)))
def test_of_texts_in_parts(rows: list[list[bytes]]) -> None:
    found = checksums(joined(*(texts([row[place] for row in rows]) for place in range(3))))

    assert found.tolist() == [crc32(b"".join(row)) for row in rows]


@given(st.binary(max_size=40), st.lists(st.binary(max_size=40), min_size=1), st.binary(max_size=40))
def test_of_parts_that_all_have(before: bytes, own: list[bytes], after: bytes) -> None:
    found = checksums(joined(texts([before]), texts(own), texts([after])))

    assert found.tolist() == [crc32(before + one + after) for one in own]


@given(st.lists(CUTS, min_size=1))
def test_of_slices(cuts: list[tuple[int, int]]) -> None:
    starts, lengths = np.array(cuts, np.int64).T

    assert checksums(slices(TEXT, starts, lengths)).tolist() == [crc32(TEXT[at : at + size]) for at, size in cuts]


@given(st.lists(st.integers(0, 2**63 - 1)))
def test_of_hex_digits(numbers: list[int]) -> None:
    column = np.array(numbers, np.int64)

    assert checksums(hexes(column, 16)).tolist() == [crc32(b"%016x" % number) for number in numbers]
    assert checksums(hexes(column % 2**16, 4)).tolist() == [crc32(b"%04x" % (number % 2**16)) for number in numbers]


@given(st.lists(st.binary(max_size=9_000)), st.data())
def test_of_some_that_follow_each_other(lines: list[bytes], data: st.DataObject) -> None:
    last = data.draw(st.integers(0, len(lines)))
    first = data.draw(st.integers(0, last))
    told = known(np.array([crc32(one) for one in lines], np.int64), np.array([len(one) for one in lines], np.int64))
    found = chained(told).taken(np.array([first, 0]), np.array([last, len(lines)]))

    assert checksums(found).tolist() == [crc32(b"".join(lines[first:last])), crc32(b"".join(lines))]


def test_of_some_far_behind_the_first() -> None:
    # Their bytes together are more than a register has states.
    line, count = bytes(range(256)) * 256, 70_000
    told = known(np.full(count, crc32(line)), np.full(count, len(line)))
    found = chained(told).taken(np.array([count - 3]), np.array([count]))

    assert checksums(found).tolist() == [crc32(line * 3)]
