"""What flows through a target: its effects at each of their points, what waits to be completed, how full queues are."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reports.render.svg import STYLES, Chart, Line
from reports.samples.effects import Effects
from reports.samples.evidence import Evidence
from reports.samples.series import Series, Values, means

FEW = 2
"""Of so few points the rates are nearly the same line: what waits between them says more."""
PREFIX, DEPTH, OLDEST = "queue.", ".depth", "queue.oldest"


def charts(evidence: Evidence, course: Series) -> list[Chart]:
    """The charts of a run; none if its effects have one point only, and the target tells of no queues."""
    scenario, found = evidence.samples.scenario, list[Chart]()
    points, effects = scenario.points, evidence.samples.effects
    if effects is not None and len(points) >= FEW:
        passing = effects.passing
        first, last = (_steps(passing, point, course) for point in (points[0], points[-1]))
        title = f"{scenario.items.capitalize()} {points[0]} and not yet {points[-1]}"
        if len(passing):
            found.append(Chart(title, [Line("waiting", STYLES[0], _between(first, last))]))
    if effects is not None and len(points) > FEW:
        rates = [(point, _rate(_steps(effects, point, course), course)) for point in points]
        found.append(Chart(f"{scenario.items.capitalize()} a second, at each point", _lines(rates), "/s"))
    began = evidence.began or 0
    named = {name for line in evidence.monitor for name in line if name.startswith(PREFIX) and name.endswith(DEPTH)}
    keys = {name[len(PREFIX) : -len(DEPTH)]: name for name in sorted(named) if name.count(".") > 1}
    if depths := means(evidence.monitor, began, course, keys):
        found.append(Chart("What waits in each queue", _lines(list(depths.items()))))
    if oldest := means(evidence.monitor, began, course, {"the oldest of all": OLDEST}):
        found.append(Chart("For how long the oldest message has been waiting", _lines(list(oldest.items())), " s"))
    return found


def _lines(values: Sequence[tuple[str, Values]]) -> list[Line]:
    return [Line(name, style, line) for (name, line), style in zip(values, STYLES, strict=False)]


def _steps(effects: Effects, point: str, course: Series) -> npt.NDArray[np.int64]:
    """How many came to a point in each step; what never did, or in no step, is in none."""
    found = np.zeros(len(course.begin), np.int64)
    for part in effects.parts():
        moments = part.seconds(point)
        steps = (moments[~np.isnan(moments)] // course.width).astype(np.int64)
        inside = steps[(steps >= 0) & (steps < len(found))]
        found += np.bincount(inside, minlength=len(found))
    return found


def _rate(counts: npt.NDArray[np.int64], course: Series) -> Values:
    """How many came there in each step, a second."""
    rates: Values = (counts / course.width).tolist()
    return rates


def _between(first: npt.NDArray[np.int64], last: npt.NDArray[np.int64]) -> Values:
    """How many had passed the first point and not the last one, at the end of each step."""
    waiting: Values = np.cumsum(first - last).astype(float).tolist()
    return waiting
