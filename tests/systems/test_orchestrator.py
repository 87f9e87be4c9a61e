"""Events follow from their numbers, and what the facts refuse they name."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.settings import ROOT
from systems import orchestrator
from systems.orchestrator_orders import lines, main, order, orders


def test_the_example_is_what_its_command_writes() -> None:
    example = ROOT / "examples" / "test-orders-2500.jsonl"

    assert example.read_text(encoding="ascii") == "".join(lines(orchestrator.EXAMPLES))


def test_an_order_is_as_the_requirement_has_it() -> None:
    event = order(1)
    context = event["context"]

    assert list(event) == ["type", "correlationId", "orchestrationName", "context"]
    assert list(context) == ["orderId", "customerId", "customerTier", "orderTotal", "items"]
    assert orchestrator.cents(context["orderTotal"]) == sum(
        one["quantity"] * orchestrator.cents(one["price"]) for one in context["items"]
    )


def test_few_customers_have_most_of_the_orders_and_each_has_one_tier() -> None:
    tiers: dict[str, set[str]] = {}
    counts: dict[str, int] = {}
    for event in orders(orchestrator.EXAMPLES):
        context = event["context"]
        tiers.setdefault(context["customerId"], set()).add(context["customerTier"])
        counts[context["customerId"]] = counts.get(context["customerId"], 0) + 1

    assert all(len(found) == 1 for found in tiers.values())
    assert set().union(*tiers.values()) == {"standard", "premium", "vip"}
    assert sum(sorted(counts.values())[-20:]) > orchestrator.EXAMPLES / 3


@pytest.mark.parametrize("said", ["0", "129", "-1", "ten", "1.5", ""])
def test_another_number_of_events_a_request_than_their_numbers_have_room_for_is_refused(said: str) -> None:
    with pytest.raises(ValueError, match=r"EVENTS_PER_REQUEST.*1 to 128"):
        orchestrator._size(said)


def test_no_two_events_have_one_number() -> None:
    numbers = {orchestrator.event_number(op, place) for op in range(50) for place in range(orchestrator.PLACES)}

    assert len(numbers) == 50 * orchestrator.PLACES


@pytest.mark.parametrize(("size", "refused"), [(100, 10), (20, 2), (5, 1), (2, 1), (1, 0)])
def test_some_events_of_a_request_are_refused_but_never_all(size: int, refused: int) -> None:
    assert len(orchestrator.refused_places(size)) == refused


@pytest.mark.parametrize("arguments", [[], ["x", "y"], ["0", "y"], ["10000001", "y"], ["5", "/proc/none/file"]])
def test_what_is_no_number_of_orders_or_no_file_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert "expected" in capsys.readouterr().err


def test_a_file_of_orders_has_one_a_line(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "orders.jsonl"

    assert main(["12", str(path)]) == 0
    assert [json.loads(line) for line in path.read_text().splitlines()] == list(orders(12))


@pytest.mark.parametrize(("said", "code", "expected"), [("129", 2, "expected how many events"), ("10", 0, "events/s")])
def test_a_plan_is_of_as_many_events_a_request_as_are_asked_for_or_refused(said: str, code: int, expected: str) -> None:
    command = [sys.executable, "-m", "harness", "plan", "orchestrator-load", "--profile", "smoke"]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"EVENTS_PER_REQUEST": said}, capture_output=True, text=True
    )

    assert done.returncode == code
    assert expected in (done.stderr if code else done.stdout)
    assert "Traceback" not in done.stderr
