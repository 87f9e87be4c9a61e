"""Load processes on several machines draw from one feed, and no two get the same row."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gevent
import pytest

from harness.errors import FeedError
from harness.feed import SEQUENTIAL, UNIQUE, Feed, Rows
from harness.load import leases
from harness.load.leases import Counter, Remote


class Runner:
    """A worker's end of Locust's RPC, whose master answers a moment later."""

    def __init__(self, answer: Callable[[Mapping[str, Any]], Any]) -> None:
        self.asked = 0
        self._answer = answer

    def send_message(self, kind: str, data: dict[str, Any]) -> None:
        assert kind == leases.ASK
        self.asked += 1
        gevent.spawn(self._answer, data)


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    path = tmp_path / "rows.csv"
    path.write_text("name\n" + "".join(f"row {number}\n" for number in range(1, 1_001)))
    return Rows(path)


@pytest.mark.parametrize("order", [SEQUENTIAL, UNIQUE])
def test_all_users_of_all_processes_get_each_row_once(tmp_path: Path, rows: Rows, order: str) -> None:
    counter = Counter(tmp_path, 3)
    runner = Runner(lambda asked: leases.given(counter.lease(asked)))
    feeds = [Feed(rows, order, Remote(runner, "rows"), f"7/{number}") for number in range(3)]
    drawn: list[int] = []

    def user(feed: Feed) -> None:
        while (row := feed.draw()) is not None:
            drawn.append(row.number)
            gevent.sleep(0)

    gevent.joinall([gevent.spawn(user, feeds[number % 3]) for number in range(30)], raise_error=True)

    assert sorted(drawn) == list(range(1, 1_001))
    # Users who wait at the same time share what one of them asked for.
    assert runner.asked < 400


def test_a_master_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "ANSWER_S", 0.01)
    runner = Runner(lambda asked: None)

    with pytest.raises(FeedError, match="feed rows: the master gave no rows"):
        Remote(runner, "rows").take(10)
    assert runner.asked == leases.TRIES


def test_an_answer_that_was_given_up_is_nobodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked again, and what the late answer has stays unused: better than a row that two get."""
    monkeypatch.setattr(leases, "ANSWER_S", 0.05)
    counter, late = Counter(tmp_path, 1), list[Any]()

    def answer(asked: Mapping[str, Any]) -> None:
        found = counter.lease(asked)
        late.append(found)
        if len(late) > 1:
            leases.given(found)
            leases.given(late[0])

    remote = Remote(Runner(answer), "rows")

    assert remote.take(32) == range(2, 3)
    assert late[0]["first"] == 0
