"""The journal keeps every intent and every outcome that was recorded, whatever becomes of its process."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness import journal
from harness.errors import JournalError
from harness.journal import HEADER_BYTES, Journal
from harness.outcomes import Failure, Outcome
from systems import ids

HEADER = {"run": "20260101T000000abc", "worker": 3, "kinds": ["process", "repeat"]}


def begin(book: Journal, kind: int = 0, key_of: int | None = None) -> int:
    return book.begin(kind, 1_000, 1_500, 7, 12, 42, key_of, 0)


def test_what_is_recorded_is_read_back(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal-3.bin", HEADER, grow=2) as book:
        first = begin(book)
        second = begin(book, 1, key_of=first)
        third = begin(book)
        book.end(first, Outcome.ACK, 201, Failure.NONE, 99, 2_000)
        book.end(second, Outcome.UNKNOWN, 0, Failure.RESET, 0, 3_000)

    back = journal.read(tmp_path / "journal-3.bin")

    assert back.closed
    assert back.numbers.tolist() == [first, second, third] == [ids.operation(3, n) for n in range(3)]
    names = [
        "kind",
        "sched",
        "start",
        "user",
        "waited",
        "subject",
        "key_of",
        "outcome",
        "status",
        "failure",
        "answer",
        "end",
    ]
    assert back.records[names].tolist() == [
        (0, 1000, 1500, 7, 12, 42, first, Outcome.ACK, 201, 0, 99, 2000),
        (1, 1000, 1500, 7, 12, 42, first, Outcome.UNKNOWN, 0, Failure.RESET, 0, 3000),
        (0, 1000, 1500, 7, 12, 42, third, Outcome.OPEN, 0, 0, 0, 0),
    ]


def test_what_was_recorded_survives_the_kill_of_its_process(tmp_path: Path) -> None:
    script = (
        "import os, signal\nfrom pathlib import Path\nfrom harness.journal import Journal\n"
        "from harness.outcomes import Failure, Outcome\n"
        f"book = Journal(Path({str(tmp_path / 'journal-3.bin')!r}), {HEADER!r})\n"
        "for n in range(1000):\n"
        "    number = book.begin(0, n + 1, n + 1, 1, 0, n, None, 0)\n"
        "    if n < 990: book.end(number, Outcome.ACK, 201, Failure.NONE, n, n + 2)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script])

    back = journal.read(tmp_path / "journal-3.bin")

    assert done.returncode == -signal.SIGKILL
    assert not back.closed
    assert back.records["subject"].tolist() == list(range(1000))
    assert (back.records["outcome"] == Outcome.ACK).sum() == 990


def test_a_full_disk_stops_the_journal_before_anything_is_sent(tmp_path: Path) -> None:
    book = Journal(tmp_path / "journal-3.bin", HEADER, grow=4)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (HEADER_BYTES + 5 * 64, before[1]))
    try:
        for _ in range(4):
            begin(book)
        with pytest.raises(JournalError, match="nothing is sent"):
            begin(book)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    book.close()

    assert len(journal.read(tmp_path / "journal-3.bin").records) == 4


def test_a_journal_is_never_written_over(tmp_path: Path) -> None:
    Journal(tmp_path / "journal-3.bin", HEADER).close()

    with pytest.raises(JournalError, match="File exists"):
        Journal(tmp_path / "journal-3.bin", HEADER)


def test_a_file_that_is_no_journal_of_this_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal-0.bin"
    path.write_bytes(b"PROOFLOAD JOURNAL 0\n" + bytes(5000))

    with pytest.raises(JournalError, match="begins with 'PROOFLOAD JOURNAL 0', expected 'PROOFLOAD JOURNAL 1'"):
        journal.read(path)


@pytest.mark.parametrize("size", [30, HEADER_BYTES, HEADER_BYTES + 64])
def test_a_cut_journal_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "journal-3.bin"
    with Journal(path, HEADER) as book:
        begin(book)
        begin(book)
    os.truncate(path, size)

    with pytest.raises(JournalError, match="cut"):
        journal.read(path)


def test_a_folder_without_a_journal_or_with_two_of_one_worker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"no journal-\*\.bin"):
        journal.read_all(tmp_path)

    for name in ("journal-3.bin", "journal-4.bin"):
        Journal(tmp_path / name, HEADER).close()
    with pytest.raises(JournalError, match="each worker once"):
        journal.read_all(tmp_path)
