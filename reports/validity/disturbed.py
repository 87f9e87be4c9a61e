"""A run that disturbs claims to show how its target takes that: each disturbance was made, and in its stage."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.quantities import duration, share
from reports.samples.evidence import Evidence
from reports.samples.phases import Stretch
from reports.validity.result import ValidityResult, hard

BUSY, BUSY_WINDOW = 0.80, 5
"""The share of a core that the proxies may use, as a load process may, over so many samples."""
SAME_MOMENT_S = 0.5
"""By how much the plan's second of a disturbance and the one on record may differ."""


def condition(evidence: Evidence) -> ValidityResult | None:
    """DISTURBED; None if the plan disturbs nothing."""
    if not evidence.samples.scenario.disturbances:
        return None
    facts = evidence.run.facts
    lines: Sequence[dict[str, Any]] = facts.get("disturbances") or []
    # Of a load that was ended before its time, those that it came to.
    due = [stretch for stretch in evidence.samples.stretches if stretch.disturb]
    if facts.get("interrupted") or facts.get("aborted"):
        due = due[: len(lines)]
    wrong = [said for stretch in due if (said := _wrong(stretch, lines))]
    made = len(due) - len(wrong)
    busy = _busiest(evidence)
    if busy > BUSY:
        wrong.append(
            f"the busiest proxy used {share(busy)} of a core over {BUSY_WINDOW} s: it was what held the load up"
        )
    return ValidityResult(
        "DISTURBED",
        "Every disturbance of the plan was made in its stage, and came to something",
        hard(not wrong),
        "; ".join(wrong) or f"{made} of {len(evidence.samples.scenario.disturbances)} were made",
        f"all, each within its stage; a proxy on the way uses at most {share(BUSY)} of a core",
        "Give its stage more time or more load; a command that failed says why in run.json (disturbances).",
    )


def _busiest(evidence: Evidence) -> float:
    """The share of a core that a proxy used, over BUSY_WINDOW samples; 0 without one."""
    began = evidence.began or 0
    lines = [line for line in evidence.monitor if line.get("proxy.processes") and line["at"] >= began]
    # All of them together, so that one may have used as much.
    used = np.array([line["proxy.cpu"] for line in lines])
    window = min(BUSY_WINDOW, len(used))
    return float(np.convolve(used, np.ones(window) / window, "valid").max()) if window else 0.0


def _wrong(stretch: Stretch, lines: Sequence[dict[str, Any]]) -> str:
    """What is wrong with the disturbance of a stage; "" = nothing."""
    named = f"{stretch.disturb} of {stretch.phase}"
    own = [
        line
        for line in lines
        if line["disturb"] == stretch.disturb and abs(line["planned"] - stretch.begin) < SAME_MOMENT_S
    ]
    if not own:
        return f"{named} was never made"
    line = own[0]
    if line["failed"]:
        return f"{named} failed: {line['failed']}"
    if line["done"] is None:
        return f"{named} was never done"
    if line["count"] == 0:
        return f"{named} came to nothing: {line['said']}"
    late = line["done"] - stretch.end
    return f"{named} was done {duration(late)} after its stage ended" if late > 0 else ""
