"""Messages, all of them delivered."""

import uuid

import numpy as np

from benchmarks.histories.records import EVERY_NS, ID, TOOK_NS, Made, drawn, escaped, moments
from harness.outcomes import Outcome
from harness.plan.scenario import Scenario
from systems import ids, messages


def sent(scenario: Scenario, count: int, draw: np.random.Generator, every_ns: int = EVERY_NS, first: int = 0) -> Made:
    """Messages, all of them delivered: `count` of a history, from number `first` on."""
    kinds = list(messages.MIX)
    records = drawn(messages.MIX, ("repeat", "conflict"), count, draw, every_ns)
    kind = records["kind"]
    pool = scenario.pool["users"]
    users = draw.integers(1, pool + 1, count)
    users[kind == kinds.index("stranger")] += pool
    records["subject"] = users[records["key_of"]]
    is_later = kind == kinds.index("later")
    records["outcome"][is_later] = Outcome.ACK
    stored = np.flatnonzero((kind == 0) | is_later | ((kind == kinds.index("race")) & (records["flags"] == 0)))
    made = [str(uuid.UUID(bytes=draw.bytes(16), version=4)) for _ in range(len(stored))]
    digest = np.zeros(count, np.int64)
    digest[stored] = [ids.digest(one) for one in made]
    answered = np.isin(records["outcome"], (Outcome.ACK, Outcome.REPLAY))
    records["answer"][answered] = digest[records["key_of"][answered]]
    for name in ("sched", "start", "end"):
        records[name] += first * every_ns
    at = moments((records["start"] + TOOK_NS // 2)[stored] // 1000)
    lines = (
        "\t".join(
            (
                one,
                *map(escaped, messages.values(ID, op + first, user, op + first, later=later)),
                *((messages.SCHEDULED, moment, r"\N") if later else (messages.SENT, moment, moment)),
            )
        )
        + "\n"
        for one, op, user, moment, later in zip(
            made, stored.tolist(), records["subject"][stored].tolist(), at, is_later[stored].tolist(), strict=True
        )
    )
    records["key_of"] += first
    columns = (
        "id, user_id, message_type, scheduled_send_time, message_content, idempotency_key, status, created_at, sent_at"
    )
    return Made(records, f"message_logs ({columns})", lines, "")
