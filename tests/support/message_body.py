"""The request of a message by the reference's contract."""

from typing import Any

from harness.plan import template
from harness.plan.plans import reference
from systems import messages

BODY = reference("messages", "contract")["body"]


def body(run: str, op: int, user: int, key_of: int, **how: Any) -> dict[str, str]:
    """What operation `op` to user number `user` sends under the key of operation `key_of`."""
    said = messages.values(run, op, user, key_of, **how)
    filled: dict[str, str] = template.filled(BODY, dict(zip(messages.WORDS, said, strict=True)))
    return filled
