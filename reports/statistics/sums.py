"""Sums as numpy has them, to the bit, of values that are computed a part at a time.

A sum of floats depends on the order in which they are added. numpy halves what is to be added until little is left
(pairwise summation), where it halves depends on their number only; so halves can be added on their own.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from reports.statistics import parts

Array = npt.NDArray[Any]


def variance(values: Array) -> float:
    """What `values.var()` is, without a copy of them."""
    mean = np.add.reduce(values, dtype=float) / len(values)

    def squares(own: slice) -> Array:
        off: Array = values[own] - mean
        off *= off
        return off

    return total(squares, 0, len(values)) / len(values)


def total(part: Callable[[slice], Array], begin: int, count: int) -> float:
    """The sum of `count` values from place `begin` on, of which `part` computes those in a slice."""
    if count <= parts.PART:
        return float(np.add.reduce(part(slice(begin, begin + count))))
    half = count // 2
    half -= half % 8
    return total(part, begin, half) + total(part, begin + half, count - half)
