"""What processors left beside the journal is read piece by piece, and as if it was in one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from systems import event_store, ids
from systems.event_store import AT, DELIVERED, MISSING, PERHAPS, RECEIVED
from verification.event_store import received
from verification.event_store.received import Processor, lines, pieces, processors

RUN = ids.SAMPLE_RUN
KIND = np.dtype(list(RECEIVED))
Record = tuple[int, int, int, int, int]
"""Processor, batch, position, checksum, what."""
RECORDS: list[Record] = [
    (1, 1, 11, 5, DELIVERED),
    (1, 1, 12, 6, DELIVERED),
    (1, 1, 10, 0, MISSING),
    (1, 1, 12, 0, AT),
    (0, 1, 11, 5, PERHAPS),
    (1, 2, 14, 7, PERHAPS),
    (1, 2, 14, 7, DELIVERED),
    (1, 2, 9, 0, AT),
    (1, 3, 15, 8, PERHAPS),
    (1, 4, 16, 8, PERHAPS),
]
TOKENS = pd.DataFrame(
    {"processor": [f"{ids.key(RUN, 0)}.0001"], "position": [15], "gaps": ["{13,10}"], "tx": [7], "batches": [3]}
)


def read(records: Sequence[Record], size: int) -> list[received.Records]:
    every = np.array(records, KIND)
    return [every[first : first + size] for first in range(0, len(every), size)]


@pytest.mark.parametrize("size", [1, 3, 100])
def test_processors_are_followed_over_all_pieces(size: int) -> None:
    unknown, known = processors(lambda: read(RECORDS, size), TOKENS, RUN)

    assert unknown == Processor(0, 0, 0, 0, None, frozenset(), 0, frozenset())
    # Of its second batch it came to be known, by a second try; the fourth was never committed.
    assert known == Processor(1, 2, 1, 9, None, frozenset({13, 10}), 7, frozenset({3}))
    assert (unknown.tenant, known.tenant) == (event_store.tenant_of(0), event_store.tenant_of(1))


def test_a_token_is_compared_where_all_batches_are_known() -> None:
    (one,) = processors(lambda: read(RECORDS[:4], 2), TOKENS, RUN)

    assert (one.stored, one.at) == (15, 12)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_what_was_received_in_committed_transactions_is_kept_with_its_place(size: int) -> None:
    of = processors(lambda: read(RECORDS, size), TOKENS, RUN)
    found, missed, first = list[tuple[int, ...]](), list[tuple[int, ...]](), 0
    for piece in read(RECORDS, size):
        some, gone = lines(piece, first, of)
        found += some.tolist()
        missed += gone.tolist()
        first += len(piece)

    assert found == [(0, 11, 5, 1), (1, 12, 6, 1), (6, 14, 7, 1), (8, 15, 8, 1)]
    assert missed == [(10, 1)]


def test_files_are_read_in_pieces_without_a_torn_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(received, "AT_ONCE", 3)
    bytes_ = np.array(RECORDS, KIND).tobytes()
    (tmp_path / "received-1.bin").write_bytes(bytes_[: KIND.itemsize])
    (tmp_path / "received-0.bin").write_bytes(bytes_ + b"torn")
    found = list(pieces(tmp_path, "received", RECEIVED))

    assert [len(one) for one in found] == [3, 3, 3, 1, 1]
    assert np.concatenate(found).tolist() == [*RECORDS, RECORDS[0]]
