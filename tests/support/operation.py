"""An operation as the ledger has it."""

from typing import Any

from harness.outcomes import Outcome


def operation(
    op: int,
    kind: str,
    outcome: Outcome,
    start: int,
    end: int,
    *,
    subject: int = 0,
    key_of: int | None = None,
    answer: int = 0,
    sched: int | None = None,
    status: int = 0,
    partner: bool = False,
) -> dict[str, Any]:
    """A line of `Ledger.ops`; times in ns. It sends its own key, and begins when it is due, if nothing else is said."""
    return {
        "op": op,
        "kind": kind,
        "outcome": int(outcome),
        "subject": subject,
        "key_of": op if key_of is None else key_of,
        "answer": answer,
        "sched": start if sched is None else sched,
        "start": start,
        "end": end,
        "status": status,
        "doubt": 0,
        "partner": partner,
    }
