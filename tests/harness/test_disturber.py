"""Disturbances are made in the second that the plan has for them, taken back in time, and are all on record."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.disturber import Act, Disturber, acts
from harness.errors import StackError
from harness.plan.disturbance import parse
from harness.stack import disturbing
from harness.stack.disturbing import Done
from harness.stack.stack import Stack
from tests.support.plans import varied

STAGES = [
    {"rate": 10, "for": "5s"},
    {"rate": 10, "for": "5s", "phase": "still", "disturb": "stop target 3s"},
    {"rate": 10, "for": "4s", "phase": "slow", "disturb": "delay 200ms"},
    {"rate": 10, "for": "4s", "phase": "killed", "disturb": "kill target"},
]
OURS = Stack("", "", object(), "", object())  # type: ignore[arg-type]  # only that they are ours


class Told:
    """In the place of what acts: keeps what it was asked for, by the clock of the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.second, self.said, self.fails = 0.0, list[str](), ""
        self.error: type[Exception] = StackError
        monkeypatch.setattr(disturbing, "begin", self._of("begin"))
        monkeypatch.setattr(disturbing, "end", self._of("end"))

    def _of(self, name: str) -> Callable[..., Done]:
        def act(_: Stack, disturbance: Any) -> Done:
            self.said.append(f"{name} {disturbance.text} at {self.second:g}")
            if self.fails == f"{name} {disturbance.verb}":
                raise self.error("no such thing")
            return Done(f"{name}: done", 2)

        return act


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    return Told(monkeypatch)


def disturber(told: Told, before: Callable[[], None] = lambda: None) -> Disturber:
    scenario = varied("sustained", table={"arrivals": {"smoke": STAGES}})
    return Disturber(OURS, acts(scenario, OURS), before, lambda: told.second)


def through(found: Disturber, told: Told, until: float) -> str | None:
    while told.second < until:
        told.second = round(told.second + 0.1, 1)
        if failed := found.due():
            return failed
    return None


def test_each_is_made_and_taken_back_in_its_second(told: Told) -> None:
    found = disturber(told)

    assert through(found, told, 18) is None
    assert told.said == [
        "begin stop target 3s at 5.2",
        "end stop target 3s at 8.2",
        "begin delay 200ms at 10.2",
        "end delay 200ms at 14",
        "begin kill target at 14.2",
    ]
    still, slow, killed = found.lines
    assert still == {
        "disturb": "stop target 3s",
        "phase": "still",
        "planned": 5.2,
        "began": 5.2,
        "done": 5.2,
        "ended": 8.2,
        "said": "begin: done; end: done",
        "count": 2,
        "failed": "",
        "exit_code": None,
    }
    assert (slow["ended"], killed["ended"]) == (14, None)
    killed["done"] = 19.0
    assert found.announced(10**9) == [
        {"verb": "stop", "what": "target", "begin": 6_200_000_000, "done": 6_200_000_000, "end": 11_000_000_000},
        {"verb": "delay", "what": "target", "begin": 11_200_000_000, "done": 11_200_000_000, "end": 15_000_000_000},
        {"verb": "kill", "what": "target", "begin": 15_200_000_000, "done": 20_000_000_000, "end": 20_000_000_000},
    ]


def test_what_still_lasts_is_taken_back_when_the_load_ends(told: Told) -> None:
    found = disturber(told)
    through(found, told, 6)
    found.over()

    assert told.said[-1] == "end stop target 3s at 6"
    assert found.lines[0]["ended"] == 6


@pytest.mark.parametrize(
    ("fails", "error", "lines"),
    [("begin stop", StackError, 1), ("end delay", StackError, 2), ("begin kill", OSError, 3)],
)
def test_one_that_fails_is_said_and_on_record(told: Told, fails: str, error: type[Exception], lines: int) -> None:
    told.fails, told.error = fails, error
    found = disturber(told)

    assert str(through(found, told, 18)).endswith(" failed")
    assert len(found.lines) == lines
    assert found.lines[-1]["failed"] == "no such thing"


def test_what_is_kept_before_is_kept_before_or_it_failed(told: Told) -> None:
    kept: list[float] = []
    found = disturber(told, lambda: kept.append(told.second))
    through(found, told, 18)
    assert kept == [5.2, 10.2, 14.2]

    def full() -> None:
        raise OSError("no space left on device")

    told.second = 0.0
    failing = disturber(told, full)
    assert through(failing, told, 18) == "stop target 3s failed"
    assert "could not be kept: no space left on device" in failing.lines[0]["failed"]
    failing.over()
    assert len(told.said) == 5  # nothing was begun that could be taken back


@pytest.mark.parametrize(("command", "end"), [("x {disturbance}", None), ("x {disturbance} {state}", 8.2)])
def test_a_command_is_called_again_at_the_end_if_it_wants_to_know_of_it(command: str, end: float | None) -> None:
    scenario = varied("sustained", table={"arrivals": {"smoke": STAGES}})
    found = acts(scenario, Stack("http://elsewhere", "", None, "", disturb_command=command))

    assert found[0] == Act(parse("stop target 3s", ()), "still", 5.2, end, 10)
    assert found[2].end == (None if end is None else 18)


def test_a_command_of_the_user_for_real_and_its_codes(tmp_path: Path) -> None:
    said = tmp_path / "said"
    program = (
        f"import sys; open({str(said)!r}, 'a').write(' '.join(sys.argv[1:]) + chr(10)); sys.exit('end' in sys.argv)"
    )
    command = shlex.join([sys.executable, "-c", program, "{disturbance}", "{state}"])
    theirs = Stack("http://x", "", None, "", disturb_command=command)
    scenario = varied("sustained", table={"arrivals": {"smoke": STAGES[:2]}})
    at = [5.2]
    found = Disturber(theirs, acts(scenario, theirs), lambda: None, lambda: at[0])

    assert found.due() is None
    assert found.lines[0]["exit_code"] == 0
    at[0] = 8.3
    assert found.due() == "stop target 3s failed"
    assert found.lines[0]["exit_code"] == 1
    assert said.read_text() == "stop target 3s begin\nstop target 3s end\n"
