"""The summary fits into a pull request: the verdict first, and nothing in it can become markup, a link or a mention."""

import re
from collections.abc import Iterable
from typing import Any

from harness.plan.rules import DURATION, NUMBER, RATE, SHARE
from reports import figures

MOST_BYTES = 30_000
"""GitHub refuses a step summary of 1 MiB and a comment of 64 Ki; and this is more than people read."""
METRIC = ["metric", "kind", "count", "rate", "share True", "mean", "p50", "p95", "p99", "max"]
SHOWN = 10
"""How many causes are named, and incidents."""


def render(verdict: dict[str, Any]) -> str:
    """summary.md of `verdict`, the contents of verdict.json."""
    run, word = verdict["run"], verdict["verdict"]
    parts = [
        f"## {figures.SYMBOLS[word]} {word}: {text(run['scenario'])} ({text(run['profile'])})",
        text(verdict["reason"]),
        *[f"*{text(note)}*" for note in verdict["notes"]],
        f"By its rules alone it would be {verdict['would_be']}." if verdict["would_be"] else "",
        f"Search: it {text(verdict['search']['sentence'])}." if verdict["search"] else "",
        _causes(verdict["causes"]),
        _incidents(verdict["incidents"]),
        _disturbances(verdict["run"]["disturbances"] or []),
        table(["rule", "state", "measured", "95 % interval", "limit", "margin", "n"], map(_rule, verdict["rules"])),
        table(["check", "state", "witnesses", "compared"], map(_check, verdict["checks"])),
        *_queries(verdict["checks"]),
        figures.overlap(verdict["totals"]),
        table(["validity", "state", "found", "needed"], map(_condition, verdict["validity"])),
        table(["operation", "count", "errors", "p50", "p95", "p99", "max"], map(_operation, verdict["operations"])),
        table(METRIC, map(metric, verdict["metrics"])),
        f"Run {code(run['id'])}, seed {run['seed']}; the whole of it is in {code('report.html')} of the run folder.",
    ]
    return fitted([part for part in parts if part])


def _rule(rule: dict[str, Any]) -> list[str]:
    said = state(rule) + ("" if rule["severity"] == "blocker" else f" ({rule['severity']})")
    found = [figures.measured(rule), figures.interval(rule), text(figures.limit(rule)), figures.margin(rule)]
    return [code(rule["text"]), said, *found, f"{rule['n']:,}"]


def _check(check: dict[str, Any]) -> list[str]:
    title = f"{text(check['id'])}: {text(check['title'])}"
    return [title, state(check), f"{check['witnesses']:,}", f"{check['compared']:,} {text(check['what'])}"]


def _queries(checks: list[dict[str, Any]]) -> list[str]:
    """The SQL that shows the first witness of each check that is violated, whole."""
    found = [check for check in checks if check["state"] == "VIOLATED" and check["sql"]]
    return [
        f"{text(check['id'])} can be looked at in the database of the run:\n\n{fenced(check['sql'])}" for check in found
    ]


def _condition(one: dict[str, Any]) -> list[str]:
    word = f"{figures.SYMBOLS[one['state']]} {figures.condition(one)}"
    return [f"{text(one['id'])}: {text(one['title'])}", word, text(figures.said(one)), text(one["limit"])]


def _operation(row: dict[str, Any]) -> list[str]:
    times = [figures.figure(row["response"][name], DURATION) for name in ("p50", "p95", "p99", "max")]
    return [text(row["kind"]), f"{row['count']:,}", f"{row['errors']:,}", *times]


def metric(row: dict[str, Any]) -> list[str]:
    """A row of the table of what users recorded themselves, whose head is METRIC."""
    numbers = [figures.figure(row[name], NUMBER) for name in ("mean", "p50", "p95", "p99", "max")]
    counted = [f"{row['count']:,}", figures.figure(row["rate"], RATE), figures.figure(row["ratio"], SHARE)]
    return [code(row["name"]), row["kind"], *counted, *numbers]


def _causes(causes: list[dict[str, Any]]) -> str:
    lines = [f"{place}. {text(cause['sentence'])}" for place, cause in enumerate(causes[:SHOWN], 1)]
    if len(causes) > SHOWN:
        lines.append(f"\nand {len(causes) - SHOWN} more causes, in {code('report.html')}")
    return "\n".join(lines) if len(causes) > 1 else ""


def _incidents(incidents: list[dict[str, Any]]) -> str:
    return "\n".join(f"- Incident: {text(one['said'])}" for one in incidents[:SHOWN])


def _disturbances(disturbances: list[dict[str, Any]]) -> str:
    return "\n".join(f"- Disturbed: {text(figures.disturbed(one))}" for one in disturbances)


def fitted(parts: list[str]) -> str:
    """`parts`, of which the last tables give way if they are too long together; what was left out is stated."""
    left_out = "\n\nMore is in `report.html`: this summary was cut to fit."
    whole = "\n\n".join(parts)
    if len(whole.encode()) <= MOST_BYTES:
        return whole + "\n"
    while len(parts) > 2 and len("\n\n".join(parts).encode()) + len(left_out) > MOST_BYTES:
        parts = parts[:-1]
    kept = "\n\n".join(parts).encode()[: MOST_BYTES - len(left_out) - 1].decode(errors="ignore")
    return kept + left_out + "\n"


def table(heads: list[str], rows: Iterable[list[str]]) -> str:
    """A table of `rows`; nothing if there are none."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) if len(lines) > 2 else ""


def state(of: dict[str, Any]) -> str:
    """The state of a rule, check or condition, with its sign."""
    return f"{figures.SYMBOLS[of['state']]} {of['state']}"


def text(words: str) -> str:
    """`words` on one line: no markup, no HTML, no link, no mention."""
    escaped = re.sub(r"([\\`*_{}\[\]()<>#|~!$&:])", r"\\\1", " ".join(words.split()))
    return escaped.replace("@", "@\u200b").replace("www.", "www\u200b.")


def fenced(sql: str) -> str:
    """`sql` as a block of code, in a fence longer than any in it."""
    fence = "`" * max(max((len(run) for run in re.findall("`+", sql)), default=0) + 1, 3)
    return f"{fence}sql\n{sql.strip()}\n{fence}"


def code(words: str) -> str:
    """`words` as code, in a fence longer than any in it."""
    line = " ".join(words.split()).replace("|", "\\|")
    fence = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"
