"""What was completed before the plan disturbed something stays as it was: at what time, by the database, is kept."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness import completed
from harness.run import Run

FILE = "settled.bin"
"""In the run folder: a record for each effect at each disturbance."""
RECORD = np.dtype([("op", "<i8"), ("at", "<i8")])
"""The operation whose key it has, and when it was completed (µs since 1970, by the database's clock)."""
MOST = 100_000
"""So many are taken at most, the last ones."""


def take(run: Run, url: str) -> None:
    """Keep what of `run` is completed by now; nothing where its database has no place for that."""
    lines = [(op, at) for op, _, at in completed.latest(run, url, MOST)]
    if not lines:
        return
    with (run.folder / FILE).open("ab") as file:
        file.write(np.array(lines, RECORD).tobytes())


def read(folder: Path) -> npt.NDArray[Any]:
    """All that was kept of the run in `folder`, one disturbance after the other; nothing, if there was none."""
    path = folder / FILE
    return np.frombuffer(path.read_bytes(), RECORD) if path.exists() else np.zeros(0, RECORD)
