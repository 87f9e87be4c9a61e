"""What more users, or processes, do of what as many times the fewest would: a line a number, as verdict.json has it."""

from dataclasses import replace
from typing import Any

import numpy as np

from harness.plan.grammar import parse
from harness.verdict import RuleState
from reports.rules.evaluate import evaluate
from reports.samples import free_cores, phases
from reports.samples.evidence import Evidence

EFFICIENCY = "value(efficiency) >= 0%"


def scaling(evidence: Evidence) -> list[dict[str, Any]]:
    """A line for each phase with another number; nothing if neither users nor processes change."""
    stretches = evidence.samples.stretches
    what = phases.changing(stretches)
    if evidence.samples.scenario.search is not None:
        return []
    counts: dict[str, set[int]] = {}
    for stretch in stretches:
        if stretch.loads:
            number = stretch.users if what == phases.USERS else sum(stretch.processes.values())
            counts.setdefault(stretch.phase, set()).add(number)
    own = {phase: next(iter(numbers)) for phase, numbers in counts.items() if len(numbers) == 1 and numbers != {0}}
    lines = [_line(evidence, phase, number, what) for phase, number in own.items()]
    return lines if any(line["efficiency"] is not None for line in lines) else []


def _line(evidence: Evidence, phase: str, number: int, what: str) -> dict[str, Any]:
    stretches = [stretch for stretch in evidence.samples.stretches if stretch.phase == phase]
    rule = parse(EFFICIENCY)
    named = replace(rule, selectors=parse(f'value(efficiency{{phase="{phase}"}}) >= 0%').selectors)
    result = evaluate(named, evidence)
    known = [free_cores.used(evidence, stretch.begin, stretch.end) for stretch in stretches if stretch.loads]
    cores = [share for share in known if share is not None]
    return {
        "phase": phase,
        "number": number,
        "of": what,
        "efficiency": result.value,
        "judged": result.state not in (RuleState.NOT_COMPARED, RuleState.ERROR),
        "cores": float(np.mean(cores)) if cores else None,
        "said": result.detail,
    }
