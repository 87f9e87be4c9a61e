"""The worst cause makes the verdict, named in one sentence with numbers; GO needs a rule and a check that held."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.check import Finding
from harness.units import share
from harness.verdict import CheckState, RuleState, Verdict
from reports import figures
from reports.evaluate import RuleResult
from reports.generator import BROKEN, ValidityResult


@dataclass(frozen=True)
class Cause:
    """Something that makes the verdict worse than GO."""

    verdict: Verdict
    about: str
    """check, target, validity or rule."""
    sentence: str


@dataclass(frozen=True)
class Decision:
    """The verdict of a run and why."""

    verdict: Verdict
    reason: str
    causes: tuple[Cause, ...]
    """All of them, the worst first."""
    would_be: Verdict | None
    """For an INVALID run: what its rules alone would say."""


def decide(
    rules: Sequence[RuleResult],
    findings: Sequence[Finding] | None,
    validity: Sequence[ValidityResult],
    target: dict[str, Any],
    operations: int,
) -> Decision:
    """The verdict of a run of `operations`, whose `findings` are None if nobody has looked at the data."""
    missed = _missed(rules)
    died = [Cause(Verdict.NO_GO, "target", _died(target))] if target.get("ours") and target.get("died") else []
    causes = [*_damage(findings or ()), *died, *_invalid(findings, validity), *missed]
    if not rules:
        causes.append(Cause(Verdict.INVALID, "rule", "No rule was evaluated, so nothing says what is fast enough."))
    if not causes:
        return Decision(Verdict.GO, _all_holds(rules, findings or (), operations), (), None)
    verdict = causes[0].verdict
    would_be = (missed[0].verdict if missed else Verdict.GO) if verdict is Verdict.INVALID and rules else None
    return Decision(verdict, causes[0].sentence, tuple(causes), would_be)


def _damage(findings: Sequence[Finding]) -> list[Cause]:
    """The data contradicts the answers, or a check could not even be run: worse than anything that is slow."""
    violated = [finding for finding in findings if finding.state is CheckState.VIOLATED]
    violated.sort(key=lambda finding: -finding.witnesses)
    crashed = [finding for finding in findings if finding.crashed]
    return [
        Cause(Verdict.NO_GO, "check", f"{_check(one)} is violated: {one.witnesses:,} of {one.compared:,} {one.what}.")
        for one in violated
    ] + [Cause(Verdict.NO_GO, "check", f"{_check(one)} could not be run: {_sentence(one.detail)}") for one in crashed]


def _died(target: dict[str, Any]) -> str:
    fault = f" (it ran with the fault {target['fault']} on purpose)" if target.get("fault") else ""
    return f"A process of the target died during the run{fault}; see target.log."


def _invalid(findings: Sequence[Finding] | None, validity: Sequence[ValidityResult]) -> list[Cause]:
    causes = [
        Cause(Verdict.INVALID, "validity", f"Not valid, {one.id}: {one.value}; needed: {one.limit}.")
        for one in validity
        if one.state == BROKEN
    ]
    if findings is None:
        causes.append(Cause(Verdict.INVALID, "check", "The data was not checked: there is no integrity.json."))
    elif not findings:
        causes.append(
            Cause(Verdict.INVALID, "check", "No check of the data was evaluated, so nothing says it is right.")
        )
    for one in findings or ():
        if one.state is CheckState.UNDECIDED and not one.crashed:
            causes.append(Cause(Verdict.INVALID, "check", f"{_check(one)} is undecided: {_sentence(one.detail)}"))
    return causes


def _missed(rules: Sequence[RuleResult]) -> list[Cause]:
    order = [RuleState.NO_GO, RuleState.ERROR, RuleState.CONDITIONAL]
    missed = [rule for rule in rules if rule.state in order]
    missed.sort(key=lambda rule: (order.index(rule.state), float("-inf") if rule.margin is None else rule.margin))
    return [
        Cause(Verdict.CONDITIONAL if rule.state is RuleState.CONDITIONAL else Verdict.NO_GO, "rule", _rule(rule))
        for rule in missed
    ]


def _rule(rule: RuleResult) -> str:
    if rule.state is RuleState.ERROR:
        return f"Rule {rule.text} could not be evaluated: {_sentence(rule.detail)}"
    if rule.value is None:
        return f"Rule {rule.text} is missed: {_sentence(rule.detail)}"
    if rule.margin is None:
        by = "outside"
    elif rule.margin == 0:
        by = "on, and so not within,"
    else:
        by = f"{share(-rule.margin)} {'short of' if rule.comparison.startswith('>') else 'over'}"
    value, limit = figures.figure(rule.value, rule.kind), figures.figure(rule.limit, rule.kind)
    return f"Rule {rule.text} is missed: {value} from {rule.n:,} samples, {by} its limit of {limit}."


def _all_holds(rules: Sequence[RuleResult], findings: Sequence[Finding], operations: int) -> str:
    held = f"All {len(rules)} rules and all {len(findings)} checks of the data hold over {operations:,} operations"
    margins = [(rule.margin, place) for place, rule in enumerate(rules) if rule.margin is not None]
    if not margins:
        return f"{held}."
    closest = rules[min(margins)[1]]
    value, limit = figures.figure(closest.value, closest.kind), figures.figure(closest.limit, closest.kind)
    return f"{held}; closest to its limit is {closest.text}, with {value} against {limit}."


def _check(finding: Finding) -> str:
    return f"Check {finding.id} “{finding.title.rstrip('.')}”"


def _sentence(detail: str) -> str:
    return f"{detail.rstrip('.') or 'no reason was given'}."
