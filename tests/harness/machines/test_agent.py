"""What an agent does with what comes when it does not expect it, or not at all."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.errors import StackError
from harness.machines import wire
from harness.machines.agent import Agent, told
from harness.machines.clocks import Trip
from harness.machines.crew import Crew
from harness.machines.key import JoinKey
from harness.machines.machine import Sampler
from harness.machines.shipping import Growing
from harness.machines.wire import Message
from harness.settings import Settings


class Heard:
    """A line on which that is heard, in turns; each turn a round trip comes back."""

    def __init__(self, *turns: list[Message]) -> None:
        self._turns, self.said = iter(turns), list[Message]()
        self.trips: list[Trip] = []
        self.silence, self.steps = 0.0, ""

    def hear(self, milliseconds: int) -> Iterator[Message]:
        self.trips.append(Trip(0, 5, 1))
        yield from next(self._turns, [])

    def say(self, message: Message) -> None:
        self.said.append(message)

    def ask(self) -> None: ...

    def gone(self) -> float:
        return 0.0


def agent(line: Any) -> Agent:
    return Agent(Settings(), "10.0.0.1", JoinKey("ab" * 32), line, [])


def test_the_load_may_come_while_the_clock_is_still_asked_for() -> None:
    """Of the last machine that joins: the way to it may be slow."""
    bundle, start = Message(wire.BUNDLE, {"run": {}}), Message(wire.START, {})
    found = agent(Heard([Message(wire.WELCOME, {"machine": 2})], [], [bundle], [], [start]))
    found._join()

    assert found.machine == 2
    assert found._awaited(wire.BUNDLE, 0) == bundle
    assert found._awaited(wire.START, 0) == start


@pytest.mark.parametrize(("given", "kept"), [(5.0, 5.0), (600.0, 60.0)])
def test_it_loads_on_alone_for_as_long_as_its_master_thinks_and_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: float, kept: float
) -> None:
    monkeypatch.setenv("PERF_HOME", str(tmp_path))
    line = Heard()
    found = agent(line)
    found.machine = 1
    about = {"run": {"run": "r"}, "shares": [0], "silence": given, "url": "http://192.0.2.7", "database": ""}
    with pytest.raises(Exception, match="refused to load"):
        found._take(Message(wire.BUNDLE, {**about, "network": ""}))
    assert [message.kind for message in line.said] == [wire.UNFIT]

    line.silence = kept - 0.1
    found._supervised()
    line.silence = kept + 0.1
    with pytest.raises(StackError, match="nothing was heard of the master"):
        found._supervised()


def test_it_tells_what_must_be_the_same_everywhere() -> None:
    assert {"protocol", "version", "code", "locust", "abi", "packages"} <= told(1).keys()
    assert {"gevent", "httptools", "numpy", "orjson"} <= told(1)["packages"].keys()


def test_nothing_is_done_between_a_question_for_the_clock_and_the_answer(tmp_path: Path) -> None:
    done: list[str] = []

    class Line(Heard):
        under_way, free = (), True

        def ask(self) -> None:
            done.append("ask")

        def hear(self, milliseconds: int) -> Iterator[Message]:
            done.append("hear")
            return iter([Message(wire.BYE, {"whole": True})] if done.count("hear") == 3 else [])

        def ship(self, message: Message) -> None:
            done.append("ship")

    found = agent(Line())
    found.folder, found.machine = tmp_path, 1
    found.growing = [Growing(tmp_path / "shipped-1.jsonl")]
    found.crew = cast(Crew, SimpleNamespace(at_work=True, exited=list))
    found.sampler = cast(Sampler, SimpleNamespace(sample=lambda: done.append("sample")))

    assert found._go_on()
    assert {"sample", "ship"} <= {*done}
    assert done.count("ask") == 1
    assert done[done.index("ask") + 1] == "hear"
