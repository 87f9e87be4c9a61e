"""When the plan disturbed something: what of its answers is an error then is the plan's doing, and for its rules."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.disturber import ANNOUNCED
from harness.run import Run
from verification.arrays import Array, Mask


@dataclass(frozen=True)
class Announced:
    """A disturbance that was made."""

    verb: str
    what: str
    """What it was done to: target, postgres, a service …"""
    begin: int
    done: int
    end: int
    """When it was begun and done (what is started again was up), and its stage ended: ns of the master's clock."""


def read(run: Run) -> tuple[Announced, ...]:
    """Those of a run, in their order."""
    return tuple(
        Announced(str(one["verb"]), str(one["what"]), int(one["begin"]), int(one["done"]), int(one["end"]))
        for one in run.facts.get(ANNOUNCED) or []
    )


def during(announced: Sequence[Announced], start: Array, end: Array) -> Mask:
    """Which operations, from `start` to `end` (0: never), were under way in such a time."""
    found = np.zeros(len(start), bool)
    for one in announced:
        found |= (start <= one.end) & ((end == 0) | (end >= one.begin))
    return found
