"""What the monitor has under a name: a value for the whole of what a rule covers, or one a second."""

import numpy as np
import numpy.typing as npt

from harness.errors import nearest
from harness.plan.rules import Rule
from reports.rules.measure import Measured
from reports.samples.evidence import Evidence
from reports.samples.scope import Mask, Unmeasurable, within
from reports.statistics.percentiles import percentile

Values = npt.NDArray[np.float64]


def resource(rule: Rule, evidence: Evidence, stages: Mask) -> Measured:
    """The aggregate of what there was; `value` is the worst for the rule."""
    _, seen = during(rule, evidence, stages)
    if rule.quantile is not None:
        return Measured(percentile(seen, rule.quantile), len(seen), "")
    aggregate = rule.aggregate if rule.aggregate != "value" else "max" if rule.upper else "min"
    return Measured(float(getattr(seen, aggregate)()), len(seen), "")


def during(rule: Rule, evidence: Evidence, stages: Mask) -> tuple[Values, Values]:
    """When there was a sample in these stages (s of the plan), and what it had."""
    began = evidence.began
    lines = [line for line in evidence.monitor if rule.name in line]
    if began is None or not lines:
        known = {name for line in evidence.monitor for name in line} - {"at"}
        raise Unmeasurable(f"the monitor has nothing of {rule.name!r}; {nearest(rule.name, known)}")
    at = (np.array([line["at"] for line in lines]) - began) / 1e9
    inside = within(evidence.samples, stages, at)
    if not inside.any():
        raise Unmeasurable(f"the monitor has nothing of {rule.name!r} during this phase")
    return at[inside], np.array([line[rule.name] for line in lines], float)[inside]
