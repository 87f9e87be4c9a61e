"""Every acknowledged order is stored, once, as it was sent, and no other."""

import numpy as np
import pandas as pd

from schema.shop import ORDERS
from systems import ids, shop
from verification.checks import Check, Over
from verification.ledger_checks import replayed
from verification.reading import MOMENT
from verification.rows import Source
from verification.stored import Stored


def content(_run: str, items: pd.DataFrame) -> pd.DataFrame:
    """What must be in the rows of `items` (key, subject)."""
    return pd.DataFrame(
        {
            "thing": np.array([ids.uuid_of(n) for n in items["subject"].tolist()], object),
            "quantity": [shop.quantity(op) for op in items["key"].tolist()],
        }
    )


STORED = Stored(
    thing="order",
    source=Source(
        ORDERS.name,
        "key",
        {"stored": "stored"},
        {"id": "str", "thing": "str", "quantity": "int64", "stored": MOMENT},
    ),
    content=content,
    about=f"thing {ids.POOL_SQL}",
    answered=", under the id that was answered",
    checks=(
        Check(
            "SH1",
            "Every replay was answered with the id of the stored order.",
            "replays against stored orders",
            replayed,
            fed_by=("repeat",),
            over=Over.KEY,
        ),
    ),
)
