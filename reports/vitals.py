"""What was going on under the load, in the steps of its timeline: operations in flight, and cores in use."""

from collections.abc import Mapping, Sequence

import numpy as np

from reports.course import flying
from reports.samples import Samples
from reports.saturation import Line
from reports.series import Series, Values

CPU = {"target": "target.cpu", "PostgreSQL": "postgres.cpu", "generator": "generator.cpu"}
"""What is drawn of the monitor's samples, each in cores."""


def in_flight(samples: Samples, course: Series) -> Values:
    """The operations in flight in each step of `course`, on average; what never ended is in flight to the end."""
    start, end = samples.frame["start"].to_numpy(), samples.frame["end"].to_numpy()
    marks = np.array([*course.begin, course.begin[-1] + course.width], float)
    values: Values = (flying(start, end, marks) / course.width).tolist()
    return values


def cores(lines: Sequence[Line], began: int, course: Series) -> Mapping[str, Values]:
    """The mean cores in use in each step, by what used them; None where there was no sample. Empty: nobody watched."""
    found: dict[str, Values] = {}
    for name, key in CPU.items():
        at = np.array([(line["at"] - began) / 1e9 for line in lines if key in line])
        used = np.array([line[key] for line in lines if key in line])
        place = (at // course.width).astype(np.int64)
        inside = (at >= 0) & (place < len(course.begin))
        if not inside.any():
            continue
        counts = np.bincount(place[inside], minlength=len(course.begin))
        sums = np.bincount(place[inside], used[inside], minlength=len(course.begin))
        found[name] = [float(total / n) if n else None for total, n in zip(sums, counts, strict=True)]
    return found
