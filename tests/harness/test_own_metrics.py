"""What users record is read back as it was recorded, on the plan's clock; what is no value of a metric is refused."""

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import own_metrics
from harness.errors import JournalError
from harness.journal import Journal
from harness.journaled import read_all
from harness.load import metric as of_anyone
from harness.own_metrics import MOST_NAMES, Recorded, Recorder

HEADER = {"run": "r", "system": "messages", "scenario": "s", "kinds": ["process"]}


def journaled(folder: Path, worker: int = 0, **header: Any) -> Path:
    """The closed journal of a load process, without operations."""
    path = folder / f"journal-{worker}.bin"
    Journal(path, {**HEADER, "worker": worker, **header}).close()
    return path


def read(folder: Path) -> tuple[Recorded, ...]:
    return own_metrics.read_all(read_all(folder))


def test_each_kind_is_read_back_with_the_seconds_of_the_plan(tmp_path: Path) -> None:
    recorder = Recorder(journaled(tmp_path, began=1_000_000_000))
    recorder.record(3_500_000_000, "size", 17)
    recorder.record(2_000_000_000, "size", np.float64(-0.5))
    recorder.record(500_000_000, "hit", True)
    recorder.record(2_000_000_000, "hit", False)
    recorder.record(2_000_000_000, "sent", count=3)
    recorder.record(2_000_000_000, "sent", count=0)
    recorder.close()

    found = {one.name: (one.kind, one.values.tolist(), one.moments.tolist()) for one in read(tmp_path)}

    assert found == {
        "size": ("trend", [-0.5, 17.0], [1.0, 2.5]),
        "hit": ("rate", [1.0, 0.0], [-0.5, 1.0]),
        "sent": ("counter", [3.0, 0.0], [1.0, 1.0]),
    }


def test_processes_are_put_together_by_name_on_the_masters_clock(tmp_path: Path) -> None:
    first = Recorder(journaled(tmp_path, 0, began=1_000_000_000))
    second = Recorder(journaled(tmp_path, 1, began=9_000_000_000, shift=-8_000_000_000))
    second.record(10_000_000_000, "other", 1)
    second.record(10_000_000_000, "size", 2)
    first.record(3_000_000_000, "size", 1)

    other, size = read(tmp_path)

    assert (other.name, other.workers.tolist()) == ("other", [1])
    assert (size.values.tolist(), size.moments.tolist(), size.workers.tolist()) == ([2, 1], [1, 2], [1, 0])


@pytest.mark.parametrize("name", ["", "9x", "a b", "größe", "a{b}", "a" * 65, "x\n", None, 7])
def test_a_malformed_name_is_refused(tmp_path: Path, name: Any) -> None:
    with pytest.raises(ValueError, match=r"expected a letter, then up to 63 letters, digits and _ \. -"):
        Recorder(tmp_path / "journal-0.bin").record(1, name, 1)
    with pytest.raises(ValueError, match="expected a letter"):
        of_anyone.metric(name, 1)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, r"expected a value, or count=…"),
        ({"value": 1, "count": 1}, r"expected a value, or count=…"),
        ({"value": "17"}, "'17': expected a number, or True or False"),
        ({"value": float("nan")}, "nan: expected a number"),
        ({"value": float("inf")}, "inf: expected a number"),
        ({"value": Decimal(1)}, ".*expected a number"),
        ({"count": -1}, "count=-1: expected a whole number, 0 or more"),
        ({"count": 1.5}, "count=1.5: expected a whole number"),
        ({"count": True}, "count=True: expected a whole number"),
    ],
)
def test_what_is_no_value_is_refused_and_leaves_no_file(tmp_path: Path, given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"metric 'x': {said}"):
        Recorder(tmp_path / "journal-0.bin").record(1, "x", **given)
    assert not list(tmp_path.iterdir())


def test_a_name_has_one_kind(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "journal-0.bin")
    recorder.record(1, "x", 1)

    with pytest.raises(ValueError, match="metric 'x': it is a trend, and can't be a counter too"):
        recorder.record(1, "x", count=1)


def test_names_are_bounded(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "journal-0.bin")
    for number in range(MOST_NAMES):
        recorder.record(1, f"user-{number}".replace("-", "_"), 1)

    with pytest.raises(ValueError, match="there are 1,000 already: expected no value in a name"):
        recorder.record(1, "one_more", 1)


def test_what_was_recorded_is_there_though_the_process_is_killed(tmp_path: Path) -> None:
    Recorder(journaled(tmp_path, began=0)).record(1_000_000_000, "x", 5)  # never closed
    with (tmp_path / "metrics-0.jsonl").open("a") as names, (tmp_path / "metrics-0.bin").open("ab") as values:
        names.write('{"name": "to')
        values.write(b"torn")

    assert [(one.name, one.values.tolist()) for one in read(tmp_path)] == [("x", [5.0])]


def test_what_comes_after_the_load_is_no_part_of_it(tmp_path: Path) -> None:
    recorder = Recorder(journaled(tmp_path, began=0))
    recorder.record(1, "x", 5)
    recorder.close()
    recorder.record(2, "x", 6)
    recorder.record(2, "y", 7)

    assert [(one.name, one.values.tolist()) for one in read(tmp_path)] == [("x", [5.0])]


def test_a_load_that_never_began_has_no_metrics(tmp_path: Path) -> None:
    Recorder(journaled(tmp_path)).record(1, "x", 5)

    assert read(tmp_path) == ()


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(tmp_path / "journal-0.bin")
    recorder.record(1, "x", 1)
    monkeypatch.setattr(os, "write", lambda *_: 0)

    with pytest.raises(
        JournalError, match=r"metrics-0\.bin: can't record a metric: No space left on device; free some"
    ):
        recorder.record(1, "x", 1)


@pytest.mark.parametrize("taken", ["metrics-0.bin", "metrics-0.jsonl"])
def test_a_file_that_can_not_be_made_is_said(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).mkdir()

    with pytest.raises(JournalError, match=r"metrics-0\.jsonl: .*: expected to write a new file there"):
        Recorder(tmp_path / "journal-0.bin").record(1, "x", 1)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metrics-0.jsonl", b""),
        ("metrics-0.jsonl", b"{\n"),
        ("metrics-0.jsonl", b"[]\n"),
        ("metrics-0.jsonl", b'{"name": "x", "kind": "mean"}\n'),
        ("metrics-0.bin", own_metrics.RECORD.itemsize * b"\xff"),
    ],
)
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    Recorder(journaled(tmp_path, began=0)).record(1, "x", 5)
    (tmp_path / name).write_bytes(content)

    with pytest.raises(JournalError, match=r"metrics-0\..*damaged\. Run the load again"):
        read(tmp_path)


def test_whoever_is_no_user_of_ours_records_into_the_load_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_anyone, "_recorders", [])
    of_anyone.metric("x", 4)  # under plain Locust: nothing
    of_anyone.record_in(Recorder(journaled(tmp_path, began=0)))
    of_anyone.metric("x", 5)
    of_anyone.metric("hit", True)
    of_anyone.metric("sent", count=2)

    assert [(one.name, one.kind, one.values.tolist()) for one in read(tmp_path)] == [
        ("hit", "rate", [1.0]),
        ("sent", "counter", [2.0]),
        ("x", "trend", [5.0]),
    ]
