"""All addresses of a name get connections, those that just failed last; and the name is looked up again."""

import socket

import pytest

from harness.addresses import Address
from harness.load.spread import AVOIDED_S, Spread

A, B, C = ("10.0.0.1", 80), ("10.0.0.2", 80), ("::1", 80, 0, 0)


class Names:
    """A name server, and a clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *found: Address) -> None:
        self.now, self.asked = 100.0, 0
        self.found: list[Address] | OSError = list(found)
        monkeypatch.setattr("time.monotonic", lambda: self.now)

    def __call__(self) -> list[Address]:
        self.asked += 1
        if isinstance(self.found, OSError):
            raise self.found
        return self.found


def test_each_connection_begins_with_the_next_and_falls_back_on_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(monkeypatch, A, B, C)
    spread = Spread(names)
    orders = [spread.addresses() for _ in range(6)]

    assert {order[0] for order in orders[:3]} == {order[0] for order in orders[3:]} == {A, B, C}
    assert all(sorted(order) == sorted([A, B, C]) for order in orders)
    assert names.asked == 1


def test_what_failed_comes_last_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(monkeypatch, A, B)
    spread = Spread(names)
    spread.addresses()
    spread.failed(A)

    assert {tuple(spread.addresses()) for _ in range(4)} == {(B, A)}
    names.now += AVOIDED_S
    assert {spread.addresses()[0] for _ in range(2)} == {A, B}


def test_after_a_failure_the_name_is_looked_up_again_but_not_by_each_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(monkeypatch, A)
    spread = Spread(names)
    spread.addresses()
    names.found = [B]
    spread.failed(A)
    assert spread.addresses() == [B]

    before = names.asked
    for _ in range(1000):
        spread.failed(B)
        spread.addresses()
    assert names.asked == before + 1
    for _ in range(1000):
        names.now += 0.01
        spread.failed(B)
        spread.addresses()
    assert before + 10 < names.asked < before + 20
    names.found = [A, B]
    names.now += 1
    spread.failed(B)
    assert sorted(spread.addresses()) == [A, B]


def test_a_name_server_that_is_down_costs_no_address_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(monkeypatch, A)
    spread = Spread(names)
    spread.addresses()
    names.found = socket.gaierror("down")
    spread.failed(A)

    assert spread.addresses() == [A]
    with pytest.raises(socket.gaierror):
        Spread(names).addresses()
