"""In what way an operation did not end as expected, in one word: what a reader looks for first."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.outcomes import Failure


def ways(wrong: pd.DataFrame) -> npt.NDArray[np.str_]:
    """What each of these operations failed by: its failure, its status, or else its outcome."""
    failure = wrong["failure"].astype(str).to_numpy()
    status = wrong["status"].to_numpy()
    named = (failure != Failure.NONE.name) & (failure != "nan")
    answered = np.where(status > 0, status.astype(str), wrong["outcome"].astype(str).to_numpy())
    return np.where(named, failure, answered).astype(str)
