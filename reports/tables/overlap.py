"""How many operations were in flight at one time: what is lost only when several meet is not lost if none do."""

from typing import Any

import numpy as np
import numpy.typing as npt

from reports.samples.samples import Samples

Values = npt.NDArray[Any]


def in_flight(samples: Samples) -> tuple[Values, Values]:
    """For each operation how many were in flight when it began, itself among them; and how many met it in all.

    What never ended is in flight to the end. An end and a beginning at one instant do not meet.
    """
    start = samples.frame["start"].to_numpy()
    end = samples.frame["end"].to_numpy()
    end = np.where(np.isnan(end), np.inf, end)
    begun, ended = np.sort(start), np.sort(end)
    before = np.searchsorted(ended, start, "right")
    flying = np.searchsorted(begun, start, "right") - before
    met = np.searchsorted(begun, end, "left") - before
    return flying, met - 1


def overlap(flying: Values, met: Values) -> dict[str, Any]:
    """Of some of them the most that were in flight at once, and the share that met another."""
    return {"at_once": int(flying.max(initial=0)), "met": float((met > 0).mean()) if len(met) else None}
