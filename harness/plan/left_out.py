"""A load in the place of a scenario's own stages: which of its rules are about it, and whether steps can prove them."""

from collections.abc import Sequence
from dataclasses import replace

from harness.plan.provable import SMOKE, proofs
from harness.plan.rules import INFO, LINEAR, OF_PHASE, PHASE, SLOPE, Rule, selected
from harness.plan.scenario import Scenario, Stage
from harness.plan.toml_table import Where
from harness.search import bound, patience

OF_SEVERAL = ("efficiency", "recovery_time")
"""What compares phases with each other."""


def resolved(where: Where, scenario: Scenario, instead: Sequence[Stage]) -> Scenario:
    """The scenario with the stages of its search or scaling, and without rules that are about none of them.

    PlanError if no rule is left that a step of a search could break, or if a step is too short to prove one.
    """
    if scenario.search is not None:
        scenario = replace(scenario, stages=bound(scenario.search, patience(scenario)))
    rules = [rule for rule in scenario.rules if _about(rule, scenario, instead)]
    left_out = tuple(rule.text for rule in scenario.rules if rule not in rules)
    found = replace(scenario, rules=tuple(rules), left_out=left_out)
    if found.search is None:
        return found
    if not any(rule.aggregate != "value" and rule.severity != INFO for rule in rules):
        where.fail("search", "search: no rule that a step could break; expected e.g. p95(response_time) < 500ms")
    if scenario.profile == SMOKE:
        return found
    for proof in proofs(found):
        if proof.short:
            where.fail(
                "search",
                f"search: its first step is too short to prove {proof}: expected a longer `for`, or a higher `from`",
            )
    return found


def _about(rule: Rule, scenario: Scenario, instead: Sequence[Stage]) -> bool:
    """Whether a rule is about this load: not about phases that are not there; of a search not about several of them."""
    if scenario.search is not None and (
        rule.metric in OF_SEVERAL or rule.of in (LINEAR, OF_PHASE) or rule.aggregate == SLOPE
    ):
        return False
    known = {stage.phase for stage in instead}
    named = [one for one in rule.selectors if one.key == PHASE and one.value in known]
    own = [stage.phase for stage in scenario.stages if stage.loads]
    return not named or bool(selected(own, rule.selectors, PHASE))
