"""The journal keeps every intent and every outcome that was recorded, whatever becomes of its process."""

import os
import resource
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness import journal, journaled
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

    back = journaled.read(tmp_path / "journal-3.bin")

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


def test_a_journal_grows_while_somebody_looks_at_its_records(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal-3.bin", HEADER, grow=2) as book:
        first = begin(book)
        looked_at = book.records(0)
        others = [begin(book) for _ in range(6)]
        for number in (first, *others):
            book.end(number, Outcome.ACK, 200, Failure.NONE, 0, 9_000 + number)
        assert looked_at["end"].tolist() == [9_000 + first]
        del looked_at

    assert journaled.read(tmp_path / "journal-3.bin").records["end"].tolist() == [9_000 + n for n in (first, *others)]


def test_what_cannot_be_recorded_has_ended_all_the_same_and_stays_open(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal-3.bin", HEADER) as book:
        number = begin(book)
        with pytest.raises(struct.error):
            book.end(number, Outcome.ACK, 200, Failure.NONE, 2**70, 2_000)
        assert (book.count, book.ended) == (1, 1)

    assert journaled.read(tmp_path / "journal-3.bin").records["end"].tolist() == [0]


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

    back = journaled.read(tmp_path / "journal-3.bin")

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

    assert len(journaled.read(tmp_path / "journal-3.bin").records) == 4


def test_refused_items_survive_the_kill_of_the_process(tmp_path: Path) -> None:
    script = (
        "import os, signal\nfrom pathlib import Path\nfrom harness.journal import Journal\n"
        "from harness.outcomes import Failure, Outcome\n"
        f"book = Journal(Path({str(tmp_path / 'journal-3.bin')!r}), {HEADER!r})\n"
        "for n in range(3):\n"
        "    number = book.begin(0, n + 1, n + 1, 1, 0, n, None, 0)\n"
        "    book.refuse(number, range(n))\n"
        "    book.end(number, Outcome.ACK, 201, Failure.NONE, n, n + 2)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script])

    back = journaled.read(tmp_path / "journal-3.bin")

    assert back.records["flags"].tolist() == [0, journal.PARTLY, journal.PARTLY]
    assert back.records["outcome"].tolist() == [Outcome.ACK] * 3
    second, third = ids.operation(3, 1), ids.operation(3, 2)
    assert back.refused.tolist() == [(second, 0, 1), (third, 0, 2), (third, 1, 2)]


def test_without_refused_items_there_is_no_file_of_them(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal-3.bin", HEADER) as book:
        book.refuse(begin(book), [])

    assert [path.name for path in tmp_path.iterdir()] == ["journal-3.bin"]
    assert len(journaled.read(tmp_path / "journal-3.bin").refused) == 0


def test_a_full_disk_stops_the_load_at_refused_items_too(tmp_path: Path) -> None:
    book = Journal(tmp_path / "journal-3.bin", HEADER, grow=4)
    number = begin(book)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, before[1]))
    try:
        with pytest.raises(JournalError, match="can't record refused items"):
            book.refuse(number, [1, 2])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    book.close()

    # It is as if none had been refused, and the operation never ended.
    assert journaled.read(tmp_path / "journal-3.bin").records["flags"].tolist() == [0]


def test_a_journal_is_never_written_over(tmp_path: Path) -> None:
    Journal(tmp_path / "journal-3.bin", HEADER).close()

    with pytest.raises(JournalError, match="File exists"):
        Journal(tmp_path / "journal-3.bin", HEADER)


def test_a_file_that_is_no_journal_of_this_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal-0.bin"
    path.write_bytes(b"PROOFLOAD JOURNAL 0\n" + bytes(5000))

    with pytest.raises(JournalError, match="begins with 'PROOFLOAD JOURNAL 0', expected 'PROOFLOAD JOURNAL 2'"):
        journaled.read(path)


@pytest.mark.parametrize("size", [30, HEADER_BYTES, HEADER_BYTES + 64])
def test_a_cut_journal_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "journal-3.bin"
    with Journal(path, HEADER) as book:
        begin(book)
        begin(book)
    os.truncate(path, size)

    with pytest.raises(JournalError, match="cut"):
        journaled.read(path)


@pytest.mark.parametrize("shift", [0, 1_000_000_000_000, -300])
def test_times_are_given_on_the_masters_clock(tmp_path: Path, shift: int) -> None:
    header = {**HEADER, "began": 900, "mono_ns": 800, "shift": shift, "doubt": 70}
    with Journal(tmp_path / "journal-3.bin", header) as book:
        book.end(begin(book), Outcome.ACK, 201, Failure.NONE, 99, 2_000)
        begin(book)

    (raw, (there,)) = journaled.read(tmp_path / "journal-3.bin"), journaled.read_all(tmp_path)

    times = ["sched", "start", "end"]
    assert raw.records[times].tolist() == [(1_000, 1_500, 2_000), (1_000, 1_500, 0)]
    # An open operation stays open.
    assert there.records[times].tolist() == [
        (1_000 + shift, 1_500 + shift, 2_000 + shift),
        (1_000 + shift, 1_500 + shift, 0),
    ]
    assert (there.header["began"], there.header["mono_ns"]) == (900 + shift, 800 + shift)
    assert (there.shift, there.doubt) == (shift, 70)
    others = [name for name in journal.RECORD.names or () if name not in times]
    assert (there.records[others] == raw.records[others]).all()


@pytest.mark.parametrize("size", [1, 2, 5, 6, 100])
def test_a_journal_is_the_same_read_piece_by_piece(tmp_path: Path, size: int) -> None:
    with Journal(tmp_path / "journal-3.bin", {**HEADER, "shift": 7, "doubt": 70, "began": 900, "mono_ns": 800}) as book:
        for count in range(5):
            book.end(begin(book), Outcome.ACK, 201, Failure.NONE, count, 2_000 + count)
    ((whole,), (apart,)) = journaled.read_all(tmp_path), journaled.read_all(tmp_path, reading=None)
    pieces = list(journaled.pieces(apart, size))

    assert apart.header == whole.header
    assert [len(piece.records) for piece in pieces] == [size] * (5 // size) + [5 % size] * (5 % size > 0)
    assert np.concatenate([piece.records for piece in pieces]).tolist() == whole.records.tolist()
    assert np.concatenate([piece.numbers for piece in pieces]).tolist() == whole.numbers.tolist()


def put(folder: Path, worker: int, count: int = 6) -> Path:
    """The journal of a load process that was killed after `count` operations, with steps of four."""
    book = Journal(folder / f"journal-{worker}.bin", {**HEADER, "worker": worker}, grow=4)
    for _ in range(count):
        begin(book)
    return book.path


def close(folder: Path, worker: int, count: int = 6) -> Path:
    """The journal of a load process that ended in order."""
    with Journal(folder / f"journal-{worker}.bin", {**HEADER, "worker": worker}, grow=4) as book:
        for _ in range(count):
            begin(book)
    return book.path


def test_a_process_without_a_journal_is_missed(tmp_path: Path) -> None:
    close(tmp_path, 1)

    found = journaled.read_all(tmp_path, 3)

    assert [each.worker for each in found] == [1]
    assert [(one.worker, one.held) for one in found.lost] == [(0, 0), (2, 0)]
    assert str(found.lost[0]) == "the journal of load process 0 is missing"
    assert found.expected == 3


def test_a_journal_of_a_killed_process_is_whole(tmp_path: Path) -> None:
    for worker, count in enumerate((0, 3, 4, 6, 8)):
        put(tmp_path, worker, count)

    found = journaled.read_all(tmp_path, 5)

    assert found.lost == ()
    assert [len(each.records) for each in found] == [0, 3, 4, 6, 8]


CUTS = {
    "of a closed one": (close, HEADER_BYTES + 4 * 64, 4, "was cut: it was closed with 6 operations and holds 4"),
    "within a record": (close, HEADER_BYTES + 4 * 64 + 20, 4, "was cut: it was closed with 6 operations and holds 4"),
    "of a killed one": (put, HEADER_BYTES + 5 * 64, 5, "was cut: it holds 5 operations and ends within a step of 4"),
    "behind what it holds": (put, HEADER_BYTES + 7 * 64, 6, "was cut: it holds 6 operations and ends within"),
    "behind the header": (put, HEADER_BYTES, 0, "was cut: it holds 0 operations"),
    "of a closed one to its header": (close, HEADER_BYTES, 0, "was cut: it was closed with 6"),
    "within the header": (put, 60, 0, "was cut: its header can't be read"),
    "within its first line": (put, 7, 0, "was cut: its header can't be read"),
    "to nothing": (put, 0, 0, "was cut: its header can't be read"),
}


@pytest.mark.parametrize(("make", "size", "held", "why"), CUTS.values(), ids=list(CUTS))
def test_a_cut_journal_is_told_from_a_whole_one(
    tmp_path: Path, make: Callable[[Path, int], Path], size: int, held: int, why: str
) -> None:
    close(tmp_path, 0)
    os.truncate(make(tmp_path, 1), size)

    found = journaled.read_all(tmp_path)
    apart = journaled.read_all(tmp_path, reading=None)

    assert (apart.lost, [len(each.records) for each in apart]) == (found.lost, [0] * len(found))
    assert [(one.worker, one.held) for one in found.lost] == [(1, held)]
    assert str(found.lost[0]).startswith(f"the journal of load process 1 {why}")
    assert sum(len(each.records) for each in found) == 6 + held
    assert found.expected == 2
    with pytest.raises(JournalError, match="cut"):
        journaled.read(tmp_path / "journal-1.bin")


def test_a_header_that_was_never_written_is_cut(tmp_path: Path) -> None:
    close(tmp_path, 0)
    (tmp_path / "journal-1.bin").write_bytes(bytes(HEADER_BYTES + 4 * 64))

    assert [(one.worker, one.held) for one in journaled.read_all(tmp_path, 2).lost] == [(1, 0)]


def test_journals_of_which_none_can_be_read_are_refused(tmp_path: Path) -> None:
    os.truncate(put(tmp_path, 0), 100)

    with pytest.raises(JournalError, match="no journal in it can be read: the journal of load process 0 was cut"):
        journaled.read_all(tmp_path, 2)


def test_a_cut_journal_whose_name_tells_no_process_is_refused(tmp_path: Path) -> None:
    close(tmp_path, 0)
    os.truncate(put(tmp_path, 1).rename(tmp_path / "journal-a.bin"), 100)

    with pytest.raises(JournalError, match=r"expected the name journal-<number"):
        journaled.read_all(tmp_path, 2)


def test_a_folder_without_a_journal_or_with_two_of_one_worker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"no journal-\*\.bin"):
        journaled.read_all(tmp_path)

    for name in ("journal-3.bin", "journal-4.bin"):
        Journal(tmp_path / name, HEADER).close()
    with pytest.raises(JournalError, match="each worker once"):
        journaled.read_all(tmp_path)


LONG = "a name of more than thirty characters, which others begin with, too: " * 100
NAMED = {"run": "20260101T000000abc", "kinds": []}


def named(folder: Path, worker: int, *names: tuple[str, str]) -> None:
    with Journal(folder / f"journal-{worker}.bin", {**NAMED, "worker": worker}) as book:
        for name in names:
            begin(book, book.name(name))


def test_kinds_that_are_named_on_the_way_may_be_as_long_and_as_many_as_they_are(tmp_path: Path) -> None:
    names = [("GET", f"{LONG}{place}") for place in range(300)]

    named(tmp_path, 0, *names)

    (back,) = journaled.read_all(tmp_path)
    assert back.header["kinds"] == [name for _, name in names]
    assert back.records["kind"].tolist() == list(range(300))


def test_a_kind_is_a_method_and_a_name_and_the_same_in_every_process(tmp_path: Path) -> None:
    named(tmp_path, 0, ("GET", "item"), ("GET", "list"))
    named(tmp_path, 1, ("POST", "item"), ("GET", "list"), ("GET", "item"))
    named(tmp_path, 2)

    found = journaled.read_all(tmp_path)

    kinds = ["GET item", "list", "POST item"]
    assert [one.header["kinds"] for one in found] == [kinds] * 3
    assert [[kinds[kind] for kind in one.records["kind"]] for one in found] == [
        ["GET item", "list"],
        ["POST item", "list", "GET item"],
        [],
    ]


def test_a_kind_whose_name_was_torn_off_is_not_taken_for_another(tmp_path: Path) -> None:
    named(tmp_path, 0, ("GET", "item"), ("GET", "list"))
    path = tmp_path / "kinds-0.jsonl"
    path.write_bytes(path.read_bytes()[:-3])

    (back,) = journaled.read_all(tmp_path)

    assert back.header["kinds"] == ["item"]
    assert back.records["kind"].tolist() == [0, 1]
    path.write_text("no JSON\n")
    with pytest.raises(JournalError, match="expected a kind a line"):
        journaled.read(tmp_path / "journal-0.bin")


def test_without_room_for_a_kind_its_operation_is_not_begun(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal-0.bin", {**NAMED, "worker": 0}) as book:
        (tmp_path / "kinds-0.jsonl").mkdir()
        with pytest.raises(JournalError, match=r"kinds-0.jsonl: can't record a kind: Is a directory"):
            book.name(("GET", "item"))
