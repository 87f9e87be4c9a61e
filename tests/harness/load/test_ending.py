"""The end of a load is noticed when it comes, not when Locust asks the next time."""

from types import SimpleNamespace

import pytest

from harness.load import ending
from harness.load.ending import Ending


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was slept, by which alone the clock goes on."""
    pauses: list[float] = []
    monkeypatch.setattr(ending.gevent, "sleep", pauses.append)
    monkeypatch.setattr(ending, "time", SimpleNamespace(monotonic=lambda: sum(pauses)))
    return pauses


def test_what_is_new_is_told_at_once(slept: list[float]) -> None:
    one = Ending()

    assert not one.comes((60, 60), lambda: False)
    assert not one.comes((7, 1.0), lambda: False)
    assert slept == []


def test_else_the_end_is_waited_for_but_no_longer_than_until_locust_asks_again(slept: list[float]) -> None:
    one = Ending()
    one.comes((60, 60), lambda: False)

    assert not one.comes((60, 60), lambda: False)
    assert ending.ASKED_S - 2 * ending.LOOK_S < sum(slept) <= ending.ASKED_S


def test_it_is_noticed_when_it_comes(slept: list[float]) -> None:
    one = Ending()
    one.comes((60, 60), lambda: False)

    assert one.comes((60, 60), lambda: sum(slept) > 0.5)
    assert 0.5 < sum(slept) <= 0.5 + ending.LOOK_S + 1e-9


def test_what_is_over_is_not_waited_for(slept: list[float]) -> None:
    assert Ending().comes((60, 60), lambda: True)
    assert slept == []
