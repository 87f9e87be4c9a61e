"""Writes the two halves of a record of the journal: `journal_record.c`, where that is compiled, does the same."""

import struct
from mmap import mmap
from typing import SupportsIndex

_INTENT = struct.Struct("<qqqqIIHBB")
_OUTCOME = struct.Struct("<BHHqq")
_OUTCOME_OFFSET = 43
_OPEN = 0  # Outcome.OPEN


def write_intent(
    file: mmap,
    offset: int,
    sched: SupportsIndex,
    start: SupportsIndex,
    subject: SupportsIndex,
    key_of: SupportsIndex,
    user: SupportsIndex,
    waited: SupportsIndex,
    kind: SupportsIndex,
    flags: SupportsIndex,
) -> None:
    """The first half of the record at `offset`, whose outcome is OPEN; struct.error if a number has no room there."""
    _INTENT.pack_into(file, offset, sched, start, subject, key_of, user, waited, kind, flags, _OPEN)


def write_outcome(
    file: mmap,
    offset: int,
    outcome: SupportsIndex,
    status: SupportsIndex,
    failure: SupportsIndex,
    answer: SupportsIndex,
    end: SupportsIndex,
) -> None:
    """The second half, of which `end` is written last, for it makes the record closed; struct.error as above."""
    _OUTCOME.pack_into(file, offset + _OUTCOME_OFFSET, outcome, status, failure, answer, end)
