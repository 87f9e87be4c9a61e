"""Routes are read once, compiled, and say of each event what the model says; what is none is refused, and named."""

from pathlib import Path

import pytest

from systems import orchestrator
from systems.orchestrator_orders import orders
from target.orchestrator.expressions import ExpressionError, compiled
from target.orchestrator.routes import FILE, Routes, RoutesError, Unroutable

EVENT = {
    "type": "OrderCreated",
    "correlationId": "k",
    "orchestrationName": "order-processing",
    "context": {"orderTotal": 1000, "customerTier": "vip", "note": None, "deep": {"er": [1, 2]}},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("context.orderTotal >= 1000", True),
        ("context.orderTotal > 1000", False),
        ("context.orderTotal < 1e6 and context.customerTier == 'vip'", True),
        ("context.customerTier in ['premium', 'vip']", True),
        ("context.customerTier not in ['premium', 'vip']", False),
        ("not (context.orderTotal == 1000) or type == 'OrderCreated'", True),
        ("context.note == null", True),
        ("context.nothing.at.all == null", True),
        ("context.deep.er == [1, 2]", True),
        ("context.nothing > 5", False),
        ("context.customerTier > 5", False),
        ("context.orderTotal == -1", False),
        ("true", True),
        ("false", False),
    ],
)
def test_a_condition_is_true_or_not(text: str, expected: bool) -> None:
    assert compiled(text)(EVENT) is expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "context.orderTotal >",
        "__import__('os')",
        "context.orderTotal.__class__()",
        "[x for x in context]",
        "lambda: 1",
        "context['orderTotal'] > 1",
        "1 + 1 == 2",
        "1 < context.orderTotal < 5",
        "context.customerTier is null",
        "orderTotal > 5",
        "f'{type}' == 'x'",
        "(a := 1)",
        "b'x' == type",
        "not " * 50 + "true",
        "x" * 2000,
    ],
)
def test_what_the_language_does_not_have_is_refused_and_never_run(text: str) -> None:
    with pytest.raises(ExpressionError):
        compiled(text)


def test_every_order_is_routed_as_the_model_says() -> None:
    routes = Routes()
    events = list(orders(orchestrator.EXAMPLES))
    found = [routes.decide(event)[0] for event in events]

    assert found == [orchestrator.queue_of(event["type"], event["context"]) for event in events]
    assert set(found) == set(orchestrator.ENTRIES)
    for type_ in ("OrderValidated", "InventoryReserved", "PaymentSucceeded"):
        assert routes.decide({**events[0], "type": type_})[0] == orchestrator.queue_of(type_, {})


def test_the_targets_are_the_queues_that_services_serve() -> None:
    served = {queue for queues, _, _ in orchestrator.WORK.values() for queue in queues}

    assert Routes().targets() == served
    assert served | {orchestrator.DEAD_LETTERS} == set(orchestrator.QUEUES)


def test_the_highest_priority_is_asked_first_and_of_equal_ones_the_first_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "routes.yaml"
    path.write_text(
        "orchestrations:\n- name: one\n  routes:\n  - eventType: E\n    defaultTarget: d\n    conditions:\n"
        "    - condition: 'true'\n      target: low\n      priority: 1\n"
        "    - condition: 'true'\n      target: first\n      priority: 7\n"
        "    - condition: 'true'\n      target: second\n      priority: 7\n"
    )

    assert Routes(path).decide({**EVENT, "orchestrationName": "one", "type": "E"}) == ("first", "true")


@pytest.mark.parametrize("change", [{"type": "Other"}, {"orchestrationName": "other"}])
def test_an_event_that_no_route_is_for_is_told_so(change: dict[str, str]) -> None:
    with pytest.raises(Unroutable, match=r"Other|other"):
        Routes().decide({**EVENT, **change})


@pytest.mark.parametrize(
    "text",
    [
        "orchestrations: []\n",
        "nothing: 1\n",
        "a: &b\n  - {\n",
        "a: !!python/object/apply:os.getcwd []\n",
        "orchestrations: 1\norchestrations: 2\n",
        "just words\n",
        "orchestrations:\n- name: x\n  routes:\n  - eventType: E\n",
        "orchestrations:\n- name: x\n  routes:\n  - eventType: E\n    defaultTarget: d\n    conditions:\n"
        "    - condition: 'type =='\n      target: t\n",
        "orchestrations:\n- name: x\n  routes:\n  - eventType: E\n    defaultTarget: d\n    conditions:\n"
        "    - condition: 'true'\n      target: t\n      priority: high\n",
        "orchestrations:\n- name: x\n  routes:\n  - eventType: E\n    defaultTarget: d\n  - eventType: E\n"
        "    defaultTarget: d\n",
    ],
)
def test_wrong_routes_are_refused_and_those_before_stay_in_force(text: str, tmp_path: Path) -> None:
    path = tmp_path / "routes.yaml"
    path.write_text(FILE.read_text())
    routes = Routes(path)
    before = routes.orchestrations
    path.write_text(text)

    with pytest.raises(RoutesError, match=r"routes\.yaml"):
        routes.reload()
    assert routes.orchestrations is before
    assert routes.version == 1
