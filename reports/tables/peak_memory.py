"""The most memory that target, PostgreSQL and generator had in each phase, as the monitor saw it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reports.samples import phases
from reports.samples.samples import Samples
from reports.samples.scope import within

WHAT = ("target", "postgres", "generator")


def peak_memory(samples: Samples, lines: Sequence[Mapping[str, float]], began: int | None) -> list[dict[str, Any]]:
    """A row for each phase, in bytes; None: the monitor has nothing of it then. No row, if it never has."""
    if began is None or not any(f"{what}.rss" in line for line in lines for what in WHAT):
        return []
    at = (np.array([line["at"] for line in lines], float) - began) / 1e9
    rows = []
    for name in phases.names(samples.stretches):
        stages = np.array([stretch.phase == name for stretch in samples.stretches])
        inside = [line for line, own in zip(lines, within(samples, stages, at), strict=True) if own]
        peaks = {what: [line[f"{what}.rss"] for line in inside if f"{what}.rss" in line] for what in WHAT}
        rows.append({"phase": name, **{what: max(seen, default=None) for what, seen in peaks.items()}})
    return rows
