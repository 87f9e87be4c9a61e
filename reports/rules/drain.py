"""How long it takes after a load until nothing that it caused is pending any more."""

import numpy as np

from harness.plan.rules import PHASE, Rule
from reports.rules.measure import Measured, to_be_completed
from reports.samples.evidence import Evidence
from reports.samples.scope import Mask, Unmeasurable, runs, scope


def drain_time(rule: Rule, evidence: Evidence, stages: Mask) -> Measured:
    """Seconds from the end of the load until its last effect was completed; of phases that are named, of the slowest.

    Infinite if an effect never was, or if verification, at the end of the drain, still found something pending.
    """
    samples = evidence.samples
    selected = scope(rule, samples, stages)
    named = any(selector.key == PHASE for selector in rule.selectors)
    effects, among = to_be_completed(samples), selected.among if named else selected.of_kind
    completed = effects.values(samples.scenario.points[-1], among)
    count, never = len(completed), int(np.isnan(completed).sum())
    if not count:
        raise Unmeasurable("nothing to measure: no operation of this kind and phase has an effect")
    if never:
        return Measured(np.inf, count, f"{never:,} of {count:,} were never completed")
    if not named and evidence.pending:
        return Measured(np.inf, count, "something was still pending when verification read the database")
    ends = [end for _, end in runs(samples, stages)] if named else [max(s.end for s in samples.stretches if s.loads)]
    begins = np.array([stretch.begin for stretch in samples.stretches])
    # Each belongs to the first run that ends after the stage which planned it begins; of the whole load there is one.
    own = np.array(ends)[np.minimum(np.searchsorted(ends, begins, "right"), len(ends) - 1)][samples.frame.groups.stage]
    longest = 0.0
    for part in effects.parts():
        after = part.seconds(samples.scenario.points[-1]) - own[part.group]
        longest = float(np.max(after[among[part.group]], initial=longest))
    return Measured(longest, count, "")
