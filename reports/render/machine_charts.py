"""What each machine that a load came from did in the course of it: arrivals, cores, and how late it was itself."""

import numpy as np
import numpy.typing as npt

from reports.render.svg import STYLES, Chart, Line
from reports.samples.evidence import Evidence
from reports.samples.monitor_lines import Line as Sampled
from reports.samples.series import Series, Values, means
from reports.statistics.percentiles import binned
from reports.tables.machines import sampled

LATE = 0.99
"""The quantile of lateness that is drawn."""
CPU = "machine.cpu"


def charts(evidence: Evidence, course: Series) -> list[Chart]:
    """The charts of a run; none if all load processes were on the master's machine. So many machines as can be told
    apart have lines.
    """
    told = {int(one["number"]): f"{one['number']}: {one['host']}" for one in evidence.run.facts.get("machines") or ()}
    if not told:
        return []
    frame, groups = evidence.samples.frame, evidence.samples.frame.groups
    machine = {one.worker: one.machine for one in evidence.processes}
    of = np.array([machine.get(worker) or 0 for worker in groups.worker.tolist()], np.int64)
    begun, late, cores = list[Line](), list[Line](), list[Line]()
    for (number, name), style in zip(sorted(told.items()), STYLES, strict=False):
        own = (of == number) & ~groups.partner
        start = frame.values("start", own)
        during = start >= 0
        steps = np.minimum(start[during] // course.width, len(course.begin) - 1).astype(np.int64)
        counts = np.bincount(steps, minlength=len(course.begin))
        begun.append(Line(name, style, (counts / course.width).tolist()))
        lag = (frame.values("lag_s", own) - frame.values("waited_s", own))[during]
        late.append(Line(name, style, _late(lag, steps, len(course.begin))))
        lines: list[Sampled] = sampled(evidence, number)
        used = means(lines, evidence.began or 0, course, {name: CPU})
        cores += [Line(name, style, values) for values in used.values()]
    found = [Chart("Operations begun a second, by machine", begun, "/s")]
    found.append(Chart("How late each machine was itself (p99)", late, " ms"))
    return [*found, Chart("Cores in use on each machine", cores)] if cores else found


def _late(lag: npt.NDArray[np.float64], steps: npt.NDArray[np.int64], count: int) -> Values:
    """In ms; None in a step in which nothing was begun."""
    (values,) = binned(lag * 1e3, steps, count, [LATE])
    return [None if np.isnan(value) else round(float(value), 3) for value in values]
