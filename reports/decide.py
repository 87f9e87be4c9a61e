"""The worst cause makes the verdict, named in one sentence with numbers; GO needs a rule and a check that held."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.check import Finding
from harness.plan.provable import SMOKE
from harness.plan.rules import BLOCKER, INFO, MAJOR
from harness.quantities import duration, share
from harness.verdict import CheckState, RuleState, ValidityState, Verdict
from reports import figures
from reports.rules.result import RuleResult
from reports.validity.result import ValidityResult

EFFECTS = {
    BLOCKER: {
        RuleState.NO_GO: Verdict.NO_GO,
        RuleState.ERROR: Verdict.NO_GO,
        RuleState.CONDITIONAL: Verdict.CONDITIONAL,
        RuleState.UNPROVEN: Verdict.CONDITIONAL,
    },
    MAJOR: {
        RuleState.NO_GO: Verdict.NO_GO,  # more than twice its limit
        RuleState.ERROR: Verdict.CONDITIONAL,
        RuleState.CONDITIONAL: Verdict.CONDITIONAL,
    },
    INFO: {},
}
"""What each state of a rule makes of the verdict, by the rule's severity (statistics.md §7.2); nothing, if not here."""

EVALUATED = (RuleState.PASS, RuleState.UNPROVEN, RuleState.CONDITIONAL, RuleState.NO_GO)


@dataclass(frozen=True)
class Cause:
    """Something that makes the verdict worse than GO."""

    verdict: Verdict
    about: str
    """check, target, stage, validity or rule."""
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
    run: Mapping[str, Any],
    operations: int,
) -> Decision:
    """The verdict of a run of `operations`: the first of these groups that has a cause in it (statistics.md §7.2).

    `findings` are None if the data was not checked; `run` is run.json.
    """
    missed, warnings = _missed(rules), _warnings(validity, run)
    undecided = _undecided(findings)
    ended = _ended(run, rules)
    causes = [
        *_damage(findings or ()),
        *_died(run.get("target") or {}),
        *_failed(run),
        *_broken(validity),
        # A load that a rule has ended is too short for many a check: that is the rule's doing.
        *([*ended, *undecided] if ended else undecided),
        *[cause for cause in missed if cause.verdict is Verdict.NO_GO],
        *[cause for cause in missed if cause.verdict is not Verdict.NO_GO],
        *warnings,
    ]
    unjudged = not any(rule.severity == BLOCKER and rule.state in EVALUATED for rule in rules)
    if unjudged and not any(cause.verdict is Verdict.NO_GO for cause in missed):
        causes.append(Cause(Verdict.INVALID, "rule", "No blocking rule was evaluated: no limit was judged."))
    if not causes:
        return Decision(Verdict.GO, _all_holds(rules, findings or (), operations), (), None)
    verdict = causes[0].verdict
    would_be = None
    if verdict is Verdict.INVALID and rules:
        would_be = next((cause.verdict for cause in [*ended, *missed, *warnings]), Verdict.GO)
    return Decision(verdict, causes[0].sentence, tuple(causes), would_be)


def _damage(findings: Sequence[Finding]) -> list[Cause]:
    """The data contradicts the answers, or a check could not even be run: worse than anything that is slow.

    The first violated one leads: a system lists its checks in order of severity.
    """
    violated = [finding for finding in findings if finding.state is CheckState.VIOLATED]
    crashed = [finding for finding in findings if finding.crashed]
    return [
        Cause(Verdict.NO_GO, "check", f"{_check(one)} is violated: {one.witnesses:,} of {one.compared:,} {one.what}.")
        for one in violated
    ] + [Cause(Verdict.NO_GO, "check", f"{_check(one)} could not be run: {_sentence(one.detail)}") for one in crashed]


def _died(target: Mapping[str, Any]) -> list[Cause]:
    if not (target.get("ours") and target.get("died")):
        return []
    fault = f" (it ran with the fault {target['fault']} on purpose)" if target.get("fault") else ""
    services = " and ".join(target["died"])
    logs = ", ".join(f"{name}.log" for name in target["died"])
    return [Cause(Verdict.NO_GO, "target", f"A process of service {services} died during the run{fault}; see {logs}.")]


def _failed(run: Mapping[str, Any]) -> list[Cause]:
    """What ended the run before its end, though something was sent: what is missing for that proves nothing."""
    said = []
    if (run.get("postgres") or {}).get("crashed"):
        said.append("PostgreSQL crashed during the run and recovered; its log is postgres.log in PERF_HOME.")
    if run.get("failed"):
        said.append(f"The run did not come to its end: {_sentence(run['failed'])}")
    return [Cause(Verdict.INVALID, "stage", one) for one in said]


def _broken(validity: Sequence[ValidityResult]) -> list[Cause]:
    return [
        Cause(
            Verdict.INVALID,
            "validity",
            f"Not valid, {one.id}: {_join(one.value, one.consequence)}; needed: {one.limit}.",
        )
        for one in validity
        if one.state is ValidityState.BROKEN
    ]


def _warnings(validity: Sequence[ValidityResult], run: Mapping[str, Any]) -> list[Cause]:
    """What could have changed the state of a rule. A smoke run proves nothing anyway, and is only warned of it."""
    if run.get("profile") == SMOKE:
        return []
    return [
        Cause(
            Verdict.CONDITIONAL,
            "validity",
            f"With care, {one.id}: {_join(one.value, one.consequence)}; needed: {one.limit}. {one.advice}",
        )
        for one in validity
        # A warning that was not weighed demotes, too.
        if one.state is ValidityState.WARNING and (one.reach or not one.consequence)
    ]


def _join(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _undecided(findings: Sequence[Finding] | None) -> list[Cause]:
    if findings is None:
        return [Cause(Verdict.INVALID, "check", "The data was not checked: there is no integrity.json.")]
    if not findings:
        return [Cause(Verdict.INVALID, "check", "No check of the data was evaluated: nothing shows that it is right.")]
    return [
        Cause(Verdict.INVALID, "check", f"{_check(one)} is undecided: {_sentence(one.detail)}")
        for one in findings
        if one.state is CheckState.UNDECIDED and not one.crashed
    ]


def _ended(run: Mapping[str, Any], rules: Sequence[RuleResult]) -> list[Cause]:
    """The rule that ended the load: what was to come was never measured, so that it is NO-GO however little is over."""
    aborted = run.get("aborted")
    if not aborted:
        return []
    said = f"after {duration(aborted['at'])}: {_sentence(aborted['said'])}"
    return [Cause(Verdict.NO_GO, "rule", f"Rule {aborted['rule']} ended the load {said}")]


def _missed(rules: Sequence[RuleResult]) -> list[Cause]:
    """What the rules make of the verdict: the farthest from its limit first."""
    order = [RuleState.NO_GO, RuleState.ERROR, RuleState.CONDITIONAL, RuleState.UNPROVEN]
    missed = [rule for rule in rules if rule.state in EFFECTS[rule.severity]]
    missed.sort(key=lambda rule: (order.index(rule.state), float("-inf") if rule.margin is None else rule.margin))
    return [Cause(EFFECTS[rule.severity][rule.state], "rule", _rule(rule)) for rule in missed]


def _rule(rule: RuleResult) -> str:
    if rule.state is RuleState.ERROR:
        return f"Rule {rule.text} could not be evaluated: {_sentence(rule.detail)}"
    if rule.value is None:
        return f"Rule {rule.text} is missed: {_sentence(rule.detail)}"
    value, limit = figures.figure(rule.value, rule.kind), figures.figure(rule.limit, rule.kind)
    if rule.state is RuleState.UNPROVEN:
        needs = f": it needs about {duration(rule.needs)} more" if rule.needs else ""
        return f"Rule {rule.text} holds with {value} from {rule.n:,} samples, which don't prove it{needs}."
    if rule.margin is None:
        by = "outside"
    elif rule.margin == 0:
        by = "on, and so not within,"
    else:
        by = f"{share(-rule.margin)} {'short of' if rule.comparison.startswith('>') else 'over'}"
    return f"Rule {rule.text} is missed: {value} from {rule.n:,} samples, {by} its limit of {limit}."


def _all_holds(rules: Sequence[RuleResult], findings: Sequence[Finding], operations: int) -> str:
    passed = [rule for rule in rules if rule.state is RuleState.PASS]
    # Those that block nothing need not hold.
    count = f"All {len(rules)} rules" if len(passed) == len(rules) else f"{len(passed)} of {len(rules)} rules"
    held = f"{count} and all {len(findings)} checks of the data hold over {operations:,} operations"
    margins = [(rule.margin, place) for place, rule in enumerate(passed) if rule.margin is not None]
    if not margins:
        return f"{held}."
    closest = passed[min(margins)[1]]
    value, limit = figures.figure(closest.value, closest.kind), figures.figure(closest.limit, closest.kind)
    return f"{held}; closest to its limit is {closest.text}, with {value} against {limit}."


def _check(finding: Finding) -> str:
    return f"Check {finding.id} “{finding.title.rstrip('.')}”"


def _sentence(detail: str) -> str:
    return f"{detail.rstrip('.') or 'no reason was given'}."
