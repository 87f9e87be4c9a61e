"""What a search found, step by step, as verdict.json holds it."""

from collections.abc import Sequence
from typing import Any

from harness.verdict import ValidityState
from reports.rules.search import Searched, Step, disagreements, step_of
from reports.samples.evidence import Evidence
from reports.statistics.percentiles import percentile
from reports.tables.saturation import saturation
from reports.validity.result import ValidityResult


def search(found: Searched, evidence: Evidence, conditions: Sequence[ValidityResult]) -> dict[str, Any]:
    """The limit in one sentence, with what ran out first beyond it, and the steps that show it."""
    valid = all(one.state is not ValidityState.BROKEN for one in conditions if one.id == "SEARCH")
    steps = [_step(step, place, evidence) for place, step in enumerate(found.steps, 1)]
    ran_out: list[str] = next(
        (one["ran_out"] for one in steps if one["load"] == found.edge.broken and one["ran_out"]), []
    )
    sentence = found.sentence + (f"; {ran_out[0]} ran out first" if ran_out else "")
    if not valid:
        (condition,) = [one for one in conditions if one.id == "SEARCH"]
        sentence = f"{sentence}. No capacity of the target: {condition.value}"
    return {
        "sentence": sentence,
        "valid": valid,
        "unit": "users" if found.by_users else "/s",
        "held": found.edge.held,
        "proven": found.proven,
        "broken": found.edge.broken,
        "rate": found.rate,
        "interval": None if found.interval is None else list(found.interval),
        "over": found.over,
        "disagreements": disagreements(found.steps),
        "steps": steps,
    }


def _step(step: Step, number: int, evidence: Evidence) -> dict[str, Any]:
    frame, samples = evidence.samples.frame, evidence.samples
    own = step_of(samples, number)[frame.groups.stage]
    took, count = frame.values("response_s", own & frame.groups.timed), frame.count(own)
    cores = (evidence.run.facts.get("host") or {}).get("cores") or 1
    began = (evidence.began or 0) + round(step.begin * 1e9)
    used = saturation(evidence.monitor, began, step.end - step.begin, cores)
    return {
        "phase": step.phase,
        "load": step.load,
        "begin": step.begin,
        "end": step.end,
        "held": step.held,
        "live": step.live,
        "why": list(step.why),
        "unproven": list(step.unproven),
        "ended": step.ended,
        "p95": percentile(took, 0.95) if len(took) else None,
        "errors": 1 - frame.count(own & frame.groups.ok) / count if count else None,
        "ran_out": [one["name"] for one in used["ran_out"]],
    }
