"""What is shipped of a journal while it goes on is what it holds, and never more than that is believed."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.journal import HEADER_BYTES, RECORD, Journal
from harness.journaled import pieces, read_all
from harness.machines import clocks
from harness.machines.landing import Landing
from harness.machines.shipping import Growing, Journalling, inflated, packed, unpacked
from harness.machines.wire import BYTES, Message
from harness.outcomes import Failure, Outcome

RUN = "20261120T235501a1b2c3"
HEADER: dict[str, Any] = {"run": RUN, "worker": 1, "kinds": ["process"], "mono_ns": 5, "machine": 1}


class Scene:
    """A machine's folder, and where its files land."""

    def __init__(self, folder: Path) -> None:
        self.there, self.here = folder / "there", folder / "here"
        self.there.mkdir()
        self.here.mkdir()
        self.book = Journal(self.there / "journal-1.bin", HEADER, grow=4)
        self.shipped = Journalling(self.book.path)
        self.landing = Landing(self.here, RUN, 1, [1])

    def begin(self, count: int = 1) -> list[int]:
        return [self.book.begin(0, 10, 20, 0, 0, 7, None, 0) for _ in range(count)]

    def end(self, *numbers: int) -> None:
        for number in numbers:
            self.book.end(number, Outcome.ACK, 201, Failure.NONE, 9, 30)

    def ship(self) -> list[Message]:
        messages = list(self.shipped.look())
        for message in messages:
            self.landing.take(message)
        return messages

    def manifest(self) -> dict[str, Any]:
        return {
            path.name: (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
            for path in self.there.iterdir()
        }


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_what_goes_on_arrives_as_it_is_and_is_not_whole(scene: Scene) -> None:
    first, second, *_ = scene.begin(6)
    scene.end(second)
    scene.ship()
    scene.end(first)
    scene.begin(3)
    scene.ship()

    (there,) = read_all(scene.there)
    found = read_all(scene.here, 2)
    assert found[0].records.tolist() == there.records.tolist()
    assert [(one.worker, one.held) for one in found.lost] == [(0, 0), (1, 9)]
    assert "did not arrive whole: 9 operations of it are here" in str(found.lost[1])


def test_a_journal_whose_hash_is_right_is_whole(scene: Scene) -> None:
    scene.end(*scene.begin(6))
    scene.ship()
    scene.book.close()
    scene.ship()

    assert scene.landing.complete(scene.manifest()) == []
    assert (scene.here / "journal-1.bin").read_bytes() == (scene.there / "journal-1.bin").read_bytes()
    assert [one.worker for one in read_all(scene.here, 2).lost] == [0]


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(HEADER_BYTES + 2 * RECORD.itemsize)


def altered(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(HEADER_BYTES + 40)
        file.write(b"\xff")


@pytest.mark.parametrize("spoil", [cut, altered, Path.unlink])
def test_what_is_spoilt_here_is_asked_for_again(scene: Scene, spoil: Callable[[Path], None]) -> None:
    scene.end(*scene.begin(6))
    scene.book.close()
    scene.ship()
    spoil(scene.here / "journal-1.bin")

    assert scene.landing.lacking(scene.manifest()) == ["journal-1.bin"]
    scene.shipped = Journalling(scene.book.path)
    scene.ship()
    assert scene.landing.complete(scene.manifest()) == []


def test_without_the_refusals_beside_it_a_journal_is_not_whole(scene: Scene) -> None:
    (number,) = scene.begin()
    scene.book.refuse(number, [3])
    scene.end(number)
    scene.book.close()
    scene.ship()

    assert scene.landing.complete(scene.manifest()) == ["refused-1.bin"]
    assert [one.worker for one in read_all(scene.here).lost] == [1]
    for message in Growing(scene.there / "refused-1.bin").ship():
        scene.landing.take(message)
    assert scene.landing.complete(scene.manifest()) == []
    assert read_all(scene.here).lost == ()


def test_an_empty_file_arrives_too(scene: Scene) -> None:
    """As that of what users of an event store loaded, if they loaded nothing: without it a journal is not whole."""
    (scene.there / "loaded-1.bin").touch()
    growing = Growing(scene.there / "loaded-1.bin")
    for message in growing.ship():
        scene.landing.take(message)

    assert (scene.here / "loaded-1.bin").read_bytes() == b""
    assert list(growing.ship()) == []
    scene.end(*scene.begin(2))
    scene.book.close()
    scene.ship()
    assert scene.landing.complete(scene.manifest()) == []


def test_only_what_changed_is_shipped_and_what_ended_is_looked_at_no_more(scene: Scene) -> None:
    numbers = scene.begin(5)
    scene.end(*numbers[:3])

    def places() -> list[int]:
        return [int(message.data["places"]) for message in scene.ship()]

    assert places() == [0, 5]
    assert places() == []
    assert scene.shipped.low == 3
    scene.end(numbers[4])
    assert places() == [1]
    assert scene.shipped.low == 3


def test_a_look_that_is_shipped_late_ships_what_it_saw(scene: Scene) -> None:
    scene.end(*scene.begin(2))
    late = scene.shipped.look()
    scene.begin(1)
    for message in late:
        scene.landing.take(message)

    (found,) = read_all(scene.here)
    assert len(found.records) == 2


@pytest.mark.parametrize(
    "name",
    [
        *("journal-0.bin", "../journal-1.bin", "run.json", "journal-1.bin.part", "clock-2.jsonl", "seal.json"),
        *("journal-01.bin", "journal-\u0661.bin"),
    ],
)
def test_a_machine_can_write_no_other_files(scene: Scene, name: str) -> None:
    with pytest.raises(ValueError, match="expected a file of load processes"):
        scene.landing.take(Message(BYTES, {"file": name, "offset": 0}, b""))


@pytest.mark.parametrize(("run", "machine"), [(RUN.replace("2026", "2025"), 1), (RUN, 2)])
def test_the_header_of_another_run_or_machine_is_refused(scene: Scene, run: str, machine: int) -> None:
    """A journal that does not say whose clock it has would be taken for one of the master's."""
    scene.landing = Landing(scene.here, run, machine, [1])

    with pytest.raises(ValueError, match="expected the header of a journal of run"):
        scene.ship()


def test_places_with_gaps_and_records_come_back_as_they_were() -> None:
    places = np.array([3, 4, 9, 1_000_000], np.int64)
    records = np.zeros(4, RECORD)
    records["start"] = [1, 2, 3, 4]

    back, found = unpacked(4, packed(places, records))

    assert back.tolist() == places.tolist()
    assert found.tolist() == records.tolist()
    with pytest.raises(ValueError, match="expected"):
        unpacked(3, packed(places, records))


def test_bytes_that_are_none_of_ours_are_refused() -> None:
    with pytest.raises(ValueError, match="incorrect header"):
        inflated(b"plain")


def test_times_of_another_machine_are_moved_by_the_round_trips_beside_its_journal(tmp_path: Path) -> None:
    """By 1,000 s in the beginning, and by 1 ms less each 10 s."""
    second = 10**9
    header = {**HEADER, "machine": 4, "shift": 77, "doubt": 88, "began": 10 * second}
    with Journal(tmp_path / "journal-1.bin", header) as book:
        for start in (10 * second, 20 * second):
            book.end(book.begin(0, start, start, 0, 0, 7, None, 0), Outcome.ACK, 201, Failure.NONE, 9, start + 5)
    trips = [(at - 1000, at + 1000 * second - at // 10_000, at + 1000) for at in range(0, 40 * second, second)]
    (tmp_path / clocks.name(4)).write_text("".join(json.dumps(one) + "\n" for one in trips))

    (found,) = read_all(tmp_path)
    (apart,) = read_all(tmp_path, reading=None)

    assert apart.header == found.header
    assert np.concatenate([one.records for one in pieces(apart, 1)]).tolist() == found.records.tolist()
    expected = [1_010 * second - 10**6, 1_020 * second - 2 * 10**6]
    assert np.abs(found.records["start"] - expected).max() < 1000
    assert (found.records["end"] - found.records["start"]).tolist() == [5, 5]
    assert found.header["began"] == found.records["sched"][0]
    assert 1000 <= found.doubt < 1_000_000
