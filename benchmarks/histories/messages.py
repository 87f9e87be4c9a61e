"""Messages, all of them delivered."""

import numpy as np
import pandas as pd

from benchmarks.histories.records import EVERY_NS, ID, TOOK_NS, Made, drawn, escaped, moments
from harness.outcomes import Outcome
from harness.plan.scenario import Scenario
from systems import ids, messages
from verification.messages.sent import expected


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
    made = _ids(draw.bytes(16 * len(stored)))
    digest = np.zeros(count, np.int64)
    digest[stored] = [ids.digest(one) for one in made]
    answered = np.isin(records["outcome"], (Outcome.ACK, Outcome.REPLAY))
    records["answer"][answered] = digest[records["key_of"][answered]]
    for name in ("sched", "start", "end"):
        records[name] += first * every_ns
    at = moments((records["start"] + TOOK_NS // 2)[stored] // 1000)
    # As verification expects them: what is measured is how long it takes to find that out.
    op, special = stored + first, messages.texts(scenario.contract["content"])
    keys = pd.DataFrame(
        {"key": op, "subject": records["subject"][stored], "kind": np.array(kinds, object)[kind[stored]]}
    )
    must = expected(ID, keys, special)
    columns = [made, *(must[name].tolist() for name in ("user_id", "message_type"))]
    columns += [must["scheduled_send_time"].to_numpy().astype("str").tolist()]
    columns += [map(escaped, must["message_content"].tolist()), [ids.key(ID, number) for number in op.tolist()]]
    left = (
        (messages.SCHEDULED, moment, r"\N") if later else (messages.SENT, moment, moment)
        for moment, later in zip(at, is_later[stored].tolist(), strict=True)
    )
    lines = ("\t".join((*row, *end)) + "\n" for *row, end in zip(*columns, left, strict=True))
    records["key_of"] += first
    into = (
        "id, user_id, message_type, scheduled_send_time, message_content, idempotency_key, status, created_at, sent_at"
    )
    return Made(records, f"message_logs ({into})", lines, "")


def _ids(drawn: bytes) -> list[str]:
    """A random UUID of each 16 bytes."""
    digits = drawn.hex()
    return [
        f"{digits[at : at + 8]}-{digits[at + 8 : at + 12]}-4{digits[at + 13 : at + 16]}-"
        f"8{digits[at + 17 : at + 20]}-{digits[at + 20 : at + 32]}"
        for at in range(0, len(digits), 32)
    ]
