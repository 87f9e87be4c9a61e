"""What a plan can know of its rules before any traffic: a rule that could never be evaluated is refused."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from harness.errors import nearest
from harness.feed import RANDOM
from harness.plan import grammar
from harness.plan.provable import SMOKE
from harness.plan.rules import (
    BLOCKER,
    EFFECTS,
    INFO,
    LINEAR,
    OFFERED,
    OP,
    PHASE,
    POINT,
    SEVERITIES,
    SLOPE,
    WARM_UP,
    WORKER,
    Rule,
    selected,
)
from harness.plan.scenario import Scenario, Stage
from harness.plan.toml_table import Table, Where

TIMES = ("response_time", "service_time", "end_to_end")
"""What gets better when operations fail quickly."""


SHORTEST_SLOPE_S = (20.0, 10.0)
"""How long what a slope is of must last: ten parts of two seconds; of one, where nothing is to be proven (smoke)."""


def read(
    where: Where, entries: Iterable[object], items: str, profile: str, profiles: Collection[str]
) -> Iterator[Rule]:
    """The rules of a plan for `profile`: each a text, or a table { rule = "…", severity = "major", id = "…" }.

    A rule may be for some of the scenario's `profiles` only. `items` is what the system calls its effects.
    """
    seen: set[str] = set()
    for entry in entries:
        table = Table(where, "rules", entry if isinstance(entry, dict) else {"rule": entry})
        text, severity = table.take("rule"), table.take("severity", BLOCKER)
        name, only = table.take("id", text), table.take("profiles", [profile])
        table.done()
        if not isinstance(text, str):
            where.fail(text if text is not None else "rules", f"rule {text!r}: expected a text")
        if severity not in SEVERITIES:
            where.fail(severity, f"rules: severity = {severity!r}; {nearest(str(severity), SEVERITIES)}", "severity")
        if not isinstance(name, str) or not name:
            table.fail("id", name, "a text")
        try:
            rule = replace(grammar.parse(text, items), severity=severity, id=name)
        except grammar.RuleError as error:
            where.fail(text, str(error))
        if not isinstance(only, list) or not only:
            table.fail("profiles", only, 'a list of profiles, ["soak"]')
        for word in only:
            if word not in {*profiles, profile}:
                where.fail(
                    word,
                    f"rules: profiles = {only!r}: no profile {word!r}; {nearest(str(word), profiles)}",
                    after="profiles",
                )
        if profile not in only:
            continue
        for word in {text, name}:
            if word in seen:
                where.fail(word, f"rule {word!r} stands twice")
            seen.add(word)
        yield rule


def check(where: Where, scenario: Scenario, instead: Sequence[Stage] = ()) -> None:
    """PlanError if a rule of `scenario` can select nothing, or nothing that it could judge.

    A rule may speak of the phases of stages that a search is made `instead` of.
    """
    if not any(rule.severity == BLOCKER for rule in scenario.rules):
        where.fail("rules", "no rule that blocks: a scenario without a limit can't be GO")
    for rule in scenario.rules:
        why = _unreachable(rule, scenario, instead) or next(
            (said for wrong, said in _unmeasurable(rule, scenario) if wrong), ""
        )
        if why:
            where.fail(rule.text, f"rule {rule.text!r}: {why}")


def _unreachable(rule: Rule, scenario: Scenario, instead: Sequence[Stage]) -> str:
    """Which word of the rule selects nothing; "" = each selects something."""
    # Of somebody else's locustfile nobody knows the operations before they are done.
    known = {PHASE: _phases((*scenario.stages, *instead)), POINT: list(scenario.points)}
    known |= {OP: list(scenario.mix)} if scenario.mix else {}
    for key, names in known.items():
        for selector in rule.selectors:
            if selector.key == key and selector.comparison != "=~" and selector.value not in names:
                return f"unknown {_WHAT[key]} {selector.value!r}; {nearest(selector.value, names)}"
        if not selected(names, rule.selectors, key):
            return f"its selectors leave no {_WHAT[key]}; known: {', '.join(sorted(names))}"
    if rule.other and rule.other not in known[PHASE]:
        return f"unknown phase {rule.other!r}; {nearest(rule.other, known[PHASE])}"
    return ""


_WHAT = {PHASE: "phase", OP: "operation", POINT: "point"}


def _phases(stages: Iterable[Stage]) -> list[str]:
    return list(dict.fromkeys(stage.phase for stage in stages))


def _unmeasurable(rule: Rule, scenario: Scenario) -> Iterator[tuple[bool, str]]:
    """What could be wrong with a rule in such a scenario, and whether it is."""
    metric, closed = rule.metric, not scenario.open
    loads = [stage.phase for stage in scenario.stages if stage.loads]
    covered = set(selected(loads, rule.selectors, PHASE))
    yield closed and (rule.of == OFFERED or metric == "dropped"), "users at their own pace are offered and drop nothing"
    yield (
        rule.of == OFFERED and any(selector.key == WORKER for selector in rule.selectors),
        "nobody knows what one load process is offered of the whole",
    )
    lasting, longest = rule.window.lasting if rule.window else 0, _longest(scenario, covered)
    yield lasting > longest, f"nothing can last {lasting} s: what it covers lasts {longest:g} s at most"
    yield (
        metric == "conflicts" and "conflict" not in scenario.contract,
        f"the contract of {scenario.system or 'this target'} has no conflict",
    )
    least = SHORTEST_SLOPE_S[scenario.profile == SMOKE]
    yield (
        rule.aggregate == SLOPE and not _one_even(scenario, covered),
        "a slope is that of one even load: expected {phase=…} of neighbouring stages with one rate, or number of users",
    )
    yield rule.aggregate == SLOPE and longest < least, f"a slope takes {least:g} s, what it covers lasts {longest:g} s"
    between = metric in ("end_to_end", "backlog")
    yield (
        between and len(scenario.points) < 2,
        f"effects of {scenario.system or 'this target'} have one point only, {scenario.points[0]}: there is no time "
        "between two",
    )
    yield (
        scenario.foreign and (between or metric in (EFFECTS, "delivered")),
        "of another's locustfile nobody knows what its operations leave",
    )
    compared = metric == "efficiency" or rule.of == LINEAR
    changes = scenario.scales or len({stage.users for stage in scenario.stages if stage.users}) > 1
    yield (
        compared and not changes,
        "neither users nor processes ever change: there is nothing to compare with",
    )
    yield (
        bool(rule.other) and rule.other in covered,
        f"it compares one phase with another: expected {{phase=…}} of others than {rule.other}",
    )
    several = scenario.scaling and metric == "efficiency"
    yield (
        compared and len(covered) != 1 and not several,
        "it compares one phase with another: expected {phase=…}, one that has load",
    )
    yield (
        metric == "recovery_time" and (len(covered) != 1 or loads[0] in covered),
        "expected the one phase that is the spike, with load before it: value(recovery_time{phase=spike})",
    )
    yield rule.aborts and rule.severity != BLOCKER, f"its severity is {rule.severity}: only a blocker can end a load"


def _one_even(scenario: Scenario, covered: set[str]) -> bool:
    """Whether the stages that a rule covers are neighbours, and load evenly and alike."""
    own = [stage for stage in scenario.stages if stage.phase in covered]
    runs = sum(inside for inside, _ in groupby(scenario.stages, lambda stage: stage.phase in covered))
    return runs == 1 and len({(stage.end_rate, stage.users) for stage in own}) == 1 and all(stage.even for stage in own)


def _longest(scenario: Scenario, covered: set[str]) -> float:
    """How long the longest stretch of neighbouring stages is that a rule covers."""
    runs = [
        sum(stage.seconds for stage in run)
        for inside, run in groupby(scenario.stages, lambda stage: stage.phase in covered)
        if inside
    ]
    return max(runs, default=0.0)


def warnings(scenario: Scenario) -> Iterator[str]:
    """What is allowed, but rarely meant."""
    counting = [rule for rule in scenario.rules if rule.metric == "errors" and rule.severity != INFO]
    gated = {cell for rule in counting for cell in _cells(rule, scenario)}
    for rule in scenario.rules:
        if rule.metric in TIMES and rule.severity != INFO and not gated.issuperset(_cells(rule, scenario)):
            yield (
                f"{rule.text}: no rule limits the errors of the same operations, so that a target which fails quickly "
                "would pass; add ratio(errors) < …"
            )
    for feed in scenario.feeds.values():
        if feed.order != RANDOM and scenario.open and scenario.operations > feed.rows:
            yield (
                f"feed {feed.file}: {feed.rows:,} rows for {scenario.operations:,.0f} operations: if each draws one, "
                "the run will end INVALID when there are no more; expected more rows or a shorter load"
            )
    least = scenario.validity.min_successes
    if scenario.leaving and (most := _leaving(scenario)) < least:
        yield (
            f"at most {most:,.0f} {scenario.items} can be left, fewer than min_successes = {least:,}: the run will be "
            "INVALID; expected a longer load, or validity = { min_successes = … }"
        )


def _leaving(scenario: Scenario) -> float:
    """How many effects the plan's operations can have outside of its warm-up, at most."""
    counted = sum(scenario.offered(stage) for stage in scenario.stages if stage.phase != WARM_UP)
    each = sum(scenario.mix[kind] * items for kind, items in scenario.leaving.items()) / sum(scenario.mix.values())
    return counted * each


def _cells(rule: Rule, scenario: Scenario) -> set[tuple[str, str]]:
    """The phases and operations that a rule is about."""
    phases = selected(_phases(scenario.stages), rule.selectors, PHASE)
    return {(phase, op) for phase in phases for op in selected(scenario.mix or ["any"], rule.selectors, OP)}
