"""What the database holds of each operation and when, as verification read it: effects.npy in the run folder.

The report needs it for end-to-end times, and must not read the database itself.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.errors import RunError

EFFECT = np.dtype(
    [
        ("op", "<i8"),  # the operation's number, as systems.ids.operation makes it
        ("committed", "<i8"),  # ns, on the clock of the journals (CLOCK_MONOTONIC): when the effect was stored
        ("completed", "<i8"),  # ns: when it was completed (a message: sent); 0 = never
    ]
)

FILE = "effects.npy"


def write(folder: Path, effects: npt.NDArray[np.void]) -> None:
    """Store `effects` (of dtype EFFECT) in the run folder."""
    np.save(folder / FILE, effects, allow_pickle=False)


def read(folder: Path) -> npt.NDArray[np.void] | None:
    """The effects of a run; None if verification did not read them, RunError if the file is damaged."""
    path = folder / FILE
    if not path.exists():
        return None
    try:
        effects: npt.NDArray[np.void] = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise RunError(f"{path}: {error}: expected what verification wrote; verify the run again") from None
    return effects
