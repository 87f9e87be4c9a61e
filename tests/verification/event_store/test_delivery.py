"""What processors received is compared with what was committed, of literal histories."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from systems.event_store import GAP_TOKEN, NONE, SERIAL, XMIN
from verification.event_store import delivery
from verification.event_store.delivery import Delivery, Received
from verification.event_store.order import ordered, whole
from verification.event_store.received import Processor
from verification.found import Part

# Positions 1 to 6, of two streams of two tenants; 4 was rolled back.
EVENTS = pd.DataFrame(
    {
        "position": [1, 2, 3, 5, 6],
        "stream": [11, 12, 11, 12, 11],
        "tenant": [0, 5, 0, 5, 0],
        "seq": [1, 1, 2, 2, 3],
        "tx": [100, 101, 103, 102, 104],
        "checksum": [10, 20, 30, 50, 60],
    }
)
CHECKSUM = dict(zip(EVENTS["position"], EVENTS["checksum"], strict=True))


def received(*positions: int, tenant: int = -1, at: int = 6, **more: Any) -> Received:
    opened = more.pop("opened", np.array([4], np.int64))
    checksum = more.pop("checksum", np.array([CHECKSUM.get(one, 0) for one in positions], np.int64))
    # One of an even number reads all events; 3, 11 … those of tenant 5.
    made = {"number": 0 if tenant < 0 else 3, "batches": 1, "back": 0, "at": at, "stored": at}
    one = Processor(**{**made, "open_": frozenset(), "tx": 104, "committed": frozenset(), **more})
    assert one.tenant == tenant
    return Received(one, np.arange(len(positions)), np.array(positions, np.int64), checksum, opened)


def case(*processors: Received, policy: str = GAP_TOKEN, done: tuple[int, ...] = (1, 2, 3, 5, 6)) -> Delivery:
    own, ended = EVENTS["position"].to_numpy(), 7 * 10**9
    numbered = [
        replace(one, of=replace(one.of, number=one.of.number + 8 * place), place=one.place + 100 * place)
        for place, one in enumerate(processors)
    ]
    return Delivery(policy, ended, EVENTS, own, np.array(done, np.int64) * 10**9, numbered)


def in_order(delivery: Delivery) -> Part:
    return ordered(whole(delivery))


ALL = (1, 2, 3, 5, 6)


@pytest.mark.parametrize(
    "check",
    [
        delivery.skipped,
        delivery.twice,
        in_order,
        delivery.whole,
        delivery.foreign,
        delivery.caught_up,
    ],
)
def test_what_all_received_once_and_in_order_is_right(check: Callable[[Delivery], Part]) -> None:
    found = check(
        case(received(*ALL), received(2, 5, tenant=5), received(1, 2, 5, 3, 6, opened=np.array([3, 4])))
    ).told()

    assert (found.witnesses, found.undecided) == (0, "")
    assert found.compared


def test_an_event_behind_the_token_that_was_never_received_was_skipped() -> None:
    found = delivery.skipped(case(received(*ALL), received(1, 2, 5, 6))).told()

    assert (found.compared, found.witnesses) == (10, 1)
    assert found.first["positions"] == [3]
    assert "WHERE global_seq = 3" in found.sql


def test_what_the_token_still_misses_is_not_skipped_yet() -> None:
    assert delivery.skipped(case(received(1, 2, 5, 6, open_=frozenset({3})))).told().witnesses == 0


def test_what_is_beyond_the_token_is_not_skipped_but_not_caught_up_with() -> None:
    behind = case(received(1, 2, 3, at=3))

    assert delivery.skipped(behind).told().witnesses == 0
    # 6 was appended in the last second, and may be on its way.
    assert delivery.caught_up(behind).told().first["positions"] == [5]


def test_by_transaction_the_token_is_a_transaction_and_a_position() -> None:
    behind = received(1, 2, 5, at=5, tx=102)

    assert delivery.skipped(case(behind, policy=XMIN)).told().witnesses == 0
    assert delivery.skipped(case(received(1, 2, at=5, tx=102), policy=XMIN)).told().first["positions"] == [5]


@pytest.mark.parametrize("policy", [GAP_TOKEN, NONE, XMIN])
def test_without_a_gap_nothing_is_proved(policy: str) -> None:
    none = np.zeros(0, np.int64)

    assert delivery.skipped(case(received(*ALL, opened=none), policy=policy)).told().undecided
    # 3 was committed after 5 and 6.
    late = case(received(*ALL, opened=none), policy=policy, done=(1, 2, 9, 5, 6))
    assert not delivery.skipped(late).told().undecided


def test_where_commits_keep_the_order_what_was_rolled_back_is_the_gap() -> None:
    none = np.zeros(0, np.int64)

    assert delivery.gaps(delivery.skipped(case(received(*ALL, opened=none), policy=SERIAL)), SERIAL) == 1


def test_an_event_that_was_received_again_is_named() -> None:
    found = delivery.twice(case(received(1, 2, 3, 3, 5, 6))).told()

    assert (found.compared, found.witnesses, found.first["positions"]) == (5, 1, [3])


def test_an_event_after_a_later_one_of_its_stream_is_out_of_order() -> None:
    late = np.array([1, 2, 4])

    assert in_order(case(received(3, 2, 1, 5, 6, opened=late))).told().first["positions"] == [1]
    # Of another stream it may be late, if it was missing when what is above it was read; else it was passed over.
    assert in_order(case(received(1, 3, 2, 5, 6, opened=late))).told().witnesses == 0
    assert in_order(case(received(1, 3, 2, 5, 6))).told().first["positions"] == [2]


def test_by_transaction_the_order_is_that_of_transactions() -> None:
    none = np.zeros(0, np.int64)

    assert in_order(case(received(1, 2, 5, 3, 6, opened=none), policy=XMIN)).told().witnesses == 0
    assert in_order(case(received(1, 2, 3, 5, 6, opened=none), policy=XMIN)).told().first["positions"] == [5]


def test_an_event_that_says_otherwise_or_was_never_committed_is_not_whole() -> None:
    other = received(*ALL, checksum=np.array([10, 20, 31, 50, 60]))

    assert delivery.whole(case(other)).told().first["positions"] == [3]
    assert delivery.whole(case(received(*ALL, 4))).told().first["positions"] == [4]


def test_an_event_of_another_tenant_is_named() -> None:
    assert delivery.foreign(case(received(2, 3, 5, tenant=5))).told().first["positions"] == [3]
