"""The operations of a run and their effects as rows, each with all of its columns, for tests to look at."""

import numpy as np
import pandas as pd

from reports.samples.effects import Effects
from reports.samples.frame import TIMES
from reports.samples.samples import OUTCOMES, Samples


def operations(samples: Samples) -> pd.DataFrame:
    """A row for each operation, kinds and outcomes by their names."""
    frame = samples.frame
    shared = ("stage", "ok", "partner", "worker", "status", "failure")
    names = {"kind": np.array(frame.kinds), "outcome": np.array(OUTCOMES)}
    columns = {name: frame[name] for name in ("op", *TIMES, *shared)}
    return pd.DataFrame({**columns, **{name: known[frame[name]] for name, known in names.items()}})


def effects(samples: Samples) -> pd.DataFrame:
    """A row for each effect."""
    assert samples.effects is not None
    found: Effects = samples.effects
    columns = {point: found.values(point) for point in found.points}
    return pd.DataFrame({"place": found.place, "stays": found.staying[found.group], **columns})
