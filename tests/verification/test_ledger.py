"""What the ledger takes from a journal whose process was killed."""

from pathlib import Path

import numpy as np
import pytest

from harness import journaled
from harness.journal import RECORD, Journal
from harness.outcomes import Failure, Outcome
from verification.ledger import operations

HEADER = {"run": "20260101T000000abc", "worker": 0, "kinds": ["process"]}


@pytest.mark.parametrize("cut", range(RECORD.fields["outcome"][1], RECORD.itemsize + 1))
def test_an_outcome_counts_once_it_is_written_to_its_end(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "journal-0.bin"
    with Journal(path, HEADER) as book:
        number = book.begin(0, 1_000, 1_500, 7, 0, 42, None, 0)
        book.end(number, Outcome.ACK, 201, Failure.NONE, 99, 2**62 + 2**8)
    data = bytearray(path.read_bytes())
    after = len(data) - RECORD.itemsize + cut
    data[after:] = bytes(len(data) - after)
    path.write_bytes(data)

    journal = journaled.read(path)
    found = operations(journal.records, journal.numbers, np.zeros(1, np.int64), ["process"])
    whole = journal.records["end"][0] > 0
    assert found["outcome"].tolist() == [Outcome.ACK if whole else Outcome.UNKNOWN]
    assert whole == (cut > RECORD.fields["end"][1] + 1)
