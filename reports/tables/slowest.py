"""The operations of each kind that took longest, each with what leads to it and what the monitor saw then."""

from collections.abc import Callable
from typing import Any

import numpy as np

from reports.samples.samples import Samples
from systems import ids
from systems.traces import trace_of

SHOWN = 10
"""The number of them that are listed of each kind."""

Saw = Callable[[float], str | None]


def slowest(samples: Samples, run: str, traced: bool, saw: Saw) -> list[dict[str, Any]]:
    """Of each kind those with the greatest response times over the whole load, all together the slowest first.

    `traced`: they have trace ids; `saw` says what the monitor saw in a second of the plan.
    """
    response, kind = samples.frame["response_s"].to_numpy(), samples.frame["kind"].cat.codes.to_numpy()
    ended = np.flatnonzero(~np.isnan(response))
    listed = [_greatest(response, ended[kind[ended] == code]) for code in np.unique(kind[ended])]
    lines = np.concatenate([np.zeros(0, np.int64), *listed])
    found = samples.frame.iloc[lines].sort_values(["response_s", "start"], ascending=[False, True], kind="stable")
    return [
        {
            "op": int(one["op"]),
            "kind": str(one["kind"]),
            "phase": samples.stretches[int(one["stage"])].phase,
            "at": float(one["sched"]),
            "begun": float(one["start"]),
            "ended": float(one["end"]),
            "response": float(one["response_s"]),
            "service": float(one["service_s"]),
            "outcome": str(one["outcome"]),
            "status": int(one["status"]) or None,
            "key": ids.key(run, int(one["op"])),
            "trace": trace_of(run, int(one["op"])) if traced else None,
            "saw": saw(float(one["start"])),
        }
        for one in found.to_dict("records")
    ]


def _greatest(response: Any, lines: Any) -> Any:
    """Of these lines those with the greatest times."""
    return lines[np.argpartition(response[lines], -SHOWN)[-SHOWN:]] if len(lines) > SHOWN else lines
