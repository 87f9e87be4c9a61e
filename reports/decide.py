"""The worst cause makes the verdict, named in one sentence with numbers; GO needs a rule and a check that held."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.check import Finding
from harness.plan.provable import SMOKE
from harness.plan.rules import BLOCKER, INFO, MAJOR
from harness.quantities import duration, share
from harness.run import LOST_PROCESS
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

BINDING = "BINDING"
"""The condition without which nothing in the run folder can be relied on."""

BY_CAUSE = (
    "DISTURBED",
    "INTERRUPTED",
    "WORKERS",
    "EXCEPTIONS",
    "STATUSES",
    "SUCCESSES",
    "V1",
    "V12",
    "SCALED",
    "SEARCH",
)
"""The conditions that make others break, in the order of what causes what: users whose code fails
send nothing, no or few successes leave kinds and rules
without data, and a load that was not put on, too."""

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
    ended, died = _ended(run, rules), _died(run.get("target") or {})
    unbound = _broken([one for one in validity if one.id == BINDING], run)
    broken = _broken([one for one in validity if one.id != BINDING], run)
    failed = _failed(run)
    unchecked = (run.get("plan") or {}).get("unchecked", False)
    undecided = _undecided(findings, bool(unbound or ended or died or failed or broken), unchecked)
    causes = [
        # Of a folder that was altered nothing is known, not even the damage.
        *unbound,
        *_damage(findings or ()),
        # Services that lose their database may die of it.
        *([*failed, *died] if _database_lost(run) else [*died, *failed]),
        *broken,
        # A load that a rule has ended is too short for many a check: that is the rule's doing.
        *([*ended, *undecided] if ended else undecided),
        *[cause for cause in missed if cause.verdict is Verdict.NO_GO],
        *_lesser_damage(findings or ()),
        *[cause for cause in missed if cause.verdict is not Verdict.NO_GO],
        *warnings,
    ]
    unjudged = not any(rule.severity == BLOCKER and rule.state in EVALUATED for rule in rules)
    if unjudged and not any(cause.verdict is Verdict.NO_GO for cause in missed):
        causes.append(Cause(Verdict.INVALID, "rule", "No blocking rule was evaluated: no limit was judged."))
    best = Verdict.UNCHECKED if unchecked else Verdict.GO
    if not causes:
        return Decision(best, _all_holds(rules, None if unchecked else findings or (), operations), (), None)
    verdict = causes[0].verdict
    would_be = None
    if verdict is Verdict.INVALID and rules:
        would_be = next((cause.verdict for cause in [*ended, *missed, *warnings]), best)
    return Decision(verdict, causes[0].sentence, tuple(causes), would_be)


def _damage(findings: Sequence[Finding]) -> list[Cause]:
    """The data contradicts the answers, or a check could not even be run: worse than anything that is slow.

    The first violated one leads: a system lists its checks in order of severity.
    """
    violated = [one for one in findings if one.state is CheckState.VIOLATED and one.severity == BLOCKER]
    crashed = [finding for finding in findings if finding.crashed]
    return [
        Cause(Verdict.NO_GO, "check", f"{_check(one)} is violated: {one.witnesses:,} of {one.compared:,} {one.what}.")
        for one in violated
    ] + [Cause(Verdict.NO_GO, "check", line) for line in _together(crashed, "could not be run", "could not be run")]


def _lesser_damage(findings: Sequence[Finding]) -> list[Cause]:
    """What checks of the plan found that says itself that it does not block."""
    return [
        Cause(Verdict.CONDITIONAL, "check", f"{_check(one)} is violated: {one.witnesses:,} {one.what}.")
        for one in findings
        if one.state is CheckState.VIOLATED and one.severity == MAJOR
    ]


def _died(target: Mapping[str, Any]) -> list[Cause]:
    if not (target.get("ours") and target.get("died")):
        return []
    fault = f" (it ran with the fault {target['fault']} on purpose)" if target.get("fault") else ""
    services = " and ".join(target["died"])
    logs = ", ".join(f"{name}.log" for name in target["died"])
    return [Cause(Verdict.NO_GO, "target", f"A process of service {services} died during the run{fault}; see {logs}.")]


def _database_lost(run: Mapping[str, Any]) -> bool:
    """Whether PostgreSQL crashed, or was there before the load and could not be reached after it."""
    gone = bool(run.get("before")) and run.get("after") is None and bool(run.get("failed"))
    return gone or bool((run.get("postgres") or {}).get("crashed"))


def _failed(run: Mapping[str, Any]) -> list[Cause]:
    """What ended the run before its end, though something was sent: what is missing for that proves nothing."""
    said = []
    if (run.get("postgres") or {}).get("crashed"):
        said.append("PostgreSQL crashed during the run and recovered; its log is postgres.log in PERF_HOME.")
    elif _database_lost(run) and str(run["failed"]).startswith("no connection"):
        log = "postgres.log in PERF_HOME" if (run.get("database") or {}).get("ours") else "its own log"
        said.append(f"PostgreSQL answered before the load and no longer after it: see {log}.")
    if run.get("failed"):
        said.append(f"The run did not come to its end: {_sentence(run['failed'])}")
    return [Cause(Verdict.INVALID, "stage", one) for one in said]


def _broken(validity: Sequence[ValidityResult], run: Mapping[str, Any]) -> list[Cause]:
    """The conditions that are broken, what caused others first."""
    order = [*BY_CAUSE]
    if str(run.get("interrupted") or "").startswith(LOST_PROCESS):
        order.remove("INTERRUPTED")  # the process that was lost is why
    broken = [one for one in validity if one.state is ValidityState.BROKEN]
    broken.sort(key=lambda one: order.index(one.id) if one.id in order else len(order))
    return [
        Cause(
            Verdict.INVALID,
            "validity",
            f"Not valid, {one.id}: {_join(one.value, one.consequence)}; needed: {one.limit}.",
        )
        for one in broken
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


def _undecided(findings: Sequence[Finding] | None, caused: bool, unchecked: bool) -> list[Cause]:
    """The checks that could not decide: one line, if that was `caused` by what is named before; else one a reason.

    None has to decide where the plan says that the data is `unchecked`.
    """
    if findings is not None and unchecked:
        return []
    if findings is None:
        return [Cause(Verdict.INVALID, "check", "The data was not checked: there is no integrity.json.")]
    if not any(one.severity == BLOCKER for one in findings):
        blocking = "blocking " * bool(findings)
        said = f"No {blocking}check of the data was evaluated: nothing shows that it is right."
        return [Cause(Verdict.INVALID, "check", said)]
    undecided = [one for one in findings if one.state is CheckState.UNDECIDED and not one.crashed]
    lines = _together(undecided, "is undecided", "are undecided")
    if caused and len(undecided) > 1:
        names = ", ".join(one.id for one in undecided)
        lines = [f"{len(undecided)} checks are undecided, which may follow from that: {names}."]
    return [Cause(Verdict.INVALID, "check", line) for line in lines]


def _together(findings: Sequence[Finding], one_is: str, several_are: str) -> list[str]:
    """A sentence for each check, or for all that have the same reason."""
    lines = []
    for detail in dict.fromkeys(one.detail for one in findings):
        own = [one for one in findings if one.detail == detail]
        names = f"Checks {', '.join(one.id for one in own)} {several_are}"
        said = names if len(own) > 1 else f"{_check(own[0])} {one_is}"
        lines.append(f"{said}: {_sentence(detail)}")
    return lines


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


def _all_holds(rules: Sequence[RuleResult], findings: Sequence[Finding] | None, operations: int) -> str:
    """That everything holds; `findings` are None where the plan says that the data is not checked."""
    passed = [rule for rule in rules if rule.state is RuleState.PASS]
    # Those that block nothing need not hold.
    count = f"All {len(rules)} rules" if len(passed) == len(rules) else f"{len(passed)} of {len(rules)} rules"
    holds = "holds" if findings is None and len(rules) == 1 else "hold"
    count = "The one rule" if len(rules) == len(passed) == 1 else count
    held = f"{count} {holds} over {operations:,} operations, the data was not checked"
    if findings is not None:
        holding = sum(finding.state is CheckState.HOLDS for finding in findings)
        checks = f"all {holding}" if holding == len(findings) else f"{holding} of {len(findings)}"
        held = f"{count} and {checks} checks of the data hold over {operations:,} operations"
    margins = [(closeness(rule), place) for place, rule in enumerate(passed) if rule.margin is not None]
    if not margins:
        return f"{held}."
    closest = passed[min(margins)[1]]
    value, limit = figures.figure(closest.value, closest.kind), figures.figure(closest.limit, closest.kind)
    return f"{held}; closest to its limit is {closest.text}, with {value} against {limit}."


def closeness(rule: RuleResult) -> float:
    """Which share of the margin that the best possible value would have is left: "95% of offered" can have little."""
    assert rule.margin is not None
    return rule.margin / rule.attainable if rule.attainable else rule.margin


def _check(finding: Finding) -> str:
    return f"Check {finding.id} “{finding.title.rstrip('.')}”"


def _sentence(detail: str) -> str:
    return f"{detail.rstrip('.') or 'no reason was given'}."
