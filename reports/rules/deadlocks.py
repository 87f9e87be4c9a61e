"""How many deadlocks PostgreSQL found in the run's database, by its own count, which the monitor reads each second."""

import itertools

import numpy as np

from harness.plan.rules import Rule
from reports.rules.measure import Measured
from reports.samples.evidence import Evidence
from reports.samples.scope import Mask, Unmeasurable, within

NAME = "db.deadlocks_total"


def deadlocks(rule: Rule, evidence: Evidence, stages: Mask) -> Measured:
    """Those in these stages; without a phase also what was found after the load, for a backend tells of it later."""
    began = evidence.began
    lines = [(line["at"], line[NAME]) for line in evidence.monitor if NAME in line]
    if began is None or len(lines) < 2:
        raise Unmeasurable("the monitor has no count of deadlocks: it needs DATABASE_URL, and two seconds")
    pairs = list(itertools.pairwise(lines))
    at = (np.array([later for _, (later, _) in pairs], float) - began) / 1e9
    inside = within(evidence.samples, stages, at) if rule.selectors else at > 0
    # The count begins anew when PostgreSQL does.
    grown = [now - before if now >= before else now for (_, before), (_, now) in pairs]
    if not inside.any():
        raise Unmeasurable("the monitor has no count of deadlocks in what the rule covers")
    return Measured(float(np.array(grown)[inside].sum()), int(inside.sum()), "")
