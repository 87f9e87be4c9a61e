"""Of a load from several machines: whether it is known, well enough for its rules, what came before what."""

from harness.plan.rules import DURATION
from harness.quantities import duration, share
from reports.samples.evidence import Evidence
from reports.validity.result import ValidityResult, hard

LEAST_S = 0.005
"""So much doubt is always allowed, …"""
SHARE = 0.05
"""… and so much of the tightest limit of a time."""


def condition(evidence: Evidence) -> ValidityResult | None:
    """CLOCKS. None if all load processes were on the master's machine."""
    elsewhere = [one for one in evidence.processes if one.machine is not None]
    if not elsewhere:
        return None
    limits = [rule.limit for rule in evidence.samples.scenario.rules if rule.kind == DURATION and rule.upper]
    limit = max(LEAST_S, SHARE * min(limits, default=0.0))
    doubt = max(one.doubt for one in elsewhere) / 1e9
    wrong = [
        f"machine {one} left no round trips"
        for one in sorted({int(one.machine or 0) for one in elsewhere if one.stepped is None})
    ]
    steps = {one.machine: one.stepped / 1e9 for one in elsewhere if one.stepped}
    wrong += [f"the clock of machine {machine} was set by {duration(step)}" for machine, step in sorted(steps.items())]
    known = f"the clocks of {len({one.machine for one in elsewhere})} machines are known to within {duration(doubt)}"
    return ValidityResult(
        "CLOCKS",
        "The clocks of all machines are known well enough",
        hard(doubt <= limit and not wrong),
        "; ".join([known, *wrong]),
        f"to within {duration(limit)}: {duration(LEAST_S)} or {share(SHARE)} of the tightest limit of a time; none set",
        "Have machines nearer to each other, or a quieter network between them; see docs/distributed.md.",
    )
