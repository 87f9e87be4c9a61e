"""Where marks and names stand on the axes of a chart: on round numbers, and clear of each other at every width.

A chart is as wide as its page, and its words have one size. So places are shares of its width, and words are laid out
twice: for the narrowest plot on a desk, and for that on a phone. What is clear there is clear where there is more room.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

WIDE, NARROW = 480, 210
"""How wide (px) a plot is at least, of a chart that counts as wide and of one on a phone; charts.css has the border."""
CHARACTER, GAP, ROW = 7.6, 8, 15
"""How wide a character is, what is left free between two words, and the height of a row of them (px)."""
ROWS = 3
"""So many rows of names a chart has at most."""
SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400, 43_200, 86_400, 172_800, 604_800)
"""What may lie between two marks of the time axis."""
IN_SECONDS, IN_MINUTES = 120, 7200
"""Below so many seconds the marks of the time axis are seconds; below so many, minutes and seconds; else hours."""

Mark = tuple[float, str]
"""A place on an axis, as a share of it, and what stands there."""
Band = tuple[str, float, float]
"""A name, and from when to when it holds."""


class Name(NamedTuple):
    """A name above a plot: it begins at a share of its width; or it ends at its right edge."""

    at: float
    row: int
    ends: bool
    text: str


def number(value: float) -> str:
    """A number on an axis or beside it, of four digits at most unless it is a whole one."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def clock(second: float, over: float) -> str:
    """A second of a load that is `over` then, as time_unit says."""
    if over < IN_SECONDS:
        return f"{second:g}"
    whole, rest = divmod(int(second) if over < IN_MINUTES else int(second) // 60, 60)
    return f"{whole}:{rest:02d}"


def time_unit(over: float) -> str:
    """What the marks of a load of so many seconds are."""
    return "seconds" if over < IN_SECONDS else "minutes:seconds" if over < IN_MINUTES else "hours:minutes"


def time_marks(over: float, width: float) -> list[Mark]:
    """The marks of a time axis that is `width` px wide: as many as have room, at round times."""
    size = max(len(clock(second, over)) for second in (0, over)) * CHARACTER + GAP
    step = next((step for step in SECONDS if step / over * width >= size), SECONDS[-1])
    return [(second / over, clock(second, over)) for second in range(0, int(over) + 1, step)]


def clear(marks: Sequence[Mark], width: float) -> list[Mark]:
    """Those of `marks`, ascending and centred on their places, that are clear of the ones before them."""
    kept: list[Mark] = []
    until = -math.inf
    for at, text in marks:
        half = len(text) * CHARACTER / 2
        if at * width - half >= until:
            kept.append((at, text))
            until = at * width + half + GAP
    return kept


def names(bands: Sequence[Band], over: float, width: float) -> list[Name]:
    """Where the names of `bands` stand; left out are those for which ROWS rows have no place."""
    free: list[float] = []
    found = []
    for name, begin, _ in bands:
        text = shortened(name, width)
        size = len(text) * CHARACTER + GAP
        ends = begin / over * width + size > width
        left = width - size if ends else begin / over * width
        row = next((row for row, until in enumerate(free) if until <= left), len(free))
        if row < ROWS and text:
            free[row : row + 1] = [left + size]
            found.append(Name(1.0 if ends else begin / over, row, ends, text))
    return found


def shortened(name: str, width: float) -> str:
    """`name`, or as much of it as fits into `width` px."""
    most = int((width - GAP) // CHARACTER)
    return name if len(name) <= most else name[: most - 1] + "…"


def apart(wanted: Sequence[float], least: float, low: float, high: float) -> list[float]:
    """Where words stand that should be at `wanted`: between `low` and `high`, and at `least` so far from each other as
    there is room.
    """
    order = sorted(range(len(wanted)), key=lambda place: wanted[place])
    least = min(least, (high - low) / max(len(wanted) - 1, 1))
    found = [min(max(place, low), high) for place in wanted]
    for before, after in itertools.pairwise(order):
        found[after] = max(found[after], found[before] + least)
    limit = high
    for place in reversed(order):
        found[place] = min(found[place], limit)
        limit = found[place] - least
    return found


class Scale(NamedTuple):
    """The axis of values: its marks, and where between its ends, 0 and 1, a value is."""

    marks: list[float]
    high: float
    place_of: Callable[[float], float]


def even(highest: float) -> Scale:
    """From 0 to `highest`, or a little above it."""
    marks = round_numbers(highest)
    return Scale(marks, marks[-1], lambda value: min(max(value / marks[-1], 0.0), 1.0))


def round_numbers(highest: float) -> list[float]:
    """About five round numbers from 0 to `highest` or a little above it."""
    if highest <= 0:
        return [0.0, 1.0]
    rough = highest / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    steps = max(math.ceil(highest / step - 1e-9), 1)
    # As if it were typed: 0.3, and not three times 0.1.
    return [float(f"{step * place:.12g}") for place in range(steps + 1)]


def logarithmic(least: float, most: float, height: float) -> Scale:
    """From `least` to `most`, both above 0, or a little beyond; marks that `height` px have room for."""
    round_ones = [float(f"{factor}e{power}") for power in _powers(least, most) for factor in (1, 2, 5)]
    low = max(mark for mark in round_ones if mark <= least * (1 + 1e-9))
    high = min(mark for mark in round_ones if mark >= most * (1 - 1e-9) and mark > low)
    span = math.log10(high / low)
    inside = [mark for mark in round_ones if low <= mark <= high]
    marks = inside
    for every in range(1, len(round_ones)):
        if _closest(marks) / span * height >= ROW:
            break
        marks = [mark for mark in inside if (power := _power(mark)) is not None and power % every == 0]

    def place_of(value: float) -> float:
        return min(max(math.log10(value / low) / span, 0.0), 1.0) if value > 0 else 0.0

    return Scale(marks, high, place_of)


def _powers(least: float, most: float) -> range:
    return range(math.floor(math.log10(least)) - 1, math.ceil(math.log10(most)) + 2)


def _power(mark: float) -> int | None:
    """Of which power of ten it is; None if of none."""
    power = round(math.log10(mark))
    return power if float(f"1e{power}") == mark else None


def _closest(marks: Sequence[float]) -> float:
    """How far those two are from each other that are closest, in powers of ten."""
    return min((math.log10(b / a) for a, b in itertools.pairwise(marks)), default=math.inf)
