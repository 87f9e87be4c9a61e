"""A run divided by numbers that one follows the other: positions, times, places. Each part has a range of them."""

import numpy as np

from verification.arrays import Array


def ranges(values: Array, first: int, last: int, count: int) -> Array:
    """In which of `count` equal ranges from `first` to `last` each of `values` is; what is before or after them is in
    the first or the last.
    """
    last = max(first, last)
    # So wide that no product is needed, which might be too large a number.
    width = (last - first) // count + 1
    found: Array = (np.clip(values, first, last) - first) // width
    return found
