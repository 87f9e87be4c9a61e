"""PromQL for a rule of a plan: true while what ended in the last minute breaks it.

The whole load is judged by the report, and by `proofload_rule_holds` as far as it has come; an alert is about now.
"""

from collections.abc import Iterable

from prometheus_client.utils import floatToGoString

from harness.plan.rules import DURATION, OP, OUTCOME, PHASE, RATE, SHARE, WARM_UP, Rule, Selector
from reports.live.standing import is_judged

OVER = "1m"
"""What an alert looks at."""
TIMES = {"response_time": "response", "service_time": "service"}
OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!="}
FLOWS = {"throughput": "", "goodput": 'expected="yes"', "requests": ""}


def alert(rule: Rule, scenario: str) -> str:
    """The expression; "" for a rule that only the report judges."""
    if rule.metric == "dropped" and not rule.selectors:
        return _dropped(rule, scenario)
    if not is_judged(rule):
        return ""
    return _now(rule, scenario) or _so_far(rule, scenario)


def _now(rule: Rule, scenario: str) -> str:
    """Of the last minute; "" where that can't be said by what is told of the load."""
    if rule.window is not None or not all(one.key in (OP, PHASE, OUTCOME) for one in rule.selectors):
        return ""
    if rule.metric in TIMES and rule.kind == DURATION:
        return _time(rule, scenario)
    if rule.metric == "errors" and rule.kind == SHARE:
        errors = _rate("operations_total", _matchers(rule, scenario, 'expected="no"'))
        whole = _rate("operations_total", _matchers(rule, scenario, without=OUTCOME))
        return f"{errors} / {whole} {OPPOSITE[rule.comparison]} {rule.limit:g}"
    if rule.metric in FLOWS and rule.kind == RATE and rule.of is None:
        # Once it has load: a scrape without an operation is no rate that is too low.
        found = _rate("operations_total", _matchers(rule, scenario, FLOWS[rule.metric]))
        return f"{found} {OPPOSITE[rule.comparison]} {rule.limit:g} and {_running(scenario)}"
    if rule.metric == "resource" and rule.aggregate in ("max", "value", "mean", "min") and not rule.selectors:
        name = f'resource{{scenario="{scenario}",name="{rule.name}"}}'
        if rule.name == "queue.depth":
            name = f'queue_depth{{scenario="{scenario}",queue="all"}}'
        return f"proofload_{name} {OPPOSITE[rule.comparison]} {rule.limit:.12g}"
    return ""


def _time(rule: Rule, scenario: str) -> str:
    """A limit is the end of a bucket: which share is within it is counted, and not interpolated."""
    name = f"{TIMES[rule.metric]}_seconds"
    matchers = _matchers(rule, scenario)
    if rule.of is not None or not rule.upper or any(one.key == OUTCOME for one in rule.selectors):
        return ""
    whole = _rate(f"{name}_count", matchers)
    if rule.aggregate == "mean":
        return f"{_rate(f'{name}_sum', matchers)} / {whole} {OPPOSITE[rule.comparison]} {rule.limit:g}"
    within = _rate(f"{name}_bucket", [*matchers, f'le="{floatToGoString(rule.limit)}"'])
    share = 1.0 if rule.quantile is None else rule.quantile
    return f"{within} / {whole} < {share:g}"


def _dropped(rule: Rule, scenario: str) -> str:
    """Known when the load is over, by which time nothing of it may be missing."""
    lost = f'proofload_dropped_total{{scenario="{scenario}"}}'
    if rule.kind == SHARE:
        lost += f' / (proofload_offered_total{{scenario="{scenario}"}} > 0)'
    return f"{lost} {OPPOSITE[rule.comparison]} {rule.limit:g}"


def _so_far(rule: Rule, scenario: str) -> str:
    """Of all that has ended, as the load itself says it."""
    return f"proofload_rule_holds{{{_matcher('scenario', '=', scenario)},{_matcher('rule', '=', rule.text)}}} == 0"


def _running(scenario: str) -> str:
    return f'on() max(proofload_load_running{{scenario="{scenario}"}}) == 1'


def _rate(name: str, matchers: Iterable[str]) -> str:
    return f"sum(rate(proofload_{name}{{{','.join(matchers)}}}[{OVER}]))"


def _matchers(rule: Rule, scenario: str, more: str = "", without: str = "") -> list[str]:
    """What a rule selects, in PromQL: its selectors mean the same there. No warm-up, unless it is named."""
    found = [_matcher("scenario", "=", scenario), *([more] if more else [])]
    phases = [one for one in rule.selectors if one.key == PHASE]
    if not any(one.comparison != "!=" for one in phases):
        found.append(_matcher(PHASE, "!=", WARM_UP))
    return found + [_selector(one) for one in rule.selectors if one.key != without]


def _selector(one: Selector) -> str:
    return _matcher(one.key, one.comparison, one.value)


def _matcher(label: str, comparison: str, value: str) -> str:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{label}{comparison}"{quoted}"'
