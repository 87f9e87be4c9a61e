"""The end block of a run fits one screen: the verdict and why, every rule and check, the figures, where the rest is."""

import textwrap
from collections.abc import Iterable
from typing import Any

from rich.text import Text

from harness import quantities
from harness.progress import Screen
from harness.reported import REPORT, SUMMARY, VERDICT
from harness.verdict import ValidityState
from reports import figures
from reports.render import benchmark_block

LINES, COLUMNS = 40, 100
Items = list[dict[str, Any]]
INDENT = " " * 4

# What gives way, step by step, until the block fits: what holds before what fails; no rule or check is left out.
ALL, CHECKS_TOGETHER, RULES_TOGETHER, ONE_OPERATION, NO_DETAILS, EVERYTHING_TOGETHER = range(6)

_STYLES = {
    "GO": "bold green",
    "PASS": "green",
    "HOLDS": "green",
    "ok": "green",
    "UNCHECKED": "bold cyan",
    "CONDITIONAL": "bold yellow",
    "UNPROVEN": "bold yellow",
    "warning": "bold yellow",
    "NOT COMPARED": "dim",
    "not applicable": "dim",
    "NO-GO": "bold red",
    "VIOLATED": "bold red",
    "broken": "bold red",
    "INVALID": "bold magenta",
    "ERROR": "bold magenta",
    "UNDECIDED": "bold magenta",
}


def show(verdict: dict[str, Any], folder: str) -> None:
    """Print the end block of `verdict`, the contents of verdict.json in `folder`."""
    console = Screen(highlight=False)
    for line in block(verdict, folder):
        console.print(line, soft_wrap=True)
    for text in benchmark_block.lines(verdict.get("benchmark")):
        console.print(text, soft_wrap=True, markup=False)


def block(verdict: dict[str, Any], folder: str) -> list[Text]:
    """The end block: lines of at most COLUMNS columns, and at most LINES of them."""
    lines: list[Text] = []
    for step in range(ALL, EVERYTHING_TOGETHER + 1):
        lines = [
            *_head(verdict),
            *_rules(verdict["rules"], step),
            *_checks(verdict["checks"], step),
            *([Text(figures.overlap(verdict["totals"]))] if step < NO_DETAILS else []),
            *_validity(verdict["validity"], step),
            *_disturbances(verdict["run"]["disturbances"] or []),
            *_incidents(verdict["incidents"]),
            *_operations(verdict["operations"], step),
        ]
        if len(lines) <= LINES - 2:
            break
    for line in lines:
        line.rstrip()
        line.truncate(COLUMNS, overflow="ellipsis")
    return [*lines, *_files(verdict["files"], folder)]


def _files(files: list[str], folder: str) -> list[Text]:
    """Where the rest is; the folder is never cut, for it is there to be copied."""
    shown = [name for name in (REPORT, SUMMARY, VERDICT) if name in files]
    names = f"{', '.join(shown) or 'no report could be written; the evidence'}{' and more' * bool(shown)} in"
    return [Text(f"{names} {folder}")] if len(names) + len(folder) < COLUMNS else [Text(names), Text(folder)]


def _head(verdict: dict[str, Any]) -> list[Text]:
    run = verdict["run"]
    reason = textwrap.wrap(_one_line(verdict["reason"]), COLUMNS - len(INDENT), max_lines=3, placeholder=" …")
    notes = list(verdict["notes"])
    if verdict["would_be"]:
        notes.insert(0, f"by its rules alone it would be {verdict['would_be']}")
    if len(verdict["causes"]) > 1:
        notes.append(f"{len(verdict['causes'])} causes in all")
    found = verdict["search"] and f"search: {_one_line(verdict['search']['sentence'])}"
    searched = textwrap.wrap(found, COLUMNS - len(INDENT), max_lines=2, placeholder=" …") if found else []
    return [
        Text.assemble(
            _state(verdict["verdict"]), f"  {_one_line(run['scenario'])} ({run['profile']}), run {run['id']}"
        ),
        *[Text(INDENT + line) for line in reason],
        *[Text(INDENT + line, "bold") for line in searched],
        *([Text(f"{INDENT}({'; '.join(_one_line(note) for note in notes)})")] if notes else []),
    ]


def _parted(items: Items, good: str, condense: bool, step: int) -> tuple[Items, Items]:
    """Those that have a line each, and those that share lines: the `good` ones first, all of them in the end."""
    shared = [(condense and item["state"] == good) or step >= EVERYTHING_TOGETHER for item in items]
    pairs = list(zip(items, shared, strict=True))
    return [item for item, share in pairs if not share], [item for item, share in pairs if share]


def _rules(rules: Items, step: int) -> list[Text]:
    alone, together = _parted(rules, "PASS", step >= RULES_TOGETHER, step)
    lines: list[Text] = []
    if alone:
        state = max(len(rule["state"]) for rule in alone) + 2
        cells = [("measured", "limit", "margin", "n")]
        cells += [(figures.measured(r), figures.limit(r), figures.margin(r), f"{r['n']:,}") for r in alone]
        widths = [max(len(row[place]) for row in cells) for place in range(4)]
        heads, *tails = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
        room = COLUMNS - state - len(heads) - 3
        width = min(max(len(_one_line(rule["text"])) for rule in alone), room)
        lines.append(Text(f"{'rules':<{state + width + 1}}  {heads}", "dim"))
        for rule, tail in zip(alone, tails, strict=True):
            text = _one_line(rule["text"])
            start = Text.assemble(_state(rule["state"], state), " ")
            if len(text) > width:
                # The numbers go below a rule that leaves them no room; a rule is never cut.
                lines += [Text.assemble(start, text), Text(" " * (state + width + 3) + tail)]
            else:
                lines.append(Text.assemble(start, f"{text:<{width}}  ", tail))
            if step < NO_DETAILS and rule["state"] in ("ERROR", "UNPROVEN", "NOT COMPARED"):
                lines.append(Text(INDENT + _one_line(rule["detail"])))
    shared = [(rule["state"], f"{_one_line(rule['text'])}  {figures.measured(rule)}") for rule in together]
    return lines + _packed(shared, 4)


def _checks(checks: Items, step: int) -> list[Text]:
    alone, together = _parted(checks, "HOLDS", step >= CHECKS_TOGETHER, step)
    lines = []
    state = max((len(check["state"]) for check in alone), default=0) + 2
    name = max((len(check["id"]) for check in alone), default=0)
    for check in alone:
        found = _found(check)
        # Of a title that is too long, the end is cut and not the figures.
        title = Text(_one_line(check["title"]).rstrip("."))
        title.truncate(max(COLUMNS - state - name - len(found) - 16, 20), overflow="ellipsis")
        start = Text.assemble(_state(check["state"], state), f" {check['id']:<{name}} ")
        lines.append(Text.assemble(start, title, f": {found} {_one_line(check['what'])}"))
        if step < NO_DETAILS and check["state"] != "HOLDS" and check["detail"]:
            lines.append(Text(INDENT + _one_line(check["detail"])))
    if together and step < EVERYTHING_TOGETHER:
        lines.append(Text.assemble(_state("HOLDS"), f" {len(together)} checks, each with how much it compared:"))
    return lines + _packed([(check["state"], f"{check['id']} {_found(check)}") for check in together], COLUMNS // 5)


def _found(check: dict[str, Any]) -> str:
    return f"{check['witnesses']:,} of {check['compared']:,}" if check["witnesses"] else f"{check['compared']:,}"


def _validity(validity: Items, step: int) -> list[Text]:
    lines = []
    for state in (ValidityState.BROKEN, ValidityState.WARNING):
        found = [one for one in validity if one["state"] == state]
        if found and step >= NO_DETAILS:
            lines.append(Text.assemble(_state(state), f" {', '.join(one['id'] for one in found)}"))
        else:
            for one in found:
                word = figures.condition(one).removeprefix(state)
                lines.append(
                    Text.assemble(_state(state), f"{word} {one['id']}: {one['value']}; needed: {one['limit']}")
                )
                if one["consequence"]:
                    lines.append(Text(INDENT + _one_line(one["consequence"])))
    spared = sum(one["state"] == ValidityState.NOT_APPLICABLE for one in validity)
    held = f" valid: all {len(validity) - spared} conditions for the figures to count hold"
    return lines or [Text.assemble(_state(ValidityState.OK), held, f", {spared} not applicable" * (spared > 0))]


def _incidents(incidents: Items) -> list[Text]:
    """The largest one has a line."""
    if not incidents:
        return []
    largest = max(incidents, key=lambda one: one["errors"])
    count = f"{len(incidents)} incidents, the largest" if len(incidents) > 1 else "incident"
    said = textwrap.wrap(f"{count}: {_one_line(largest['said'])}", COLUMNS - 2, max_lines=2, placeholder=" …")
    return [Text.assemble(("! " if not place else "  ", "bold yellow"), line) for place, line in enumerate(said)]


def _disturbances(disturbances: Items) -> list[Text]:
    """When each was done, on two lines at most; what came of it is in the report."""
    if not disturbances:
        return []
    each = [f"{one['disturb']} at {one['began']:.1f} s ({one['phase']})" for one in disturbances]
    said = f"disturbed: {'; '.join(_one_line(text) for text in each)}"
    return [Text(line) for line in textwrap.wrap(said, COLUMNS, max_lines=2, subsequent_indent="  ", placeholder=" …")]


def _operations(operations: Items, step: int) -> list[Text]:
    rows = operations[-1:] if step >= ONE_OPERATION or len(operations) == 2 else operations
    names = [_one_line(row["kind"])[:20] for row in rows]
    width = max(len(name) for name in [*names, "operations"])
    times = [("p50", "p50"), ("p95", "p95"), ("p99", "p99"), ("max", "longest")]
    heads = "".join(f" {name:>9}" for _, name in times)
    lines = [Text(f"{'operations':<{width}} {'count':>11} {'rate':>10} {'errors':>9}{heads}", "dim")]
    for name, row in zip(names, rows, strict=True):
        said = "".join(f" {figures.figure(row['response'][key], 'duration'):>9}" for key, _ in times)
        rate = "–" if row["rate"] is None else quantities.rate(row["rate"])
        lines.append(Text(f"{name:<{width}} {row['count']:>11,} {rate:>10} {row['errors']:>9,}{said}"))
    return lines


def _packed(items: Iterable[tuple[str, str]], width: int) -> list[Text]:
    """Items on shared lines, in columns of `width`; one that is wider takes as many columns as it needs."""
    lines: list[Text] = []
    for state, text in items:
        item = Text.assemble((figures.SYMBOLS[state], _STYLES[state]), " ", text)
        cells = -(-(item.cell_len + 2) // width) * width
        if lines and lines[-1].cell_len + item.cell_len <= COLUMNS:
            lines[-1].append_text(item)
        else:
            lines.append(item)
        lines[-1].pad_right(max(cells - item.cell_len, 0))
    return lines


def _state(state: str, width: int = 0) -> tuple[str, str]:
    return f"{figures.SYMBOLS[state]} {state}".ljust(width), _STYLES[state]


def _one_line(text: str) -> str:
    return " ".join(text.split())
