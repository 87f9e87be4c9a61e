"""What must be stored of the messages that were sent."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from systems import ids, messages
from verification.ledger import Ledger

EXPECTED = {"user_id": "user", "message_type": "type", "message_content": "content", "scheduled_send_time": "time"}
"""The columns that are compared with what was sent, and the words of a request that have it."""


def special(ledger: Ledger) -> Sequence[str]:
    """The texts that the service allows besides the plain one."""
    return messages.texts(ledger.scenario.contract["content"])


def expected(
    run: str,
    keys: pd.DataFrame,
    special: Sequence[str] = messages.ALL_TEXTS,
    template: str = messages.PLAIN_CONTENT,
) -> pd.DataFrame:
    """What must be stored under `keys` (key, subject): `systems.messages.body`, for a million at once."""
    op = keys["key"].to_numpy()
    number, which = np.unique(keys["subject"].to_numpy(), return_inverse=True)
    later = (keys["kind"] == "later").to_numpy()
    born = np.datetime64(ids.born(run).replace(tzinfo=None), "us")
    if template == messages.PLAIN_CONTENT:
        texts = messages.contents(op.tolist(), special)
    else:
        each = zip(op.tolist(), number[which].tolist(), later.tolist(), strict=True)
        texts = [messages.stored_text(template, run, n, user, n, special, due) for n, user, due in each]
    return pd.DataFrame(
        {
            "user_id": np.array([ids.uuid_of(n) for n in number.tolist()], object)[which],
            "message_type": np.array(messages.MESSAGE_TYPES, object)[op % len(messages.MESSAGE_TYPES)],
            "message_content": texts,
            "scheduled_send_time": born - messages.before_birth(op, later).astype("timedelta64[us]"),
        }
    )
