"""A half of a record is written as RECORD says, and nothing else is; what has no room there is refused."""

import mmap
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness import journal_record
from harness.journal import RECORD
from harness.outcomes import Failure, Outcome

INTENT = ("sched", "start", "subject", "key_of", "user", "waited", "kind", "flags")
OUTCOME = ("outcome", "status", "failure", "answer", "end")
BEFORE = b"\xa5" * 192
"""Three records: what is around a half is not touched."""


def numbers(names: tuple[str, ...]) -> st.SearchStrategy[list[int]]:
    """One for each field, from the least to the most that it holds."""
    limits = [np.iinfo(RECORD[name]) for name in names]
    return st.tuples(*[st.integers(int(limit.min), int(limit.max)) for limit in limits]).map(list)


def written(write: Any, offset: int, values: list[Any]) -> bytes:
    file = mmap.mmap(-1, len(BEFORE))
    file[:] = BEFORE
    write(file, offset, *values)
    return bytes(file)


def expected(place: int, names: tuple[str, ...], values: list[int]) -> bytes:
    records = np.frombuffer(BEFORE, RECORD).copy()
    for name, value in zip(names, values, strict=True):
        records[name][place] = value
    return records.tobytes()


@given(numbers(INTENT), st.integers(0, 2))
@example([-(2**63), 2**63 - 1, 0, -1, 2**32 - 1, 0, 2**16 - 1, 255], 2)
def test_an_intent_is_written_where_it_belongs_and_is_open(values: list[int], place: int) -> None:
    found = written(journal_record.write_intent, place * 64, values)

    assert found == expected(place, (*INTENT, "outcome"), [*values, Outcome.OPEN])


@given(numbers(OUTCOME), st.integers(0, 2))
@example([255, 2**16 - 1, 0, -(2**63), 2**63 - 1], 2)
def test_an_outcome_is_written_where_it_belongs(values: list[int], place: int) -> None:
    assert written(journal_record.write_outcome, place * 64, values) == expected(place, OUTCOME, values)


class Index:
    def __index__(self) -> int:
        return 7


@pytest.mark.parametrize("seven", [7, np.int64(7), np.uint8(7), Index(), Outcome(1) + 6, True * 7])
def test_what_stands_for_a_number_is_one(seven: Any) -> None:
    assert written(journal_record.write_intent, 0, [seven] * 8) == expected(0, (*INTENT, "outcome"), [*[7] * 8, 0])
    assert written(journal_record.write_outcome, 0, [seven] * 5) == expected(0, OUTCOME, [7] * 5)
    assert written(journal_record.write_outcome, 0, [Outcome.ACK, 0, Failure.RESET, 1, 2]) == expected(
        0, OUTCOME, [int(Outcome.ACK), 0, int(Failure.RESET), 1, 2]
    )


@pytest.mark.parametrize(("write", "names"), [("write_intent", INTENT), ("write_outcome", OUTCOME)])
def test_what_has_no_room_is_refused_and_the_record_is_not_closed(write: str, names: tuple[str, ...]) -> None:
    file = mmap.mmap(-1, len(BEFORE))
    file[:] = BEFORE
    call: Any = getattr(journal_record, write)
    for place, name in enumerate(names):
        limits = np.iinfo(RECORD[name])
        for wrong in (int(limits.min) - 1, int(limits.max) + 1, 2**64, -(2**64), 1.0, "1", None):
            values: list[Any] = [1] * len(names)
            values[place] = wrong
            with pytest.raises(struct.error):
                call(file, 0, *values)
    for offset in (192, 191, 2**62):
        with pytest.raises(struct.error):
            call(file, offset, *[1] * len(names))

    end = RECORD.fields["end"][1]
    assert bytes(file)[64:] == BEFORE[64:]
    assert bytes(file)[end:64] in (BEFORE[end:64], bytes(8)), "a record with an end counts as whole"
