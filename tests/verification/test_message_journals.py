"""Journals of one or several processes make one ledger; what does not belong to it is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import JournalError
from harness.journal import HEADER_BYTES, RECORD, Journal
from harness.journaled import Journals, read_all
from harness.outcomes import Failure, Outcome
from systems import ids, messages
from tests.support.message_history import RUN, SCENARIO, WALL
from verification.ledger import ledger

HEADER = {"run": RUN, "worker": 0, "kinds": list(messages.MIX), "mono_ns": 50}


def _journal(folder: Path, worker: int = 0, name: str | None = None, **header: Any) -> Journal:
    return Journal(folder / (name or f"journal-{worker}.bin"), {**HEADER, "worker": worker, **header})


def test_a_journal_is_read_as_it_was_written_and_an_open_operation_is_unknown(tmp_path: Path) -> None:
    with _journal(tmp_path) as journal:
        done = journal.begin(0, 5, 10, 1, 0, 17, None, 0)
        journal.end(done, Outcome.ACK, 201, Failure.NONE, 99, 20)
        journal.begin(4, 5, 30, 1, 0, 18, done, 1)
    sent = ledger(RUN, read_all(tmp_path), WALL, SCENARIO)

    assert sent.ops.to_dict("records") == [
        {
            "op": 0,
            "kind": "process",
            "outcome": Outcome.ACK,
            "subject": 17,
            "key_of": 0,
            "answer": 99,
            "sched": 5,
            "start": 10,
            "end": 20,
            "status": 201,
            "doubt": 0,
            "partner": False,
        },
        {
            "op": 1,
            "kind": "race",
            "outcome": Outcome.UNKNOWN,
            "subject": 18,
            "key_of": 0,
            "answer": 0,
            "sched": 5,
            "start": 30,
            "end": 0,
            "status": 0,
            "doubt": 0,
            "partner": True,
        },
    ]
    assert (sent.began, sent.ended, sent.clock) == (50, 50, WALL)


def test_the_attempts_of_one_key_have_one_effect_together(tmp_path: Path) -> None:
    with _journal(tmp_path) as journal:
        for outcome in (Outcome.UNKNOWN, Outcome.REJECT, Outcome.NOT_SENT, Outcome.ACK):
            journal.end(journal.begin(0, 0, 1, 0, 0, 7, None, 0), outcome, 0, Failure.NONE, 0, 2)
        for outcome in (Outcome.REPLAY, Outcome.UNKNOWN):
            journal.end(journal.begin(1, 0, 1, 0, 0, 7, 3, 0), outcome, 0, Failure.NONE, 0, 2)
    keys = ledger(RUN, read_all(tmp_path), WALL, SCENARIO).keys

    assert keys[["key", "lower", "upper", "acks"]].to_numpy().tolist() == [
        [0, 0, 1, 0],
        [1, 0, 0, 0],
        [2, 0, 0, 0],
        [3, 1, 1, 1],
    ]


def test_a_record_that_was_cut_in_the_middle_is_left_out(tmp_path: Path) -> None:
    journal = _journal(tmp_path)
    for _ in range(2):
        journal.end(journal.begin(0, 0, 1, 0, 0, 7, None, 0), Outcome.ACK, 201, Failure.NONE, 1, 2)
    cut = tmp_path / "cut"
    cut.mkdir()
    (cut / "journal-0.bin").write_bytes(journal.path.read_bytes()[: HEADER_BYTES + RECORD.itemsize + 20])
    journal.close()

    assert ledger(RUN, read_all(cut), WALL, SCENARIO).ops["op"].tolist() == [0]


def test_two_journals_that_would_give_equal_numbers_are_refused(tmp_path: Path) -> None:
    _journal(tmp_path, name="journal-a.bin").close()
    _journal(tmp_path, name="journal-b.bin").close()

    with pytest.raises(JournalError, match="expected each worker once"):
        read_all(tmp_path)


@pytest.mark.parametrize("header", [{"run": "20261120T235501ffffff"}, {"kinds": ["other"]}])
def test_journals_of_another_run_or_with_other_kinds_are_refused(tmp_path: Path, header: dict[str, Any]) -> None:
    _journal(tmp_path, **header).close()
    journals = read_all(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    _journal(other, 1).close()

    with pytest.raises(JournalError, match="expected run"):
        ledger(RUN, Journals((*read_all(other), *journals), (), 2), WALL, SCENARIO)


def test_the_journals_of_several_processes_are_one_ledger(tmp_path: Path) -> None:
    for worker in (1, 0):
        with _journal(tmp_path, worker, mono_ns=60 - worker, shift=worker, doubt=5 * worker) as journal:
            journal.begin(0, 0, 1, 0, 0, 7, None, 0)
    sent = ledger(RUN, read_all(tmp_path), WALL, SCENARIO)

    assert sent.ops["op"].tolist() == [0, ids.operation(1, 0)]
    assert sent.ops["start"].tolist() == [1, 2]
    assert sent.ops["doubt"].tolist() == [0, 5]
    assert (sent.earliest.tolist(), sent.latest.tolist()) == ([1, -3], [0, 0])
    assert sent.began == 60
    assert np.array_equal(sent.keys["key"], sent.ops["op"])
