"""Records of a file as a mapping of it: what is read of them is the kernel's to keep or to drop, and not ours.

The file must not become shorter meanwhile.
"""

import mmap
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def records(path: Path, dtype: np.dtype[np.void], offset: int) -> npt.NDArray[np.void]:
    """The whole records in the file at `path` from `offset` on."""
    with path.open("rb") as file:
        count = max(path.stat().st_size - offset, 0) // dtype.itemsize
        if not count:
            return np.zeros(0, dtype)
        return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), dtype, count, offset)


def forget(array: npt.NDArray[Any]) -> None:
    """Take what was read of a mapping out of our memory; of any other array nothing."""
    base: Any = array
    while isinstance(base, np.ndarray | memoryview):
        base = base.base if isinstance(base, np.ndarray) else base.obj
    if isinstance(base, mmap.mmap):
        base.madvise(mmap.MADV_DONTNEED)
