"""Every way in which operations failed is listed with how often, when first, and one of them to look up."""

from typing import Any

from reports.samples.samples import Samples
from systems import ids
from systems.traces import trace_of

SHOWN = 20
"""The number of ways to fail that are listed; the rest are counted together."""

WAY = ["kind", "outcome", "status", "failure"]


def failures(samples: Samples, run: str, traced: bool = False) -> list[dict[str, Any]]:
    """The operations of run id `run` whose outcome their kind does not expect, by kind, outcome, status and failure;
    `traced`: they have trace ids.
    """
    wrong = samples.frame[~samples.frame["ok"]].sort_values("start", kind="stable")
    found = wrong.groupby(WAY, observed=True, dropna=False).agg(
        count=("op", "size"), first_s=("start", "first"), example=("op", "first")
    )
    ways: list[dict[str, Any]] = [
        {
            "kind": way["kind"],
            "outcome": way["outcome"],
            "status": int(way["status"]) or None,
            # A code that this version does not know has no name.
            "failure": way["failure"] if isinstance(way["failure"], str) and way["failure"] != "NONE" else None,
            "count": int(way["count"]),
            "first_s": float(way["first_s"]),
            "example": ids.key(run, int(way["example"])),
            "trace": trace_of(run, int(way["example"])) if traced else None,
        }
        for way in found.reset_index().to_dict("records")
    ]
    ways.sort(key=lambda way: (-way["count"], way["first_s"]))
    return [*ways[:SHOWN], *_together(ways[SHOWN:])]


def _together(ways: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not ways:
        return []
    count = sum(way["count"] for way in ways)
    earliest = min(ways, key=lambda way: way["first_s"])
    unlike = {"kind": f"{len(ways)} other ways", "outcome": "", "status": None, "failure": None}
    return [{**earliest, **unlike, "count": count}]
