"""PERFORMANCE_TEST_RESULTS.md: summary first, then each scenario, the data, and what to do."""

from typing import Any

from harness.plan.rules import DURATION, RATE, SHARE
from reports import figures
from reports.render.markdown import METRIC, code, metric, state, table, text


def render(suite: dict[str, Any]) -> str:
    """The document about a suite, as `reports.suite.gather` has it."""
    parts = [
        f"# Performance test results: {text(suite['system'])} ({text(suite['profile'])})",
        "## Executive summary",
        f"**{figures.SYMBOLS[suite['verdict']]} {suite['verdict']}.** {suite['recommendation']}",
        table(["scenario", "verdict", "why"], map(_line, suite["scenarios"])),
        "## Metrics",
        *[part for each in suite["scenarios"] for part in _scenario(each)],
        "## Database integrity",
        *[part for each in suite["scenarios"] for part in _integrity(each)],
        "## Recommendation",
        suite["recommendation"],
        "\n".join(f"- {text(name)}: {text(reason)}" for name, reason in suite["causes"]),
        "### What to try" if suite["tries"] else "",
        "\n".join(f"- {text(name)}: {text(line)}" for name, line in suite["tries"]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _line(each: dict[str, Any]) -> list[str]:
    name = f"[{text(each['name'])}]({each['report']})" if each["report"] else text(each["name"])
    return [name, f"{figures.SYMBOLS[each['verdict']]} {each['verdict']}", text(each["reason"])]


def _scenario(each: dict[str, Any]) -> list[str]:
    record = each["record"]
    if record is None:
        return [f"### {text(each['name'])}", text(each["reason"])]
    run, total = record["run"], record["operations"][-1]
    rate = figures.figure(total["rate"], RATE)
    parts = [
        f"### {text(each['name'])}",
        text(run["purpose"]),
        f"{total['count']:,} operations, {rate}; run {code(run['id'])}, seed {run['seed']}.",
        table(["rule", "state", "measured", "limit"], map(_rule, record["rules"])),
        table(["operation", "answer", "count", "share", "p50", "p95", "p99", "max"], map(_class, record["classes"])),
        table(METRIC, map(metric, record.get("metrics", ()))),
    ]
    met = record["rounds"]
    if met and met["rounds"]:
        ended = ", ".join(f"{one['rounds']:,} with {one['acknowledged']} served" for one in met["ended"])
        spread = {name: figures.figure(value, DURATION) for name, value in met["spread_s"].items()}
        parts.append(
            f"{met['rounds']:,} rounds of {met['users']}: {ended}. From the first start of a round to its last: "
            f"p50 {spread['p50']}, p95 {spread['p95']}, longest {spread['max']}."
        )
    return parts


def _rule(rule: dict[str, Any]) -> list[str]:
    return [code(rule["text"]), state(rule), figures.measured(rule), text(figures.limit(rule))]


def _class(row: dict[str, Any]) -> list[str]:
    times = [figures.figure(row["response"][name], DURATION) for name in ("p50", "p95", "p99", "max")]
    return [text(row["kind"]), row["class"], f"{row['count']:,}", figures.figure(row["share"], SHARE), *times]


def _integrity(each: dict[str, Any]) -> list[str]:
    if each["record"] is None:
        return []
    return [
        f"### {text(each['name'])}: the data",
        table(["check", "state", "witnesses", "compared"], map(_check, each["record"]["checks"])),
    ]


def _check(check: dict[str, Any]) -> list[str]:
    title = f"{text(check['id'])}: {text(check['title'])}"
    return [title, state(check), f"{check['witnesses']:,}", f"{check['compared']:,} {text(check['what'])}"]
