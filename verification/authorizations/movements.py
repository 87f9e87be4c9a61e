"""The stored movements: which operation stored each, what it moved, and which transaction wrote it last."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from systems import ids
from systems.authorizations import MOVES
from verification.arrays import Array, Mask
from verification.authorizations.standing import Names
from verification.binary import HEX, ID, MOMENT, NONE, WHOLE, WRITER, selected
from verification.reading import Reader
from verification.rows import digits, of_run, whole

NUMBERS: Mapping[str, str] = {
    "authorization": ID,
    "move": WHOLE,
    "units": WHOLE,
    "practitioner": ID,
    "created_at": MOMENT,
    "writer": WRITER,
}
"""What is read of a movement besides its key: `move` is a place in MOVES, `writer` its xmin. NONE: nothing of ours."""
OF_KEY = {"op": HEX, **NUMBERS}

XIDS = 2**32
"""The modulus of transaction numbers."""


@dataclass(frozen=True)
class Early:
    """The movements of a run at an earlier look."""

    snapshot: str
    """As pg_current_snapshot() gave it: the first transaction that had not ended, the next to begin, and those between
    that had not ended.
    """
    count: int
    """How many there were."""

    def saw(self, writers: Array) -> Mask:
        """Which of `writers` (xmin) had committed by then."""
        unended = [int(number) % XIDS for number in self.snapshot.split(":")[2].split(",") if number]
        return (self.age(writers) > 0) & ~np.isin(writers, unended)

    def age(self, writers: Array) -> Array:
        """How many transactions had begun by then since each of `writers` did; 0 or less: it began after that."""
        since = (int(self.snapshot.split(":")[1]) - writers) % XIDS
        return np.where(since < XIDS // 2, since, since - XIDS)


def early(reader: Reader, run: str, names: Names) -> Early:
    """The stored movements of `run`."""
    snapshot, count = reader.row(
        f"SELECT pg_current_snapshot()::text, count(*) FROM {names['movements']} "
        f"WHERE {names['movement_key']} LIKE %(ours)s",
        {"ours": f"{run}-%"},
    )
    return Early(snapshot, int(count))


Take = Callable[[pd.DataFrame], None]
"""What is given movements, piece by piece."""


def read(
    reader: Reader, run: str, names: Names, *, everything: bool, take: Take | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The movements under keys of `run`, and those about authorizations of the pool under other keys; or `everything`.

    op (NONE if the key names none), stray (that key), and NUMBERS. With `take`, that is given the former, and of these
    none are returned.
    """
    unknown = False

    def named(piece: dict[str, npt.NDArray[Any]]) -> pd.DataFrame:
        nonlocal unknown
        known = piece["op"] != NONE
        if known.all():
            return frame(piece)
        unknown = True
        return frame({name: column[known] for name, column in piece.items()})

    key = names["movement_key"]
    source = (
        f"FROM {names['movements']} WHERE "
        f"({everything} OR {key} LIKE %(ours)s OR {names['movement_authorization']} {ids.POOL_SQL})"
    )
    parameters = of_run(run)
    numbers = selected(_expressions(names), NUMBERS)
    columns = reader.columns(
        f"SELECT CASE WHEN {whole(key)} THEN {digits(key)} ELSE '{'?' * ids.OPERATION_DIGITS}' END, {numbers} {source}",
        OF_KEY,
        parameters,
        (lambda piece: take(named(piece))) if take else None,
    )
    own = named(columns)
    if not unknown:
        return own, none()
    # The same that `binary.operations` knows. Ordered, so that both queries give the same rows at the same places.
    source += f" AND ({key} ~ '^{run}-{ids.PLAIN_SUFFIX}$') IS NOT TRUE ORDER BY tableoid, ctid"
    keys = reader.frame(f"SELECT {key} {source}", {"stray": "str"}, parameters)["stray"]
    moved = reader.columns(f"SELECT {numbers} {source}", NUMBERS, parameters)
    strays = frame({"op": np.full(len(keys), NONE), **moved})
    strays["stray"] = keys.astype(object)
    ours = keys.str.startswith(f"{run}-").eq(True).to_numpy()
    others = strays[~ours].sort_values("created_at")
    if take:
        take(strays[ours].reset_index(drop=True))
        return own, others
    return pd.concat([own, strays[ours]], ignore_index=True), others


def none() -> pd.DataFrame:
    """As `read` gives them, where there is no table of movements."""
    return frame({name: np.zeros(0, "datetime64[us]" if kind == MOMENT else np.int64) for name, kind in OF_KEY.items()})


def _expressions(names: Names) -> dict[str, str]:
    cases = " ".join(f"WHEN '{move}' THEN {place}" for place, move in enumerate(MOVES))
    return {
        "authorization": names["movement_authorization"],
        "move": f"CASE {names['movement_kind']}::text {cases} END",
        "units": names["movement_units"],
        "practitioner": names["movement_practitioner"],
        "created_at": names["movement_created"],
        "writer": "xmin",
    }


def frame(columns: Mapping[str, npt.NDArray[Any]]) -> pd.DataFrame:
    """Movements under keys that name operations."""
    found = pd.DataFrame(dict(columns))
    found.insert(1, "stray", np.full(len(found), None, object))
    return found
