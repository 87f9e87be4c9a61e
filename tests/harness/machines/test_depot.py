"""Who may join a load, and what becomes of what is shipped while connections break and disks fill."""

import errno
import os
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq

from harness.errors import PlanError, StackError
from harness.journal import Journal
from harness.machines import depot, files, key, wire
from harness.machines.clocks import Clock
from harness.machines.depot import Depot
from harness.machines.files import Files, fetch
from harness.machines.key import JoinKey
from harness.machines.landing import Landing
from harness.machines.line import Line
from harness.machines.members import Machine
from harness.machines.shipping import Journalling
from harness.machines.wire import Message
from harness.run import Run
from tests.harness.machines.test_shipping import HEADER, RUN
from tests.support.several_machines import two_ports

KEY, OTHER = JoinKey("ab" * 32), JoinKey("cd" * 32)
ME: dict[str, Any] = {
    "protocol": 1,
    "version": "1",
    "code": "c0de",
    "locust": "2.47.0",
    "abi": "3.11",
    "packages": {"numpy": "2.3.0"},
}


class Scene:
    """A depot for three load processes, and lines to it."""

    def __init__(self) -> None:
        self.port = two_ports()
        self.depot = Depot("127.0.0.1", self.port, KEY, 3, ME)
        self.lines: list[Line] = []

    def line(self, name: str, own: JoinKey = KEY) -> Line:
        self.lines.append(Line("127.0.0.1", self.port, own, name))
        return self.lines[-1]

    def join(self, name: str, processes: int = 1, **other: Any) -> tuple[Line, Message]:
        line = self.line(name)
        line.say(Message(wire.HELLO, {**ME, "host": name, "processes": processes, **other}))
        return line, answer(line)

    def machine(self) -> Machine:
        return self.depot.machines[0]

    def end(self) -> None:
        self.depot.close()
        for line in self.lines:
            line.__exit__(None, None, None)


@pytest.fixture
def scene() -> Iterator[Scene]:
    found = Scene()
    yield found
    found.end()


def answer(line: Line) -> Message:
    """The next message, which must come."""
    return eventually_heard(line)[0]


def eventually_heard(line: Line) -> list[Message]:
    """What comes next, after at least one message."""
    found: list[Message] = []
    eventually(lambda: found.extend(line.hear(50)) or found)
    return found


def heard(line: Line) -> Line:
    """The line, after it has heard what there is."""
    list(line.hear(50))
    return line


def eventually(what: Callable[[], Any]) -> None:
    until = time.monotonic() + 30
    while not what():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_machines_join_until_all_load_processes_are_there(scene: Scene) -> None:
    _, first = scene.join("one", 2)
    _, second = scene.join("two", 1)
    _, third = scene.join("three", 1)

    assert (first.kind, first.data) == (wire.WELCOME, {"machine": 1})
    assert (second.kind, second.data) == (wire.WELCOME, {"machine": 2})
    assert [one.processes for one in scene.depot.machines] == [2, 1]
    assert third == Message(
        wire.REFUSED, {"why": "it has 1 load processes, and 0 of 3 are wanted: see PROCESSES and WORKERS"}
    )


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"protocol": 0}, "it has protocol 0, and the master 1: expected the same on all machines"),
        ({"version": "0.9"}, "it has Proofload 0.9, and the master 1: expected the same on all machines"),
        ({"code": "beef"}, "it has code beef, and the master c0de: expected the same on all machines"),
        ({"locust": "2.40.0"}, "it has Locust 2.40.0, and the master 2.47.0: expected the same on all machines"),
        ({"abi": "3.12"}, "it has Python 3.12, and the master 3.11: expected the same on all machines"),
        (
            {"packages": {"numpy": "1.26.0"}},
            "it has numpy 1.26.0, and the master 2.3.0: expected the same on all machines",
        ),
        ({"packages": {}}, "it has numpy None, and the master 2.3.0: expected the same on all machines"),
        ({"processes": 4}, "it has 4 load processes, and 3 of 3 are wanted: see PROCESSES and WORKERS"),
        ({"processes": 0}, "it has 0 load processes, and 3 of 3 are wanted: see PROCESSES and WORKERS"),
    ],
)
def test_what_is_other_than_the_master_is_refused_in_one_sentence(
    scene: Scene, other: dict[str, Any], why: str
) -> None:
    assert scene.join("odd", **other)[1] == Message(wire.REFUSED, {"why": why})
    assert scene.depot.machines == []


def test_who_comes_late_is_refused(scene: Scene) -> None:
    assert not scene.depot.close_the_door()  # not all are there
    scene.join("one", 3)
    assert scene.depot.close_the_door()

    assert scene.join("late")[1].data["why"] == "the load has begun: expected all machines to join before it"


def test_who_has_another_key_is_not_heard_and_told(scene: Scene) -> None:
    line = scene.line("stranger", OTHER)
    line.say(Message(wire.HELLO, {**ME, "host": "stranger", "processes": 1}))

    with pytest.raises(StackError, match="does not know our key, or is no master of Proofload"):
        eventually(lambda: not heard(line))
    assert scene.depot.machines == []


def test_who_has_no_key_is_not_heard(scene: Scene) -> None:
    with zmq.Context() as context, context.socket(zmq.DEALER) as plain:
        plain.linger = 0
        plain.connect(f"tcp://127.0.0.1:{scene.port}")
        plain.send_multipart(wire.frames(Message(wire.HELLO, {**ME, "host": "plain", "processes": 1})))
        _, welcome = scene.join("friend")

        assert welcome.kind == wire.WELCOME
        assert not plain.poll(200)
    assert [one.name for one in scene.depot.machines] == ["friend"]


def test_the_clock_is_asked_for_and_the_distance_is_within_its_doubt(scene: Scene) -> None:
    line, _ = scene.join("one")
    for _ in range(wire.ROUND_TRIPS):
        line.ask()
    eventually(lambda: len(heard(line).trips) == wire.ROUND_TRIPS)
    found = Clock(tuple(line.trips))
    at = np.array([line.trips[0].at])

    # It is one clock here.
    assert abs(int(found.shift(at)[0])) <= int(found.doubt(at)[0])


@pytest.mark.parametrize("received", [[b"hello"], [b"hello", b"no json", b""], [b"hello", b"[]", b""]])
def test_what_is_no_message_is_refused(scene: Scene, received: list[bytes]) -> None:
    line = scene.line("odd")
    line._socket.send_multipart(received)

    assert answer(line).kind == wire.REFUSED


def shipped(scene: Scene, folder: Path) -> tuple[Line, Journalling, Path]:
    """A machine that has joined and ships a journal into `folder`."""
    line, _ = scene.join("one", 2)
    there, here = folder / "there", folder / "here"
    there.mkdir()
    here.mkdir()
    scene.machine().landing = Landing(here, RUN, 1, [0, 1])
    book = Journal(there / "journal-1.bin", HEADER)
    book.begin(0, 10, 20, 0, 0, 7, None, 0)
    book.close()
    return line, Journalling(book.path), here


def test_what_is_shipped_is_kept_and_acknowledged(scene: Scene, tmp_path: Path) -> None:
    line, journal, here = shipped(scene, tmp_path)
    for message in journal.look():
        line.ship(message)
    eventually(lambda: not heard(line).under_way)

    assert (here / "journal-1.bin").stat().st_size == journal.path.stat().st_size
    assert line.free


def test_a_full_disk_ends_the_load_and_is_named(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line, journal, _ = shipped(scene, tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Landing, "take", full)
    for message in journal.look():
        line.ship(message)
    eventually(lambda: heard(line) and scene.depot.failed)

    assert scene.depot.lost(60) == (
        "what machines ship can't be kept: No space left on device: expected room in the run folder"
    )


def test_a_machine_that_is_not_heard_of_is_waited_for_and_then_lost(scene: Scene) -> None:
    scene.join("one")

    assert scene.depot.lost(60) == ""
    eventually(lambda: scene.depot.lost(0.5))
    assert scene.depot.lost(0.5).startswith("one (machine 1) was not heard of for ")


def test_a_load_process_that_ended_is_named(scene: Scene) -> None:
    line, _ = scene.join("one", 2)
    line.say(Message(wire.EXITED, {"share": 1, "code": -9, "tail": ""}))
    eventually(lambda: scene.depot.lost(60))

    assert scene.depot.lost(60) == "load process 1 on one ended"


def test_a_machine_that_leaves_before_the_load_makes_room_for_another(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(depot, "GONE_S", 0.2)
    scene.join("one", 3)[0].__exit__(None, None, None)
    scene.lines.clear()
    eventually(lambda: scene.depot.joined() == 0)

    assert scene.join("other", 3)[1].data == {"machine": 2}


def test_one_that_has_given_all_may_leave_while_another_is_silent(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A starved machine says nothing for seconds, and all of it is still to come."""
    monkeypatch.setattr(depot, "GONE_S", 0.2)
    done, _ = scene.join("done")
    scene.join("starved")
    first, starved = scene.depot.machines
    scene.depot._full = first.ended = True
    done.__exit__(None, None, None)
    scene.lines.remove(done)
    eventually(lambda: first.parted)
    eventually(lambda: starved.silent > 0.5)

    assert not starved.left
    scene.lines.pop().__exit__(None, None, None)
    starved.heard = time.monotonic()
    eventually(lambda: starved.left)


def test_a_depot_that_can_not_go_on_ends_the_load(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(scene.depot, "_hear", broken)
    scene.line("one").ask()
    eventually(lambda: scene.depot.failed)

    assert scene.depot.lost(60) == "the depot ended: RuntimeError: a defect"


def test_what_comes_after_the_collection_changes_nothing(scene: Scene, tmp_path: Path) -> None:
    line, journal, here = shipped(scene, tmp_path)
    scene.depot.collect(0, 60)
    for message in journal.look():
        line.ship(message)
    line.ship(Message(wire.MANIFEST, {"files": {}}))
    said = answer(line)

    assert (said.kind, said.data["whole"]) == (wire.BYE, False)
    assert not line.under_way
    assert list(here.iterdir()) == []


def test_what_is_whole_is_not_written_again(scene: Scene, tmp_path: Path) -> None:
    line, journal, here = shipped(scene, tmp_path)
    late = list(journal.look())
    for message in late:
        line.ship(message)
    content = journal.path.read_bytes()
    line.ship(Message(wire.MANIFEST, {"files": {journal.path.name: (len(content), sha256(content).hexdigest())}}))
    assert answer(line).data["whole"]
    line.ship(late[0])
    eventually(lambda: not heard(line).under_way)

    assert (here / journal.path.name).read_bytes() == content


def test_what_was_said_and_lost_is_said_again(scene: Scene, tmp_path: Path) -> None:
    """With the answer for the clock: to begin, to end, and that all is over."""
    line, _, _ = shipped(scene, tmp_path)

    def orders() -> list[str]:
        line.ask()
        return [message.kind for message in line.hear(200)]

    assert wire.START not in orders()
    scene.depot._started = True
    eventually(lambda: wire.START in orders())
    scene.depot._stopped = True
    eventually(lambda: wire.STOP in orders())
    scene.machine().ended = True
    eventually(lambda: wire.BYE in orders())


def test_what_was_asked_is_asked_again_over_the_next_connection(scene: Scene, tmp_path: Path) -> None:
    line, _ = scene.join("one", 2)
    scene.depot.close()
    assert answer(line).kind == wire.BYE
    line.ship(Message(wire.MANIFEST, {"files": {}}))
    scene.depot = Depot("127.0.0.1", scene.port, KEY, 3, ME)
    scene.depot.machines.append(Machine(1, "one", {}, 2, line._socket.identity, time.monotonic()))
    scene.machine().landing = Landing(tmp_path, RUN, 1, [0, 1])

    assert answer(line).kind == wire.BYE
    assert not line.under_way


def test_the_steps_of_a_search_come_at_once_and_again_if_they_were_lost(scene: Scene, tmp_path: Path) -> None:
    line, _ = scene.join("one")
    scene.depot.give(Run(tmp_path, {"run": RUN}), {}, b"")
    assert answer(line).kind == wire.BUNDLE
    (tmp_path / "search.json").write_text("[1]")
    first = answer(line)
    line.ask()
    again = next(one for one in eventually_heard(line) if one.kind == wire.STEPS)
    line.steps = first.data["steps"]
    line.ask()

    assert wire.STEPS not in [one.kind for one in line.hear(200)]
    assert (first.kind, first.payload) == (wire.STEPS, b"[1]")
    assert again == first


def test_a_feed_comes_piece_by_piece_and_only_as_it_was(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "CHUNK_BYTES", 10)
    rows = tmp_path / "rows.csv"
    rows.write_text("name\n" + "Ada\n" * 20)
    line, _ = scene.join("one")
    scene.depot.give(Run(tmp_path, {"run": RUN}), {}, b"", Files({"rows": rows}))
    assert answer(line).kind == wire.BUNDLE

    def ask(name: str, offset: int) -> Message:
        line.say(Message(wire.WANT, {"file": name, "offset": offset}))
        return answer(line)

    fetch(tmp_path / "here.csv", "rows", sha256(rows.read_bytes()).hexdigest(), ask)
    assert (tmp_path / "here.csv").read_text() == rows.read_text()
    assert (tmp_path / "here.csv").stat().st_mode & 0o777 == 0o600
    with pytest.raises(PlanError, match="rows: it was changed at the master since the plan was read"):
        fetch(tmp_path / "other.csv", "rows", "0", ask)
    assert ask("run.json", 0).kind == wire.REFUSED


def test_an_agent_knows_that_the_master_is_gone_and_not_only_silent(scene: Scene) -> None:
    line, _ = scene.join("one")
    list(line.hear(50))
    assert line.gone() == 0
    scene.depot.close()
    eventually(lambda: heard(line).gone() > 0)
    scene.depot = Depot("127.0.0.1", scene.port, KEY, 3, ME)
    eventually(lambda: heard(line).gone() == 0)


def test_each_machine_is_given_its_own_numbers(scene: Scene, tmp_path: Path) -> None:
    one, _ = scene.join("one", 2)
    two, _ = scene.join("two", 1)
    run = Run(tmp_path, {"run": RUN})
    scene.depot.give(run, {"url": "http://127.0.0.1:1"}, b"tokens")

    assert answer(one) == Message(
        wire.BUNDLE, {"url": "http://127.0.0.1:1", "machine": 1, "shares": [0, 1], "count": 3}, b"tokens"
    )
    assert answer(two).data["shares"] == [2]


@pytest.mark.parametrize(
    ("text", "file", "why"),
    [
        ("short", None, "PERF_JOIN_KEY: 5 characters that are no key: expected 64 hexadecimal digits"),
        ("", "", "PERF_JOIN_KEY_FILE=.*: 0 characters that are no key"),
        ("ab" * 32, "cd" * 32, "PERF_JOIN_KEY with PERF_JOIN_KEY_FILE: expected one of them"),
    ],
)
def test_a_key_that_is_none_is_refused_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, file: str | None, why: str
) -> None:
    monkeypatch.setenv(key.VARIABLE, text)
    if file is not None:
        (tmp_path / "key").write_text(file)
        monkeypatch.setenv(key.FILE_VARIABLE, str(tmp_path / "key"))

    with pytest.raises(PlanError, match=why) as told:
        key.given()
    assert not text or text not in str(told.value)


def test_a_key_comes_from_the_environment_and_is_taken_out_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(key.VARIABLE, "AB" * 32)
    assert key.given() == KEY
    assert key.VARIABLE not in os.environ
    assert key.given() is None
    (tmp_path / "key").write_text("ab" * 32 + "\n")
    monkeypatch.setenv(key.FILE_VARIABLE, str(tmp_path / "key"))
    assert key.given() == KEY
    assert "ab" not in repr(KEY)
    monkeypatch.setenv(key.FILE_VARIABLE, str(tmp_path / "none"))
    with pytest.raises(PlanError, match="No such file or directory"):
        key.given()
