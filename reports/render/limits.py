"""The limits of rules, as they are drawn in a chart of what they limit."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from harness.plan.rules import DURATION, PHASE, Rule
from harness.quantities import duration
from reports.render.svg import Limit
from reports.samples.samples import Samples
from reports.samples.scope import Unmeasurable, covered

Spans = tuple[tuple[float, float], ...]


def of_response_time(samples: Samples, results: Sequence[Mapping[str, Any]]) -> list[Limit]:
    """The upper limits of response times, of the rules of verdict.json, over the phases that they cover; one for those
    that are alike.
    """
    limits = {result["text"]: result["limit"] for result in results if result["kind"] == DURATION}
    spans_of: dict[tuple[float, str, str], Spans] = {}
    for rule in samples.scenario.rules:
        limit = limits.get(rule.text)
        if rule.metric != "response_time" or not rule.upper or limit is None or not (spans := _spans(rule, samples)):
            continue
        key = (limit, rule.comparison, _named(rule))
        spans_of[key] = _joined(*spans_of.get(key, ()), *spans)
    found: dict[tuple[float, str, Spans], list[str]] = {}
    for (limit, comparison, name), spans in spans_of.items():
        found.setdefault((limit, comparison, spans), []).append(name)
    return [
        Limit(f"{', '.join(names)} {comparison} {duration(limit)}", limit, spans)
        for (limit, comparison, spans), names in found.items()
    ]


def _named(rule: Rule) -> str:
    """What is limited, without the phases: the chart shows them."""
    own = [selector for selector in rule.selectors if selector.key != PHASE]
    words = [f"{'not ' if one.comparison == '!=' else ''}{one.value}" for one in own]
    return " ".join([rule.measures.partition("(")[0], *words])


def _joined(*spans: tuple[float, float]) -> Spans:
    """The same times without those that lie in others."""
    found: list[tuple[float, float]] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return tuple(found)


def _spans(rule: Rule, samples: Samples) -> Spans:
    """From when to when the rule covers the load; nothing if none of it."""
    try:
        inside = covered(rule, samples).tolist()
    except Unmeasurable:
        return ()
    found = []
    for own, run in groupby(zip(inside, samples.stretches, strict=True), key=lambda pair: pair[0]):
        stretches = [stretch for _, stretch in run]
        if own:
            found.append((stretches[0].begin, stretches[-1].end))
    return tuple(found)
