"""Each counter of the target is neither less nor more than it must be; what can't be known is not asked of it."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.outcomes import Outcome
from harness.plan import reading
from systems.orchestrator import ENTRIES, TOO_LONG, bad, refused_places
from verification.found import Found
from verification.orchestrator import counters

ACK, REPLAY, REJECT, SHED, UNKNOWN = Outcome.ACK, Outcome.REPLAY, Outcome.REJECT, Outcome.SHED, Outcome.UNKNOWN
OPS = [("bulk", ACK), ("partial", ACK), ("single", ACK), ("repeat", REPLAY), ("bulk", SHED), ("dry_run", ACK)]
"""A partial request of a hundred has ten events that are refused."""
STORED, REFUSED, TAKEN = 100 + 90 + 1, 10, 100 + 90 + 1 + 100
LONG = sum(bad(place, 100) == TOO_LONG for place in range(100))
"""Those that may have been routed before they were refused."""
TOLD = {
    "orchestrator_events_processed_total": STORED,
    "orchestrator_events_routed_total": STORED,
    "orchestrator_events_failed_total": REFUSED,
    "orchestrator_events_shed_total": 1,
    "orchestrator_routing_time_seconds_count": TAKEN,
    "orchestrator_routing_time_seconds_sum": 0.002,
}


def case(told: dict[str, float], ops: list[tuple[str, Outcome]] = OPS, **changes: Any) -> Any:
    """A run with these operations of a millisecond each, and what the target told of it."""
    kinds, outcomes = zip(*ops, strict=True)
    outcome = np.array([int(one) for one in outcomes])
    frame = pd.DataFrame({"kind": pd.Categorical(kinds), "start": 0, "end": 1_000_000})
    ledger = SimpleNamespace(
        ops=frame,
        outcome=lambda *some: np.isin(outcome, [int(one) for one in some]),
        unknown=outcome == UNKNOWN,
        unsure=np.zeros(len(frame), bool),
        lost=(),
        refused=np.array([(1, place) for place in refused_places(100)], [("op", "i8"), ("item", "i8")]),
        scenario=reading.find("orchestrator-load", "smoke"),
    )
    queues = pd.DataFrame({"name": ENTRIES, "sent": [STORED - 2, 1, 1]})
    seen = SimpleNamespace(counted=told, uncounted="", foreign=[], queues=queues, in_database=True)
    found: Any = SimpleNamespace(ledger=ledger, seen=seen, rows=np.zeros(STORED))
    for name, value in changes.items():
        setattr(ledger, name, value)
    return found


def counted(case: Any) -> Found:
    return counters.counted(case).told()


def test_right_counters_hold() -> None:
    found = counted(case(TOLD))

    assert (found.witnesses, found.detail) == (0, "")
    assert found.compared == STORED + STORED + REFUSED + 1 + TAKEN


@pytest.mark.parametrize("counter", TOLD)
@pytest.mark.parametrize("by", [-1, LONG + 1])
def test_a_counter_that_is_less_or_more_is_named(counter: str, by: int) -> None:
    found = counted(case({**TOLD, counter: TOLD[counter] + by}))

    assert found.witnesses >= 1
    assert counter in found.detail
    assert list(found.first) == [counter]


@pytest.mark.parametrize("counter", TOLD)
def test_a_counter_that_is_not_told_is_named(counter: str) -> None:
    found = counted(case({name: value for name, value in TOLD.items() if name != counter}))

    assert f"{counter} is not told" in found.detail


@pytest.mark.parametrize(
    ("counter", "least", "most"),
    [
        ("orchestrator_events_failed_total", REFUSED, REFUSED + 10),
        ("orchestrator_events_shed_total", 1, 2),
        ("orchestrator_routing_time_seconds_count", TAKEN, TAKEN + LONG + 100),
    ],
)
def test_what_an_operation_without_an_answer_may_have_counted_is_left_open(counter: str, least: int, most: int) -> None:
    ops = [*OPS, ("partial", UNKNOWN)]

    assert [counted(case({**TOLD, counter: value}, ops)).witnesses for value in (least, most)] == [0, 0]
    assert all(counted(case({**TOLD, counter: value}, ops)).witnesses for value in (least - 1, most + 1))


@pytest.mark.parametrize(
    ("ops", "changes"),
    [
        ([*OPS, ("bulk", REPLAY)], {}),
        (OPS, {"unsure": np.array([True] + [False] * (len(OPS) - 1))}),
        (OPS, {"lost": ("a load process",)}),
    ],
)
def test_where_requests_may_have_come_twice_counters_of_answers_are_bounded_from_below(
    ops: list[tuple[str, Outcome]], changes: dict[str, Any]
) -> None:
    taken = TAKEN + 100 * (len(ops) - len(OPS))
    more = {**TOLD, "orchestrator_events_failed_total": 500, "orchestrator_routing_time_seconds_count": taken + 77}
    less = {**more, "orchestrator_events_failed_total": REFUSED - 1}

    assert counted(case(more, ops, **changes)).witnesses == 0
    assert "at least 10" in counted(case(less, ops, **changes)).detail


def test_a_single_event_that_was_refused_counts_as_failed() -> None:
    ops = [*OPS, ("single", REJECT)]

    assert counted(case({**TOLD, "orchestrator_events_failed_total": REFUSED + 1}, ops)).witnesses == 0
    assert counted(case(TOLD, ops)).witnesses == 1


def test_a_counter_that_the_contract_has_not_is_not_compared() -> None:
    without = case({})
    names = [name for name in without.ledger.scenario.contract if name.startswith("counted_")]
    without.ledger.scenario = SimpleNamespace(
        contract={**without.ledger.scenario.contract, **dict.fromkeys(names, "")},
        effects=without.ledger.scenario.effects,
    )

    assert (counted(without).compared, counted(without).witnesses) == (0, 0)
