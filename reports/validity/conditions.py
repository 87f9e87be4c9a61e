"""Figures mean something only if the load was put on as planned, by a generator that kept up, and counted alike."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from harness.feed import EXHAUSTED
from harness.outcomes import DONE, Outcome
from harness.plan.provable import SMOKE
from harness.plan.rules import BLOCKER, INFO, WARM_UP
from harness.quantities import duration, share
from harness.verdict import RuleState, ValidityState
from reports.rules.result import RuleResult
from reports.rules.search import Searched
from reports.samples import phases
from reports.samples.evidence import Evidence
from reports.samples.samples import Samples
from reports.samples.ways import ways
from reports.validity import clocks, disturbed, doubt, environment, folder, generator, scaled, search, steady
from reports.validity.result import ValidityResult, hard, soft
from reports.validity.steady import Steady

LATE_S = 0.010
"""From when on an arrival that was begun after its time is a late one."""
HELD_UP = 0.9
"""The share of the lateness that must have been spent without a free user for the target to be the cause of it."""


def validity(
    evidence: Evidence, rules: Sequence[RuleResult], evens: Sequence[Steady], found: Searched | None = None
) -> list[ValidityResult]:
    """Every condition that applies to this run, those that hold too; `found` is what its search found."""
    results = [
        folder.bound(evidence),
        _processes(evidence),
        *([sent] if (sent := _sent(evidence)) else []),
        *generator.conditions(evidence, [] if found is None else [(one.begin, one.end) for one in found.beyond]),
        _reconciled(evidence),
        steady.condition(evens, evidence, rules),
        *environment.conditions(evidence),
        folder.monitored(evidence),
        _complete(evidence, rules),
        _resolved(rules, evidence.samples.scenario.profile),
        _successes(evidence),
        _statuses(evidence),
        _exceptions(evidence),
        _undisturbed(evidence),
    ]
    if evidence.samples.scenario.scales:
        results.append(scaled.condition(evidence))
    if found is not None:
        results.append(search.condition(found, evidence))
    results += filter(None, [disturbed.condition(evidence), clocks.condition(evidence)])
    return [_weighed(one, evidence, rules) for one in results]


def _weighed(one: ValidityResult, evidence: Evidence, rules: Sequence[RuleResult]) -> ValidityResult:
    """The same, and what it could change of the rules."""
    if one.state not in (ValidityState.WARNING, ValidityState.BROKEN) or not one.doubts:
        return one
    found, consequence = doubt.changes(one.doubts, evidence, rules)
    return replace(one, reach=tuple(change.rule for change in found), consequence=consequence)


def _sent(evidence: Evidence) -> ValidityResult | None:
    """None in a closed load whose time bounds it: it plans no number of operations."""
    if not evidence.samples.scenario.open and not evidence.samples.scenario.requests:
        return None
    samples, least = evidence.samples, evidence.samples.scenario.validity.sent
    begun, planned = samples.arrivals, samples.planned
    if samples.scenario.requests:
        groups = samples.frame.groups
        begun = samples.frame.count((groups.stage == len(samples.stretches) - 1) & ~groups.partner)
    if _aborted(evidence):
        planned = min(planned, int(phases.arrivals_until(samples.stretches, samples.seconds)))
    value = f"{begun:,} of {planned:,} planned arrivals were begun ({share(begun / planned if planned else 0.0)})"
    state = hard(planned > 0 and begun >= least * planned)
    if planned and state is ValidityState.BROKEN:
        lag, waited = _lateness(samples)
        if lag and waited >= HELD_UP * lag:
            state = ValidityState.OK
            value += "; the target held all users up, which is for the rule on dropped arrivals to judge"
    return ValidityResult(
        "V1",
        "The planned arrivals were begun, or it was the target that held them up",
        state,
        value,
        f"at least {share(least)}",
        "See load.log for why arrivals were not begun; the generator may need a core of its own.",
    )


def _lateness(samples: Samples) -> tuple[float, float]:
    """By how much all late arrivals together were late, and how much of that was spent without a free user."""
    lag = waited = 0.0
    for part in samples.frame.parts():
        late = part.column("lag_s")
        own = (late > LATE_S) & ~part.column("partner")
        lag, waited = lag + float(late[own].sum()), waited + float(part.column("waited_s")[own].sum())
    return lag, waited


def _reconciled(evidence: Evidence) -> ValidityResult:
    load, samples = evidence.load or {}, evidence.samples
    operations, groups = len(samples.frame), samples.frame.groups
    partners, ended = samples.frame.count(groups.partner), samples.frame.count(groups.ended)
    planned, dropped, requests = load.get("planned"), load.get("dropped"), load.get("requests")
    same = evidence.load is not None and (
        requests == ended
        and planned == samples.planned
        and (planned - dropped + partners == operations or not samples.scenario.open)
    )
    said = "and there is no load.json"
    if load:
        said = f"Locust {requests:,}, the plan {planned:,} − {dropped:,} dropped + {partners:,} partners in races"
    return ValidityResult(
        "V4",
        "Journal, Locust and plan count the same operations",
        hard(same),
        f"the journal has {operations:,} operations ({ended:,} ended), {said}",
        "all equal",
        "Operations were lost or sent past the journal: run again, and report this if it comes back.",
    )


def _complete(evidence: Evidence, rules: Sequence[RuleResult]) -> ValidityResult:
    samples, load = evidence.samples, evidence.load or {}
    seen = {samples.stretches[place].phase for place in samples.frame.groups.stage}
    kinds = {samples.frame.kinds[code] for code in samples.frame.groups.kind}
    missing = [f"phase {s!r}" for s in phases.names([s for s in samples.stretches if s.loads]) if s not in seen]
    missing += [f"operation {kind!r}" for kind in samples.scenario.mix if kind not in kinds]
    missing += [f"rule {rule.text}" for rule in rules if _empty(rule)]
    values = [f"nothing of {', '.join(missing)}"] if missing else []
    if not load.get("finished"):
        values.append(f"the plan was not finished: ended by {load.get('ended_by', 'the end of the load process')}")
    aborted = _aborted(evidence)
    if aborted:
        values = [
            f"a rule ended the load after {duration(samples.seconds)}, as it asks for: what is missing is not judged"
        ]
    return ValidityResult(
        "V12",
        "Every phase, operation and rule has data, and the load lasted as long as planned",
        hard(not values or aborted),
        "; ".join(values) or f"nothing is missing, over {duration(samples.seconds)}",
        "all",
        "Let the load end by itself; if it did, the profile is too short for its mix.",
    )


def _empty(rule: RuleResult) -> bool:
    """Whether a rule that matters measured nothing."""
    return rule.n == 0 and rule.severity != INFO


def _aborted(evidence: Evidence) -> bool:
    """Whether a rule ended the load: then its end is no defect of the run."""
    return bool(evidence.run.facts.get("aborted"))


def _resolved(rules: Sequence[RuleResult], profile: str) -> ValidityResult:
    sampled = [rule for rule in rules if rule.severity != INFO and rule.interval is not None]
    short = [rule for rule in sampled if rule.state is RuleState.UNPROVEN and _open_ended(rule)]
    value, state = f"{len(sampled)} figures have an interval", soft(not short)
    reach = tuple(rule.text for rule in short if rule.severity == BLOCKER)
    consequence = "harmless: only a blocker that is not proven demotes" if short and not reach else ""
    if reach:
        consequence = f"a longer run could change the state of {', '.join(reach)}"
    if profile == SMOKE:
        value, state = "a smoke run is not asked to prove anything", ValidityState.NOT_APPLICABLE
    return ValidityResult(
        "V13",
        "The load was long enough to locate each figure that a rule limits",
        state,
        f"too short for {', '.join(rule.text for rule in short)}" if short else value,
        "an interval with an end on the side of the limit",
        "Run a longer profile: the rule says how much longer.",
        reach=reach,
        consequence=consequence,
    )


def _open_ended(rule: RuleResult) -> bool:
    """Whether the interval has no end on the side of the limit."""
    return rule.interval is not None and rule.interval[0 if rule.comparison.startswith(">") else 1] is None


def _successes(evidence: Evidence) -> ValidityResult:
    samples, least = evidence.samples, evidence.samples.scenario.validity.min_successes
    counted = np.array([stretch.phase != WARM_UP for stretch in samples.stretches])[samples.frame.groups.stage]
    successes = samples.frame.count(samples.frame.groups.ok & counted)
    said = f"{successes:,} operations ended as expected, the warm-up not counted"
    nothing = _nothing_done(evidence, counted)
    if nothing:
        said += f"; {nothing}{_not_understood(evidence)}"
    if successes < least and (most := _most_often(samples)):
        said += f"; of the others {most}"
    return ValidityResult(
        "SUCCESSES",
        "Enough operations ended as expected for the figures to mean anything",
        hard((successes >= least and not nothing) or _aborted(evidence)),
        said,
        f"at least {least:,}, and as many effects, one of each kind that has any",
        "Too little was done: [contract] may not be what the target speaks, see its sample in `plan`. If its pool is "
        "to refuse most, or the load hardly does more than read: `min_successes` in the plan's validity."
        if nothing
        else "See the failures below; if the target is sound, a longer profile gives more operations.",
    )


def _nothing_done(evidence: Evidence, counted: npt.NDArray[np.bool_]) -> str:
    """Why too little was done that leaves something; "" = there is enough.

    A run of refusals proves nothing, however well each of them is expected.
    """
    scenario, frame = evidence.samples.scenario, evidence.samples.frame
    kind = np.array(frame.kinds)[frame.groups.kind]
    ended = counted & frame.groups.ended
    done = ended & np.isin(frame.groups.outcome, DONE)
    tried = {one: frame.count(ended & (kind == one)) for one in scenario.leaving}
    did = {one: frame.count(done & (kind == one)) for one in tried}
    effects = sum(did[one] * items for one, items in scenario.leaving.items())
    if tried and effects < scenario.validity.min_successes:
        left = f" and left {effects:,} {scenario.items}" * (effects != sum(did.values()))
        return f"only {sum(did.values()):,} of the {sum(tried.values()):,} that leave something were done{left}"
    never = [one for one, times in tried.items() if times and not did[one]]
    return f"no {' and no '.join(never)} was ever done" if never else ""


def _not_understood(evidence: Evidence) -> str:
    """How many answers were not understood, with the first one."""
    frame = evidence.samples.frame
    answered = (frame.groups.status > 0) & (frame.groups.status < 500)
    unread = answered & (frame.groups.outcome == Outcome.UNKNOWN)
    if not evidence.unread or not unread.any():
        return ""
    count = f"{frame.count(unread):,} of {frame.count(answered):,}"
    return f"; {count} answers were not understood, which makes [contract] the suspect; the first: {evidence.unread}"


def _most_often(samples: Samples) -> str:
    """The most frequent way in which operations did not end as expected; empty if all did."""
    frame, found = samples.frame, Counter[str]()
    for way, count, ok in zip(ways(frame.groups), frame.counts.tolist(), frame.groups.ok, strict=True):
        found[way] += 0 if ok else count
    if not found.total():
        return ""
    way, count = min(found.items(), key=lambda one: (-one[1], one[0]))
    return f"most often {way}, {count:,} times"


def _statuses(evidence: Evidence) -> ValidityResult:
    scenario = evidence.samples.scenario
    limit = scenario.validity.foreign_statuses
    known = [value for value in scenario.contract.values() if isinstance(value, int) and not isinstance(value, bool)]
    known += scenario.conflicts
    if scenario.foreign:
        known = list(range(200, 400))  # another's service has no contract of ours
    frame = evidence.samples.frame
    status = frame.groups.status
    if scenario.foreign:
        # What their code calls a success is one, whatever its status.
        status = np.where(frame.groups.ok & (status > 0), 200, status)
    answered = (status > 0) & (status < 500)
    answers, others = frame.count(answered), answered & ~np.isin(status, known)
    foreign = frame.count(others) / max(answers, 1)
    value, state = f"{share(foreign)} of {answers:,} answers below 500 have another status", hard(foreign <= limit)
    if others.any():
        counts = np.bincount(status[others], frame.counts[others])
        value += f", most often {counts.argmax()}, {int(counts.max()):,} times{_not_understood(evidence)}"
    if not _has_statuses(evidence):
        value, state = "its answers have no HTTP status", ValidityState.NOT_APPLICABLE
    elif not answers:
        # A load that a rule has ended may have met nothing but server errors: that is the rule's doing.
        value = "; ".join(filter(None, ["no answer below 500 had a status", _most_often(evidence.samples)]))
        state = hard(_aborted(evidence))
    return ValidityResult(
        "STATUSES",
        "The target answers with the statuses of the contract",
        state,
        value,
        f"at most {share(limit)}",
        "Another service, a gateway, a login or a rate limit may have answered: check TARGET_URL and [contract].",
    )


def _has_statuses(evidence: Evidence) -> bool:
    """Whether a load process went over HTTP: its journal says so."""
    return any(process.http for process in evidence.processes)


def _processes(evidence: Evidence) -> ValidityResult:
    cut = {one.worker for one in evidence.lost}
    lost = [f"{one}, of {evidence.expected} that were started" for one in evidence.lost]
    lost += [
        f"load process {process.worker} did not close its journal"
        for process in evidence.processes
        if not process.closed and process.worker not in cut
    ]
    lost += [
        f"of machine {one['number']} ({one['host']}) {', '.join(one['lacking'] or ['the last files'])} did not arrive"
        for one in evidence.run.facts.get("machines") or ()
        if not one["whole"] and not cut & {*one["shares"]}
    ]
    if evidence.load is None:
        lost.append("the load left no load.json")
    return ValidityResult(
        "WORKERS",
        "Every load process lived to its end",
        hard(not lost),
        "; ".join(lost) or f"{evidence.expected} of {evidence.expected} closed their journals",
        "all",
        "See load.log, and the kernel's log for an out-of-memory kill.",
    )


MOST_SILENT = 0.1
"""Which share of the users of a class may send nothing: they may be slow to begin."""


def _exceptions(evidence: Evidence) -> ValidityResult:
    load = evidence.load or {}
    exceptions = load.get("exceptions")
    found = (
        "unknown, as there is no load.json" if exceptions is None else f"the users' code raised {exceptions:,} times"
    )
    raised: dict[str, int] = load.get("raised") or {}
    if raised:
        most = max(raised, key=lambda text: raised[text])
        found += f", most often {most}, {raised[most]:,} times"
    exhausted = [text for text in raised if text.startswith(EXHAUSTED)]
    found = "; ".join(exhausted) or found
    # Whether each user sent something is known of another's locustfile only.
    classes: dict[str, dict[str, int]] = load.get("users") or {}
    silent = [
        f"{users['silent']:,} of {users['users']:,} users of {name} sent nothing"
        for name, users in classes.items()
        if users["silent"] > MOST_SILENT * users["users"]
    ]
    return ValidityResult(
        "EXCEPTIONS",
        "The users' own code raised nothing" + (", and nearly all of each class sent something" if classes else ""),
        hard(exceptions == 0 and not silent),
        "; ".join([found, *silent]),
        f"none, and of a class at most {share(MOST_SILENT)} that sent nothing" if classes else "none",
        "No row is handed out twice, so that the load ended: give the feed more rows, or the load less time."
        if exhausted
        else "The traceback is in load.log, or load-<n>.log of several processes: the locustfile has a defect.",
    )


def _undisturbed(evidence: Evidence) -> ValidityResult:
    interrupted = evidence.run.facts.get("interrupted")
    return ValidityResult(
        "INTERRUPTED",
        "The run was not interrupted",
        hard(not interrupted),
        f"interrupted: {interrupted}" if interrupted else "it ran undisturbed",
        "undisturbed",
        "Run it again and let it end.",
    )
