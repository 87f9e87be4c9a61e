"""Events of orders, each of which went through all services."""

import numpy as np

from benchmarks.histories.records import ID, TOOK_NS, Made, drawn, moments
from harness.outcomes import Outcome
from harness.plan.scenario import Scenario
from systems import ids, orchestrator, orchestrator_orders


def orchestrated(scenario: Scenario, count: int, draw: np.random.Generator) -> Made:
    """So many events, a hundred an operation, which went through all services."""
    size = scenario.effects["bulk"]["ACK"].items
    records = drawn(scenario.mix, (), count // size, draw)
    records["status"] = np.where(records["outcome"] == Outcome.ACK, scenario.contract["accepted"], 0)
    every = list(orchestrator_orders.orders(orchestrator_orders.EXAMPLES))
    known = [
        "\t".join(
            (
                one["type"],
                one["context"]["orderId"],
                one["context"]["customerTier"],
                str(orchestrator.cents(one["context"]["orderTotal"])),
                orchestrator.queue_of(one["type"], one["context"]),
                str(orchestrator.digest(one["context"])),
                *["1"] * len(orchestrator.STEPS),
                orchestrator.queue_of(one["type"], one["context"]),
            )
        )
        for one in every
    ]
    at = moments((records["start"] + TOOK_NS // 2) // 1000)
    lines = (
        f"{ids.item_key(ID, op, place)}\t{known[orchestrator.order_number(op, place) - 1]}\t{times}\n"
        for op, times in enumerate("\t".join([moment] * len(scenario.points)) for moment in at)
        for place in range(size)
    )
    names = ", ".join(f"('{name}')" for name in orchestrator.QUEUES)
    then = f"""
        INSERT INTO queues (name) VALUES {names};
        INSERT INTO queue_counts (queue, session, sent, deleted)
        SELECT queues.id, 1, count(*), count(*) FROM orchestrator_events JOIN queues ON name = queue GROUP BY 1;
        INSERT INTO queue_counts (queue, session, sent, deleted)
        SELECT queues.id, 1, (SELECT count(*) FROM orchestrator_events), (SELECT count(*) FROM orchestrator_events)
        FROM queues WHERE name IN ('{orchestrator.INVENTORY}', '{orchestrator.PAYMENT}', '{orchestrator.FULFILLMENT}')
    """
    columns = "correlation_id, type, order_id, customer_tier, total_cents, queue, digest"
    columns += f", {', '.join(orchestrator.STEPS)}, taken_from, {', '.join(f'{one}_at' for one in scenario.points)}"
    return Made(records, f"orchestrator_events ({columns})", lines, then)
