"""Arrays one behind the other as they are in memory, behind a line of text that says what they are."""

import json
from ast import literal_eval
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from verification.arrays import Array

ALIGNED = 64
"""The line has a multiple of so many bytes, with which a processor likes arrays to begin."""


def written(file: BinaryIO, arrays: Mapping[str, npt.NDArray[Any]]) -> int:
    """Write them; how many bytes these are. ValueError for what is nothing but a place in the memory of a process."""
    plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    if any(array.dtype.hasobject or array.ndim != 1 for array in plain.values()):
        raise ValueError(f"{', '.join(plain)}: expected arrays of numbers, of one dimension")
    head = [[name, repr(np.lib.format.dtype_to_descr(array.dtype)), len(array)] for name, array in plain.items()]
    line = json.dumps(head).encode()
    line += b" " * (-(len(line) + 1) % ALIGNED) + b"\n"
    file.write(line)
    for array in plain.values():
        file.write(array.view(np.uint8).data)
    return len(line) + sum(array.nbytes for array in plain.values())


def arrays(data: bytearray) -> dict[str, npt.NDArray[Any]]:
    """The arrays that were written, where they lie in `data`."""
    at = data.index(b"\n") + 1
    found: dict[str, npt.NDArray[Any]] = {}
    for name, described, length in json.loads(data[:at]):
        dtype = _dtype(described)
        found[name] = np.frombuffer(data, dtype, length, at)
        at += length * dtype.itemsize
    return found


def concatenated(pieces: Iterable[npt.NDArray[Any]], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Arrays of a type one behind the other: as bytes, for of what has fields each would be copied by itself."""
    wanted = np.dtype(dtype)
    same = [np.ascontiguousarray(piece, wanted).view(np.uint8) for piece in pieces]
    found: npt.NDArray[Any] = np.concatenate([np.zeros(0, np.uint8), *same]).view(wanted)
    return found


def taken(arrays: Mapping[str, npt.NDArray[Any]], lines: Array) -> dict[str, npt.NDArray[Any]]:
    """These lines of each: of what has fields `array[lines]` takes ten times as long."""
    return {name: array.take(lines) for name, array in arrays.items()}


@lru_cache(maxsize=64)  # there are a few, of many pieces each
def _dtype(described: str) -> np.dtype[Any]:
    found: np.dtype[Any] = np.lib.format.descr_to_dtype(literal_eval(described))
    return found
