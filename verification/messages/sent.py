"""What must be stored of the messages that were sent."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from systems import ids, messages
from verification import text_hashes
from verification.arrays import Array
from verification.ledger import Ledger

EXPECTED = {"user_id": "user", "message_type": "type", "message_content": "content", "scheduled_send_time": "time"}
"""The columns that are compared with what was sent, and the words of a request that have it."""

AS_SENT = "\udfff"
"""Instead of a text: it is the one that the row's operation sends. PostgreSQL stores no text that has this."""


def special(ledger: Ledger) -> Sequence[str]:
    """The texts that the service allows besides the plain one."""
    return messages.texts(ledger.scenario.contract["content"])


def expected(
    run: str,
    keys: pd.DataFrame,
    special: Sequence[str] = messages.ALL_TEXTS,
    template: str = messages.PLAIN_CONTENT,
    coded: bool = False,
) -> pd.DataFrame:
    """What must be stored under `keys` (key, subject): `systems.messages.body`, for a million at once.

    `coded`: with AS_SENT instead of texts.
    """
    op = keys["key"].to_numpy()
    number, which = np.unique(keys["subject"].to_numpy(), return_inverse=True)
    later = (keys["kind"] == "later").to_numpy()
    born = np.datetime64(ids.born(run).replace(tzinfo=None), "us")
    texts: Sequence[str]
    if coded:
        texts = [AS_SENT] * len(op)
    elif template == messages.PLAIN_CONTENT:
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


def content_hashes(op: Array, special: Sequence[str]) -> Array:
    """The hash (`verification.text_hashes`) of the text that each operation sends: `systems.messages.content`."""
    turn, rest = np.divmod(op, messages.OFTEN)
    texts = [*special, messages.PLAIN]
    which = np.where((rest == 0) & bool(special), turn % max(len(special), 1), len(special))
    digits = np.searchsorted(_TENS, op, side="right") + 1
    found = np.zeros(len(op), np.int64)
    for text in np.unique(which).tolist():
        own = which == text
        for length in np.unique(digits[own]).tolist():
            lines = np.flatnonzero(own & (digits == length))
            found[lines] = text_hashes.hashes(_filled(texts[text], op[lines], length), len(lines))
    return found


_TENS = 10 ** np.arange(1, 19)


def _filled(text: str, op: Array, digits: int) -> list[text_hashes.Byte]:
    """The bytes of a text, with the number of each operation, of so many digits, in place of {op}."""
    rest, number = op.astype(np.uint64), list[text_hashes.Byte]()
    for _ in range(digits):
        tens = rest // np.uint64(10)
        number.insert(0, (rest - tens * np.uint64(10)).astype(np.uint32) + np.uint32(ord("0")))
        rest = tens
    first, *others = [list[text_hashes.Byte](part.encode()) for part in text.split("{op}")]
    return [*first, *(byte for part in others for byte in (*number, *part))]
