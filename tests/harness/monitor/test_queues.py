"""How full the queues of a target are is sampled as it tells it, and what it does not tell is left out."""

from typing import Any

import pytest

from harness.monitor.queues import MOST, Queues, line
from tests.harness.monitor.test_gauges import answering

ONE = {"depth": 7, "inFlight": 2, "oldestSeconds": 1.5, "redelivered": 0.25}
TOLD = {
    "queues": {
        "a": ONE,
        "b": {"depth": 3, "oldestSeconds": 4.0, "redelivered": 0.1},
        "dead": {"depth": 9, "deadLetters": True},
    }
}


def test_queues_are_summed_and_the_oldest_of_them_is_told_and_dead_letters_by_themselves() -> None:
    assert line(TOLD) == {
        "queue.depth": 10,
        "queue.a.depth": 7,
        "queue.b.depth": 3,
        "queue.in_flight": 2,
        "queue.a.in_flight": 2,
        "queue.oldest": 4.0,
        "queue.a.oldest": 1.5,
        "queue.b.oldest": 4.0,
        "queue.redelivered": 0.25,
        "queue.a.redelivered": 0.25,
        "queue.b.redelivered": 0.1,
        "queue.dead": 9,
    }


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        {},
        {"queues": []},
        {"queues": {"a": 5}},
        {"queues": {"a": {"depth": "7"}}},
        {"queues": {"a": {"depth": True}}},
        {"queues": {"a": {"depth": float("nan")}}},
        {"queues": {"dead": {"depth": "x", "deadLetters": True}}},
    ],
)
def test_what_is_no_number_is_left_out(said: Any) -> None:
    assert line(said) == {}


def test_of_very_many_queues_some_are_told_and_all_are_summed() -> None:
    found = line({"queues": {f"q{n}": {"depth": 1} for n in range(2 * MOST)}})

    assert found["queue.depth"] == 2 * MOST
    assert len(found) == MOST + 1


def test_they_are_asked_at_the_route_of_the_contract() -> None:
    with answering(b'{"queues": {"a": {"depth": 1}}}') as url:
        assert Queues(f"{url}/", "GET /health").sample() == {"queue.depth": 1, "queue.a.depth": 1}
        assert Queues(url, "GET /other").sample() == {}
    assert Queues(url, "GET /health").sample() == {}
