"""However units are moved, and however many are at it at once: nothing is promised twice, lost or done twice."""

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from uuid import UUID

import pytest

from systems import ids
from systems.authorizations import MOVES
from target.authorizations import retries
from target.authorizations.strategies import STRATEGIES, SerializableUpdate
from target.authorizations.unit_store import Store
from target.authorizations.units import Move, Refused
from tests.support.authorization_target import (
    HOT,
    SPREAD,
    counters,
    failing,
    movements,
    moving,
    sums_differ,
    with_authorizations,
)
from tests.support.target_process import CONNECTIONS, eventually, query

pytestmark = pytest.mark.usefixtures("nurseries")

RIGHT = [name for name in STRATEGIES if name != "none_rc"]


@pytest.fixture
def tables(database: str) -> str:
    return with_authorizations(database)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_an_aborted_transaction_is_done_again_from_its_beginning(tables: str, strategy: str, state: str) -> None:
    failing(tables, state, times=3)
    with moving(tables, strategy=strategy) as units:
        answer = units.reserve(HOT, 10, "key")
        counted = units.metrics()

    assert (answer.status, answer.body["version"], answer.headers["x-serialization-retries"]) == (200, 1, "3")
    assert counted["authorizations_requests_total", "reserve", "200"] == 1
    assert counted["authorizations_serialization_retries_total", "reserve"] == 3
    assert counted["authorizations_serialization_exhausted_total", "reserve"] == 0
    assert movements(tables) == [(HOT, "reserve", 10, "key", 1)]
    expected = "serializable" if strategy.startswith("serializable") else "read committed"
    assert query(tables, "SELECT level FROM isolations") == [(expected,)]
    assert not sums_differ(tables)


def test_after_too_many_retries_nothing_is_stored_and_the_same_may_be_sent_later(tables: str) -> None:
    failing(tables, "40001", times=retries.ATTEMPTS)
    with moving(tables) as units:
        given_up = units.reserve(HOT, 10, "key")
        nothing, counted = not movements(tables) and not sums_differ(tables), units.metrics()
        later = eventually(lambda: done if (done := units.reserve(HOT, 10, "key")).status == 200 else None)

    assert (given_up.status, given_up.body["error"]) == (503, "serialization_exhausted")
    assert given_up.headers["retry-after"] == "1"
    assert 0 < int(given_up.headers["x-serialization-retries"]) < retries.ATTEMPTS
    assert nothing
    assert counted["authorizations_serialization_exhausted_total", "reserve"] == 1
    assert counted["authorizations_requests_total", "reserve", "503"] == 1
    assert later.body["replayed"] is False


def test_pauses_grow_at_random_within_bounds_and_hold_no_connection(
    tables: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(tables, "40001", times=1000)
    pauses: list[float] = []
    idle: list[int] = []

    async def give_up(deadline: float) -> int:
        store = Store(SerializableUpdate)
        await store.open(tables, CONNECTIONS)

        async def pause(seconds: float) -> None:
            pauses.append(seconds)
            idle.append(store.pool.get_idle_size())

        monkeypatch.setattr(retries, "DEADLINE_S", deadline)
        monkeypatch.setattr(retries, "asyncio", SimpleNamespace(sleep=pause))
        one, two, me = (UUID(ids.uuid_of(n)) for n in (HOT, 1, 1))
        outcome, again = await store.move(Move(one, two, 5, "key", me, "reserve"))
        await store.close()
        assert outcome is Refused.EXHAUSTED
        return again

    for _ in range(50):
        assert asyncio.run(give_up(3600)) == 7
    assert set(idle) == {CONNECTIONS}
    longest = [max(pauses[n::7]) for n in range(7)]
    for most, seen in zip((0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.2), longest, strict=True):
        assert most / 2 < seen <= most
    assert min(pauses) < 0.001
    assert asyncio.run(give_up(0)) == 0


@pytest.mark.parametrize("strategy", RIGHT)
def test_of_fifty_at_once_for_fifty_units_five_get_ten_each(tables: str, strategy: str) -> None:
    with moving(tables, strategy=strategy) as units:
        for number in (HOT, HOT + 1):
            answers = units.at_once(50, number, 10, [f"{number}-{n}" for n in range(50)])

            assert Counter(answer.status for answer in answers) == {200: 5, 409: 45}
            assert sorted(answer.body["version"] for answer in answers if answer.status == 200) == [1, 2, 3, 4, 5]
            assert counters(tables, number) == (0, 50, 5)
    assert len(movements(tables)) == 10
    assert not sums_differ(tables)


@pytest.mark.parametrize("strategy", RIGHT)
def test_one_key_at_once_for_the_last_units_is_done_once_and_never_refused(tables: str, strategy: str) -> None:
    with moving(tables, strategy=strategy, processes=2) as units:
        for number in range(HOT, HOT + 5):
            answers = units.at_once(16, number, 50, [f"key-{number}"] * 16)

            assert Counter((answer.status, answer.body["replayed"]) for answer in answers) == {
                (200, False): 1,
                (200, True): 15,
            }
            assert {answer.body["version"] for answer in answers} == {1}
    assert len(movements(tables)) == 5
    assert not sums_differ(tables)


@pytest.mark.parametrize("strategy", RIGHT)
def test_all_kinds_of_moves_at_once_leave_what_their_movements_say(tables: str, strategy: str) -> None:
    with moving(tables, strategy=strategy) as units, ThreadPoolExecutor(16) as pool:
        kinds = [MOVES[n % 3] for n in range(200)]
        answers = list(pool.map(lambda n: units.move(kinds[n], SPREAD, 1 + n % 7, f"key-{n}"), range(200)))

    done = [answer.body["version"] for answer in answers if answer.status == 200]
    assert sorted(done) == list(range(1, len(movements(tables)) + 1))
    assert {answer.status for answer in answers} <= {200, 503}
    assert not sums_differ(tables)


def test_without_isolation_units_are_promised_twice_or_updates_lost(tables: str) -> None:
    with moving(tables, strategy="none_rc") as units:
        for number in range(HOT, HOT + 5):
            answers = units.at_once(50, number, 10, [f"{number}-{n}" for n in range(50)])
            if Counter(answer.status for answer in answers)[200] > 5 and sums_differ(tables):
                return
    pytest.fail("five rounds of fifty at once, and all was right")
