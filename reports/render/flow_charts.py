"""What flows through a target with queues: its effects at each of their points, and how full each queue is."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reports.render.svg import Line
from reports.samples.evidence import Evidence
from reports.samples.series import Series, Values, means

STYLES = tuple(f"of{place}" for place in range(7))
"""So many lines a chart has: more could not be told apart."""
FEW = 2
"""Of so few points the table of phases says enough."""
PREFIX, DEPTH, OLDEST = "queue.", ".depth", "queue.oldest"

Chart = tuple[str, list[Line], str]
"""Title, lines, and what stands behind its numbers."""


def charts(evidence: Evidence, course: Series) -> list[Chart]:
    """The charts of a run; none if its effects have few points, or the target tells of no queues."""
    scenario, found = evidence.samples.scenario, list[Chart]()
    points = scenario.points
    if evidence.samples.effects is not None and len(points) > FEW:
        effects = evidence.samples.effects
        rates = [(point, _rate(effects[point].to_numpy(), course)) for point in points]
        found.append((f"{scenario.items.capitalize()} a second, at each point", _lines(rates), "/s"))
    began = evidence.began or 0
    named = {name for line in evidence.monitor for name in line if name.startswith(PREFIX) and name.endswith(DEPTH)}
    keys = {name[len(PREFIX) : -len(DEPTH)]: name for name in sorted(named) if name.count(".") > 1}
    if depths := means(evidence.monitor, began, course, keys):
        found.append(("What waits in each queue", _lines(list(depths.items())), ""))
    if oldest := means(evidence.monitor, began, course, {"the oldest of all": OLDEST}):
        found.append(("For how long the oldest message has been waiting", _lines(list(oldest.items())), " s"))
    return found


def _lines(values: Sequence[tuple[str, Values]]) -> list[Line]:
    return [Line(name, style, line) for (name, line), style in zip(values, STYLES, strict=False)]


def _rate(moments: npt.NDArray[np.float64], course: Series) -> Values:
    """How many came there in each step, a second; what never came there is in none."""
    steps = (moments[~np.isnan(moments)] // course.width).astype(np.int64)
    inside = steps[(steps >= 0) & (steps < len(course.begin))]
    rates: Values = (np.bincount(inside, minlength=len(course.begin)) / course.width).tolist()
    return rates
