"""The summary fits into a pull request: the verdict first, and nothing in it can become markup, a link or a mention."""

import re
from collections.abc import Iterable
from typing import Any

from harness.rules import DURATION
from reports import figures

MOST_BYTES = 30_000
"""GitHub refuses a step summary of 1 MiB and a comment of 64 Ki; nobody reads as much as this."""
SHOWN = 10
"""How many causes are named."""


def render(verdict: dict[str, Any]) -> str:
    """summary.md of `verdict`, the contents of verdict.json."""
    run, word = verdict["run"], verdict["verdict"]
    parts = [
        f"## {figures.SYMBOLS[word]} {word}: {_text(run['scenario'])} ({_text(run['profile'])})",
        _text(verdict["reason"]),
        *[f"*{_text(note)}*" for note in verdict["notes"]],
        f"By its rules alone it would be {verdict['would_be']}." if verdict["would_be"] else "",
        _causes(verdict["causes"]),
        _table(["rule", "state", "measured", "limit", "margin", "n"], map(_rule, verdict["rules"])),
        _table(["check", "state", "witnesses", "compared"], map(_check, verdict["checks"])),
        _table(["validity", "state", "found", "needed"], map(_condition, verdict["validity"])),
        _table(["operation", "count", "errors", "p50", "p95", "p99", "max"], map(_operation, verdict["operations"])),
        f"Run {_code(run['id'])}, seed {run['seed']}; the whole of it is in {_code('report.html')} of the run folder.",
    ]
    return _fitted([part for part in parts if part])


def _rule(rule: dict[str, Any]) -> list[str]:
    limit = _text(figures.limit(rule))
    return [_code(rule["text"]), _state(rule), figures.measured(rule), limit, figures.margin(rule), f"{rule['n']:,}"]


def _check(check: dict[str, Any]) -> list[str]:
    title = f"{_text(check['id'])}: {_text(check['title'])}"
    return [title, _state(check), f"{check['witnesses']:,}", f"{check['compared']:,} {_text(check['what'])}"]


def _condition(one: dict[str, Any]) -> list[str]:
    return [f"{_text(one['id'])}: {_text(one['title'])}", _state(one), _text(one["value"]), _text(one["limit"])]


def _operation(row: dict[str, Any]) -> list[str]:
    times = [figures.figure(row["response"][name], DURATION) for name in ("p50", "p95", "p99", "max")]
    return [_text(row["kind"]), f"{row['count']:,}", f"{row['errors']:,}", *times]


def _causes(causes: list[dict[str, Any]]) -> str:
    lines = [f"{place}. {_text(cause['sentence'])}" for place, cause in enumerate(causes[:SHOWN], 1)]
    if len(causes) > SHOWN:
        lines.append(f"\nand {len(causes) - SHOWN} more causes, in {_code('report.html')}")
    return "\n".join(lines) if len(causes) > 1 else ""


def _fitted(parts: list[str]) -> str:
    """`parts`, of which the last tables give way if they are too long together; what was left out is said."""
    left_out = "\n\nMore is in `report.html`: this summary was cut to fit."
    text = "\n\n".join(parts)
    if len(text.encode()) <= MOST_BYTES:
        return text + "\n"
    while len(parts) > 2 and len("\n\n".join(parts).encode()) + len(left_out) > MOST_BYTES:
        parts = parts[:-1]
    kept = "\n\n".join(parts).encode()[: MOST_BYTES - len(left_out) - 1].decode(errors="ignore")
    return kept + left_out + "\n"


def _table(heads: list[str], rows: Iterable[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) if len(lines) > 2 else ""


def _state(of: dict[str, Any]) -> str:
    return f"{figures.SYMBOLS[of['state']]} {of['state']}"


def _text(text: str) -> str:
    """`text` as words on one line: no markup, no HTML, no link; and nobody is mentioned."""
    escaped = re.sub(r"([\\`*_{}\[\]()<>#|~!$&:])", r"\\\1", " ".join(text.split()))
    return escaped.replace("@", "@\u200b").replace("www.", "www\u200b.")


def _code(text: str) -> str:
    """`text` as code, in a fence longer than any in it."""
    text = " ".join(text.split()).replace("|", "\\|")
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"
