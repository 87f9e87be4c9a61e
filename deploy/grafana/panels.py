"""What a dashboard shows: each panel with its PromQL. The overview is of all systems, a system's own page of one."""

from dataclasses import dataclass, field

from harness.plan import plans, reading
from harness.plan.scenario import Scenario

OVER = "$__rate_interval"
SCENARIO = "$scenario"


@dataclass(frozen=True)
class Panel:
    """A panel: a graph over time, or a table of what is now."""

    title: str
    unit: str
    """As Grafana calls it: s, ops, percentunit, short, bytes, none."""
    lines: tuple[tuple[str, str], ...]
    """PromQL, and the legend of what it gives."""
    said: str = ""
    kind: str = "timeseries"
    limits: tuple[float, ...] = field(default=())
    """The limits of rules, drawn as lines."""


def overview() -> list[Panel]:
    """All systems side by side."""
    by = "by (system, scenario)"
    label = "{{system}} {{scenario}}"
    ended = f"sum {by} (rate(proofload_operations_total[{OVER}]))"
    errors = f'(sum {by} (rate(proofload_operations_total{{expected="no"}}[{OVER}])) or 0 * {ended})'
    p95 = f"histogram_quantile(0.95, sum {by[:-1]}, le) (rate(proofload_response_seconds_bucket[{OVER}])))"
    return [
        Panel(
            "Verdict by the rules so far",
            "none",
            (("proofload_rules_verdict == 1", f"{label}: {{{{verdict}}}}"),),
            "Nothing is known of data and validity before the report.",
            "table",
        ),
        Panel("Rules missed so far", "none", (('proofload_rules{state="missed"}', label),)),
        Panel("Operations a second", "ops", ((ended, label),), "Whatever ended, however it did."),
        Panel("Errors", "percentunit", ((f"{errors} / {ended}", label),), "Outcomes that an operation must not have."),
        Panel("Response time, p95", "s", ((p95, label),), "From when an operation was planned until its outcome."),
        Panel("In flight", "none", (("proofload_in_flight", label),)),
        Panel("Load processes, cores", "none", (("proofload_generator_cores", f"{label} {{{{process}}}}"),)),
        Panel("Load processes, lateness of the loop", "s", (("proofload_generator_lag_seconds", label),)),
        Panel("Cores of targets", "none", (('proofload_resource{name="target.cpu"}', label),)),
        Panel("Scraped", "none", (("up", "{{job}} {{instance}}"),), "1: it answers."),
    ]


def of_system(system: str) -> list[Panel]:
    """The page of one system, for the chosen scenarios."""
    scenarios = [reading.find(name, "smoke") for name in plans.scenarios(system)]
    own = f'system="{system}",scenario=~"{SCENARIO}"'
    return [*_load(own, scenarios), *_times(own, scenarios), *_rules(own), *_target(own, scenarios)]


def _load(own: str, scenarios: list[Scenario]) -> list[Panel]:
    ended = f"sum by (op) (rate(proofload_operations_total{{{own}}}[{OVER}]))"
    errors = f'(sum by (op) (rate(proofload_operations_total{{{own},expected="no"}}[{OVER}])) or 0 * {ended})'
    flow = [(f"sum(rate(proofload_begun_total{{{own}}}[{OVER}]))", "begun")]
    flow += [(f"sum(rate(proofload_operations_total{{{own}}}[{OVER}]))", "ended")]
    flow += [(f'sum(rate(proofload_operations_total{{{own},expected="yes"}}[{OVER}]))', "ended as expected")]
    late = [(f"sum(proofload_in_flight{{{own}}})", "in flight")]
    if any(scenario.open for scenario in scenarios):
        flow.insert(0, (f"sum(rate(proofload_offered_total{{{own}}}[{OVER}]))", "offered by the plan"))
        late += [(f"sum(proofload_overdue{{{own}}})", "offered and not begun")]
        late += [(f"sum(proofload_dropped_total{{{own}}})", "dropped")]
    return [
        Panel("Offered, begun, ended", "ops", tuple(flow)),
        Panel("In flight and late", "none", tuple(late), "What is late is dropped, if it is not begun by the end."),
        Panel("Operations by kind", "ops", ((ended, "{{op}}"),)),
        Panel("Errors by kind", "percentunit", ((f"{errors} / {ended}", "{{op}}"),)),
        Panel(
            "Outcomes",
            "ops",
            ((f"sum by (outcome) (rate(proofload_operations_total{{{own}}}[{OVER}]))", "{{outcome}}"),),
        ),
    ]


def _times(own: str, scenarios: list[Scenario]) -> list[Panel]:
    def quantile(q: float, by: str = "") -> str:
        return f"histogram_quantile({q:g}, sum by (le{by}) (rate(proofload_response_seconds_bucket{{{own}}}[{OVER}])))"

    limits = {
        rule.limit
        for scenario in scenarios
        for rule in scenario.rules
        if rule.metric == "response_time" and rule.quantile == 0.95 and rule.of is None and rule.kind == "duration"
    }
    three = tuple((quantile(q), f"p{q * 100:g}") for q in (0.5, 0.95, 0.99))
    heat = f"sum by (le) (increase(proofload_response_seconds_bucket{{{own}}}[{OVER}]))"
    return [
        Panel("Response time", "s", three, "From when an operation was planned until its outcome."),
        Panel(
            "Response time by kind, p95", "s", ((quantile(0.95, ", op"), "{{op}}"),), "", limits=tuple(sorted(limits))
        ),
        Panel("Response times", "s", ((heat, "{{le}}"),), "How many took how long.", "heatmap"),
    ]


def _rules(own: str) -> list[Panel]:
    return [
        Panel(
            "Rules so far: 1 holds, 0 is missed",
            "none",
            ((f"proofload_rule_holds{{{own}}}", "{{scenario}}: {{rule}}"),),
            "The limits of the plan. What is not here only the report can judge.",
            "table",
        ),
        Panel(
            "Rules so far: measured as a share of the limit",
            "percentunit",
            ((f"proofload_rule_value{{{own}}} / (proofload_rule_limit{{{own}}} > 0)", "{{rule}}"),),
        ),
    ]


def _target(own: str, scenarios: list[Scenario]) -> list[Panel]:
    def resource(names: str, legend: str = "{{name}}") -> tuple[tuple[str, str], ...]:
        return ((f'proofload_resource{{{own},name=~"{names}"}}', legend),)

    found = []
    if any(scenario.queues for scenario in scenarios):
        found.append(Panel("Queues", "none", ((f"proofload_queue_depth{{{own}}}", "{{queue}}"),), "How much waits."))
    gauges = sorted({name for scenario in scenarios for name in scenario.gauges})
    if gauges:
        found.append(Panel("What the target tells of itself", "none", resource(f"target\\\\.({'|'.join(gauges)})")))
    owners = "target|postgres|generator" + "|service\\\\..+" * any(scenario.services for scenario in scenarios)
    return [
        *found,
        Panel("Cores", "none", resource(f"({owners})\\\\.cpu")),
        Panel("Memory", "bytes", resource(f"({owners})\\\\.rss")),
        Panel("Sessions of the database", "none", resource("db\\\\.(connections|active|idle_in_transaction)")),
        Panel(
            "Commits and deadlocks a second",
            "ops",
            (
                (
                    f'rate(proofload_resource{{{own},name=~"db\\\\.(commits|rollbacks|deadlocks)"}}[{OVER}])',
                    "{{name}}",
                ),
            ),
        ),
    ]
