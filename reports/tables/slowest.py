"""The operations of each kind that took longest, each with what leads to it and what the monitor saw then."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from reports.samples.frame import TIMES, Frame
from reports.samples.samples import OUTCOMES, Samples
from systems import ids
from systems.traces import trace_of

SHOWN = 10
"""The number of them that are listed of each kind."""

Saw = Callable[[float], str | None]


def slowest(samples: Samples, run: str, traced: bool, saw: Saw) -> list[dict[str, Any]]:
    """Of each kind those with the greatest response times over the whole load, all together the slowest first.

    `traced`: they have trace ids; `saw` says what the monitor saw in a second of the plan.
    """
    frame = samples.frame
    found = frame.rows(_greatest(frame))
    shown = {name: found.column(name).tolist() for name in ("op", "stage", *TIMES, "outcome", "status")}
    kinds = [frame.kinds[code] for code in found.column("kind")]
    return [
        {
            "op": one["op"],
            "kind": kind,
            "phase": samples.stretches[one["stage"]].phase,
            "at": one["sched"],
            "begun": one["start"],
            "ended": one["end"],
            "response": one["response_s"],
            "service": one["service_s"],
            "outcome": OUTCOMES[one["outcome"]],
            "status": one["status"] or None,
            "key": ids.key(run, one["op"]),
            "trace": trace_of(run, one["op"]) if traced else None,
            "saw": saw(one["start"]),
        }
        for kind, one in zip(kinds, _lines(shown), strict=True)
    ]


def _lines(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, line, strict=True)) for line in zip(*columns.values(), strict=True)]


def _greatest(frame: Frame) -> npt.NDArray[np.int64]:
    """The places of the operations of each kind that took longest, and of those that took as long the first ones; the
    longest of all first.
    """
    least = np.full(len(frame.kinds), -np.inf)
    kinds, times, places = np.zeros(0, np.int32), np.zeros(0), np.zeros(0, np.int64)
    for part in frame.parts():
        kind, time = part.column("kind"), part.column("response_s")
        longer = time > least[kind]
        kinds, times = np.append(kinds, kind[longer]), np.append(times, time[longer])
        places = np.append(places, part.places[longer])
        order = np.lexsort((places, -times, kinds))
        among = np.arange(len(order)) - np.searchsorted(kinds[order], kinds[order])
        kept = order[among < SHOWN]
        least[kinds[order[among == SHOWN - 1]]] = times[order[among == SHOWN - 1]]
        kinds, times, places = kinds[kept], times[kept], places[kept]
    found: npt.NDArray[np.int64] = places[np.lexsort((places, kinds, frame.start[places], -times))]
    return found
