"""What the database holds of each operation and when, as verification read it: effects.npy in the run folder.

The report needs it for what is counted in effects and for end-to-end times, and must not read the database itself.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.errors import RunError

FILE = "effects.npy"


def fields(points: Iterable[str]) -> np.dtype[np.void]:
    """What is known of an effect: op (the number of its operation), item, and for each of the plan's `points` when it
    was reached: ns on the clock of the load's master, 0 = never.
    """
    return np.dtype([("op", "<i8"), ("item", "<u4"), *((point, "<i8") for point in points)])


def write(folder: Path, effects: npt.NDArray[np.void]) -> None:
    """Store `effects` (with `fields`), one for each item that is there, in the run folder; RunError without room."""
    write_pieces(folder, effects.dtype, len(effects), [effects])


def write_pieces(folder: Path, dtype: np.dtype[np.void], count: int, pieces: Iterable[npt.NDArray[np.void]]) -> None:
    """The same of `count` effects that come piece by piece, in their order."""
    path = folder / FILE
    try:
        with path.open("wb") as file:
            header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (count,)}
            np.lib.format.write_array_header_1_0(file, header)
            for piece in pieces:
                file.write(np.ascontiguousarray(piece, dtype).data)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise RunError(f"{path}: {error.strerror or error}: expected room for it; then verify the run again") from None


def read(folder: Path, points: Iterable[str]) -> npt.NDArray[np.void] | None:
    """The effects of a run whose plan has these `points`, where they lie; None if verification did not read them,
    RunError if the file is damaged or of another version.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        effects: npt.NDArray[np.void] = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (ValueError, EOFError) as error:
        raise RunError(f"{path}: {error}: expected what verification wrote; verify the run again") from None
    expected = fields(points)
    if effects.dtype != expected:
        raise RunError(f"{path}: has {effects.dtype.names}, expected {expected.names}; verify the run again")
    return effects
