"""Parcels and logged refusals: what must be stored, and what a read can have answered."""

import numpy as np
import pandas as pd

from systems import ids, parcels
from verification import reads
from verification.case import Case
from verification.ledger import find
from verification.reading import MOMENT
from verification.rows import Source
from verification.stored import Stored


def content(_run: str, items: pd.DataFrame) -> pd.DataFrame:
    """What must be in the rows of `items` (key, item, kind)."""
    lines = zip(items["key"].tolist(), items["item"].tolist(), items["kind"].tolist(), strict=True)
    return pd.DataFrame(
        {"content": [parcels.refusal(op) if kind == "refused" else parcels.content(op, n) for op, n, kind in lines]}
    )


def versions(case: Case) -> pd.DataFrame:
    """Each parcel that was read and is stored: there from when its batch was sent, for certain once it must be."""
    ledger = case.ledger
    ops = ledger.ops["op"].to_numpy()
    rows = case.rows[case.rows["op"] >= 0]
    subject = parcels.subject(rows["op"].to_numpy(), rows["item"].to_numpy())
    read = np.isin(subject, ledger.ops["subject"].to_numpy()[ledger.kind("read")])
    place, sent = find(ops, rows["op"].to_numpy())
    there = read & sent
    within = round(ledger.scenario.effects["batch"]["ACK"].within * 1e9)
    latest = ledger.latest[place[there]]
    return reads.versions(
        subject[there],
        np.zeros(int(there.sum()), np.int64),
        np.array([ids.digest(text) for text in rows["content"][there]], np.int64),
        ledger.earliest[place[there]],
        np.where(latest > 0, latest + within, reads.NEVER),
    )


STORED = Stored(
    thing="parcel",
    source=Source("entries", "key", {"stored": "stored_at"}, {"content": "str", "stored_at": MOMENT}),
    content=content,
    versions=versions,
)
