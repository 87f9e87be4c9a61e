"""What can't be compared is said, and is no finding."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.errors import FeedError
from harness.plan import reading
from harness.plan.scenario import Scenario
from systems.orchestrator_orders import EXAMPLES, lines
from verification.found import Part
from verification.orchestrator import _counted, counters, queues
from verification.orchestrator.drawn import drawn

PLAN = """
system = "orchestrator"
[scenario.fed]
purpose = "orders of a file"
users = { Submitter = 1 }
feed = "orders.jsonl"
stages.smoke = [{ users = 2, for = "5s" }]
rules = ["ratio(errors) < 1%"]
"""


OURS = {"url": "http://127.0.0.1:1", "ours": True}


@pytest.fixture
def fed(tmp_path: Path) -> Scenario:
    """A scenario whose events are drawn from a file of twelve orders."""
    (tmp_path / "orders.jsonl").write_text("".join(lines(12)))
    (tmp_path / "own.toml").write_text(PLAN)
    return reading.find("fed", "smoke", tmp_path / "own.toml")


def test_events_are_of_the_file_that_the_plan_names(fed: Scenario) -> None:
    assert [one["context"]["orderId"] for one in drawn(fed).events] == [f"ORD-{n:04d}" for n in range(1, 13)]
    assert len(drawn(reading.find("orchestrator-load", "smoke")).events) == EXAMPLES


def test_a_file_that_was_changed_since_the_run_is_told(fed: Scenario, tmp_path: Path) -> None:
    (tmp_path / "orders.jsonl").write_text("".join(lines(13)))

    with pytest.raises(FeedError, match=r"orders\.jsonl: it was changed"):
        drawn(fed)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({}, "no address"),
        ({"target": {"url": "http://127.0.0.1:1", "ours": False}}, "ran before"),
        ({"target": {"url": "http://127.0.0.1:1", "ours": True, "died": ["api"]}}, "or died"),
        ({"target": OURS, "scaling": [{"service": "api"}]}, "started again"),
        ({"target": OURS, "announced": [{"verb": "kill", "what": "target"}]}, "started again"),
        ({"target": OURS, "announced": [{"verb": "restart", "what": "api"}]}, "started again"),
    ],
)
def test_counters_that_did_not_begin_with_the_run_are_not_compared(facts: dict[str, Any], why: str) -> None:
    run: Any = SimpleNamespace(facts=facts, scenario=reading.find("orchestrator-load", "smoke"))
    told, said = _counted(run)

    assert told == {}
    assert why in said


def test_queues_elsewhere_are_compared_with_nothing() -> None:
    scenario = reading.find("orchestrator-load", "smoke")
    seen, ledger = SimpleNamespace(in_database=False, uncounted="the API died"), SimpleNamespace(scenario=scenario)
    case: Any = SimpleNamespace(seen=seen, ledger=ledger)

    for check in (queues.sent, queues.in_time, queues.balanced, queues.drained, counters.counted):
        found = check(case)
        found = found.told() if isinstance(found, Part) else found
        assert (found.compared, found.witnesses) == (0, 0)
        assert found.detail
