"""The operations that took longest, each with what leads to it: its key, and its trace."""

from typing import Any

import numpy as np

from reports.samples.samples import Samples
from systems import ids
from systems.traces import trace_of

SHOWN = 10
"""The number of them that are listed."""


def slowest(samples: Samples, run: str, traced: bool) -> list[dict[str, Any]]:
    """Those with the greatest response times over the whole load, the slowest first; `traced`: they have trace ids."""
    response = samples.frame["response_s"].to_numpy()
    ended = np.flatnonzero(~np.isnan(response))
    if len(ended) > SHOWN:
        ended = ended[np.argpartition(response[ended], -SHOWN)[-SHOWN:]]
    found = samples.frame.iloc[ended].sort_values(["response_s", "start"], ascending=[False, True], kind="stable")
    return [
        {
            "kind": str(one["kind"]),
            "phase": samples.stretches[int(one["stage"])].phase,
            "at": float(one["sched"]),
            "response": float(one["response_s"]),
            "service": float(one["service_s"]),
            "outcome": str(one["outcome"]),
            "status": int(one["status"]) or None,
            "key": ids.key(run, int(one["op"])),
            "trace": trace_of(run, int(one["op"])) if traced else None,
        }
        for one in found.to_dict("records")
    ]
