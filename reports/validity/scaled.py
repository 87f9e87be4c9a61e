"""What a plan scales during its load is there when it is meant to be."""

from collections.abc import Sequence
from typing import Any

from harness.quantities import duration
from reports.samples.evidence import Evidence
from reports.validity.result import ValidityResult, hard

SAME_MOMENT_S = 0.5
"""By how much the plan's second of a change and the one on record may differ."""


def condition(evidence: Evidence) -> ValidityResult:
    """SCALED."""
    facts, stretches = evidence.run.facts, evidence.samples.stretches
    changes = [
        (stretch.begin, service, processes)
        # Of a load that a rule ended, those that it came to.
        for stretch, stage in zip(stretches, evidence.samples.scenario.stages, strict=False)
        for service, processes in stage.scale.items()
    ]
    wrong = [f"scaling failed: {facts['scaling_failed']}"] if facts.get("scaling_failed") else []
    for begin, service, processes in changes:
        done = _reached(facts.get("scaling") or [], begin, service, processes)
        # What is scaled during a load, in a spike say, is to be there while it lasts.
        meanwhile = next((s.end for s in stretches if s.loads and s.begin == begin), None)
        deadline = meanwhile or next((s.begin for s in stretches if s.loads and s.begin >= begin), stretches[-1].end)
        if done is None:
            wrong.append(f"{processes} processes of {service} were never reached")
        elif done > deadline:
            wrong.append(
                f"{processes} processes of {service} were reached {duration(done - deadline)} after their load "
                f"{'ended' if meanwhile else 'began'}"
            )
    return ValidityResult(
        "SCALED",
        "The processes of every service were up before their load began, or in it if they were scaled during it",
        hard(not wrong),
        "; ".join(wrong) or f"all of {len(changes)} changes were in time",
        "before the next phase; of a phase that scales and loads, before its end",
        "Give the change more time: a longer pause before the phase, or a faster PERF_SCALE_CMD.",
    )


def _reached(scaling: Sequence[dict[str, Any]], planned: float, service: str, processes: int) -> float | None:
    """When the change of a service to so many `processes` that was planned for a second was done, if it was."""
    for one in scaling:
        if (one["service"], one["processes"]) == (service, processes) and abs(one["planned"] - planned) < SAME_MOMENT_S:
            return one.get("done")
    return None
