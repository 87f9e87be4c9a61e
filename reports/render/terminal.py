"""The end block of a run: the verdict and why, the figures, every rule and check, where the rest is.

On a terminal it is as wide as that, and fits one screen; elsewhere, in a log, nothing is cut. The SQL of what was found
is whole in both.
"""

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from rich.text import Text

from harness import quantities
from harness.plan.rules import DURATION
from harness.progress import Screen
from harness.project import hint
from harness.reported import REPORT, SUMMARY, VERDICT
from harness.verdict import ValidityState
from reports import figures
from reports.render import benchmark_block

LINES = 40
NARROWEST, COLUMNS, WIDEST = 60, 100, 140
"""Of a terminal; and what is aimed at where there is none."""
Items = list[dict[str, Any]]
INDENT = " " * 4


class Room(NamedTuple):
    """What there is for the block."""

    columns: int = COLUMNS
    whole: bool = True
    """Whether it may have as many lines as it needs, each as long as it needs: it is a log, and no screen."""

    def wrapped(self, text: str, most: int, indent: str = "", hanging: str | None = None) -> list[str]:
        """`text` in lines, of a terminal `most` at most."""
        later = indent if hanging is None else hanging
        lines = None if self.whole else most
        return textwrap.wrap(
            _one_line(text),
            self.columns,
            initial_indent=indent,
            subsequent_indent=later,
            max_lines=lines,
            placeholder=" …",
            break_long_words=False,
            break_on_hyphens=False,
        )


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
    room = Room(min(max(console.width, NARROWEST), WIDEST), False) if console.is_terminal else Room()
    for line in block(verdict, folder, room):
        console.print(line, soft_wrap=True)
    for text in benchmark_block.lines(verdict.get("benchmark")):
        console.print(text, soft_wrap=True, markup=False)


def block(verdict: dict[str, Any], folder: str, room: Room) -> list[Text]:
    """The end block: on a terminal of at most LINES lines as wide as that, besides the SQL of what was found."""
    lines: list[Text] = []
    for step in range(ALL, EVERYTHING_TOGETHER + 1):
        lines = [
            *_head(verdict, room),
            *_rules(verdict["rules"], step, room),
            *_checks(verdict["checks"], step, room),
            *([Text(figures.overlap(verdict["totals"]))] if step < NO_DETAILS else []),
            *_validity(verdict["validity"], step),
            *_disturbances(verdict["run"]["disturbances"] or [], room),
            *_incidents(verdict["incidents"], room),
            *_operations(verdict["operations"], step, room),
        ]
        # In a log what holds may share lines, and nothing is left out.
        if len(lines) <= LINES - 2 or (room.whole and step >= RULES_TOGETHER):
            break
    for line in lines:
        line.rstrip()
        if not room.whole:
            line.truncate(room.columns, overflow="ellipsis")
    return [*lines, *_queries(verdict["checks"], folder), *_files(verdict["files"], folder, room)]


def _queries(checks: Items, folder: str) -> list[Text]:
    """What shows the first witness of each check that is violated; never cut, for it is there to be copied."""
    shown: dict[str, list[str]] = {}
    for check in checks:
        if check["state"] == "VIOLATED" and check["sql"]:
            shown.setdefault(f"{check['sql'].rstrip().rstrip(';')};", []).append(check["id"])
    if not shown:
        return []
    lines = [Text(f"To look at what was found, by {hint(f'psql RUN={folder}', f'psql {folder}')}:")]
    for sql, names in shown.items():
        lines += [Text(f"-- {', '.join(names)}", "dim"), *map(Text, sql.splitlines())]
    return lines


def _files(files: list[str], folder: str, room: Room) -> list[Text]:
    """Where the rest is; the folder is never cut, for it is there to be copied."""
    shown = [name for name in (REPORT, SUMMARY, VERDICT) if name in files]
    names = f"{', '.join(shown) or 'no report could be written; the evidence'}{' and more' * bool(shown)} in"
    alone = len(names) + len(folder) >= room.columns
    return [Text(names), Text(folder)] if alone else [Text(f"{names} {folder}")]


def _head(verdict: dict[str, Any], room: Room) -> list[Text]:
    run = verdict["run"]
    notes = list(verdict["notes"])
    if verdict["would_be"]:
        notes.insert(0, f"by its rules alone it would be {verdict['would_be']}")
    if len(verdict["causes"]) > 1:
        notes.append(f"{len(verdict['causes'])} causes in all")
    found = verdict["search"] and f"search: {verdict['search']['sentence']}"
    return [
        Text.assemble(
            _state(verdict["verdict"]), f"  {_one_line(run['scenario'])} ({run['profile']}), run {run['id']}"
        ),
        *map(Text, room.wrapped(verdict["reason"], 3, INDENT)),
        *[Text(line, "bold") for line in room.wrapped(found or "", 2, INDENT)],
        *[Text(line, "bold") for line in room.wrapped(_headline(verdict), 2, INDENT)],
        *map(Text, room.wrapped(f"({'; '.join(notes)})" if notes else "", 2, INDENT)),
    ]


def _headline(verdict: dict[str, Any]) -> str:
    """The figures that are asked for first; "" if nothing was measured."""
    if not verdict["operations"]:
        return ""
    whole, effects = verdict["operations"][-1], verdict["totals"]["effects"]
    parts = [f"{key} {figures.figure(whole['response'][key], DURATION)}" for key in ("p95", "p99")]
    parts.append("no errors" if not whole["errors"] else f"{whole['errors']:,} errors")
    offered, begun = (sum(phase[key] or 0 for phase in verdict["phases"]) for key in ("offered", "begun"))
    parts.append(f"{begun:,} of {offered:,} offered" if offered else f"{whole['count']:,} operations")
    parts += [] if whole["rate"] is None else [quantities.rate(whole["rate"])]
    parts += [f"{effects:,} effects stored"] if effects else []
    return " · ".join(parts)


def _parted(items: Items, good: str, condense: bool, step: int) -> tuple[Items, Items]:
    """Those that have a line each, and those that share lines: the `good` ones first, all of them in the end."""
    shared = [(condense and item["state"] == good) or step >= EVERYTHING_TOGETHER for item in items]
    pairs = list(zip(items, shared, strict=True))
    return [item for item, share in pairs if not share], [item for item, share in pairs if share]


def _rules(rules: Items, step: int, room: Room) -> list[Text]:
    alone, together = _parted(rules, "PASS", step >= RULES_TOGETHER, step)
    lines: list[Text] = []
    if alone:
        state = max(len(rule["state"]) for rule in alone) + 2
        cells = [("measured", "limit", "margin", "n")]
        cells += [(figures.measured(r), figures.limit(r), figures.margin(r), f"{r['n']:,}") for r in alone]
        heads, *tails = _columns(cells)
        width = min(max(len(_one_line(rule["text"])) for rule in alone), max(room.columns - state - len(heads) - 3, 5))
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
    return lines + _packed(shared, 4, room)


def _checks(checks: Items, step: int, room: Room) -> list[Text]:
    alone, together = _parted(checks, "HOLDS", step >= CHECKS_TOGETHER, step)
    lines = []
    state = max((len(check["state"]) for check in alone), default=0) + 2
    name = max((len(check["id"]) for check in alone), default=0)
    for check in alone:
        found = _found(check)
        title = Text(_one_line(check["title"]).rstrip("."))
        if not room.whole:
            # Of a title that is too long, the end is cut and not the figures.
            title.truncate(max(room.columns - state - name - len(found) - 16, 20), overflow="ellipsis")
        start = Text.assemble(_state(check["state"], state), f" {check['id']:<{name}} ")
        lines.append(Text.assemble(start, title, f": {found} {_one_line(check['what'])}"))
        if step < NO_DETAILS and check["state"] != "HOLDS" and check["detail"]:
            lines.append(Text(INDENT + _one_line(check["detail"])))
    if together and step < EVERYTHING_TOGETHER:
        lines.append(Text.assemble(_state("HOLDS"), f" {len(together)} checks, each with how much it compared:"))
    compared = [(check["state"], f"{check['id']} {_found(check)}") for check in together]
    return lines + _packed(compared, room.columns // 5, room)


def _found(check: dict[str, Any]) -> str:
    return f"{check['witnesses']:,} of {check['compared']:,}" if check["witnesses"] else f"{check['compared']:,}"


def _validity(validity: Items, step: int) -> list[Text]:
    lines = []
    for state in (ValidityState.BROKEN, ValidityState.WARNING):
        found = [one for one in validity if one["state"] == state]
        if found and step >= NO_DETAILS:
            lines.append(Text.assemble(_state(state), f" {', '.join(one['id'] for one in found)}"))
            continue
        for one in found:
            word = figures.condition(one).removeprefix(state)
            lines.append(Text.assemble(_state(state), f"{word} {one['id']}: {one['value']}; needed: {one['limit']}"))
        told = dict.fromkeys(_one_line(one["consequence"]) for one in found if one["consequence"])
        lines += [Text(INDENT + "; ".join(told))] if told else []
    spared = sum(one["state"] == ValidityState.NOT_APPLICABLE for one in validity)
    held = f" valid: all {len(validity) - spared} conditions for the figures to count hold"
    return lines or [Text.assemble(_state(ValidityState.OK), held, f", {spared} not applicable" * (spared > 0))]


def _incidents(incidents: Items, room: Room) -> list[Text]:
    """The largest one has a line."""
    if not incidents:
        return []
    largest = max(incidents, key=lambda one: one["errors"])
    count = f"{len(incidents)} incidents, the largest" if len(incidents) > 1 else "incident"
    first, *more = room.wrapped(f"{count}: {largest['said']}", 2, "! ", "  ")
    return [Text.assemble(("! ", "bold yellow"), first.removeprefix("! ")), *map(Text, more)]


def _disturbances(disturbances: Items, room: Room) -> list[Text]:
    """When each was done; what came of it is in the report."""
    if not disturbances:
        return []
    each = [f"{one['disturb']} at {one['began']:.1f} s ({one['phase']})" for one in disturbances]
    return [Text(line) for line in room.wrapped(f"disturbed: {'; '.join(each)}", 2, hanging="  ")]


def _operations(operations: Items, step: int, room: Room) -> list[Text]:
    rows = operations[-1:] if step >= ONE_OPERATION or len(operations) == 2 else operations
    times = [("p50", "p50"), ("p95", "p95"), ("p99", "p99"), ("max", "longest")]
    cells = [("count", "rate", "errors", *(name for _, name in times))]
    for row in rows:
        said = [figures.figure(row["response"][key], DURATION) for key, _ in times]
        rate = "–" if row["rate"] is None else quantities.rate(row["rate"])
        cells.append((f"{row['count']:,}", rate, f"{row['errors']:,}", *said))
    heads, *tails = _columns(cells)
    names = [_one_line(row["kind"]) for row in rows]
    width = max(len(name) for name in [*names, "operations"])
    width = width if room.whole else min(width, max(room.columns - len(heads) - 2, 10))
    lines = [Text(f"{'operations':<{width}}  {heads}", "dim")]
    return lines + [Text(f"{name[:width]:<{width}}  {tail}") for name, tail in zip(names, tails, strict=True)]


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Each row on a line, its cells below those of the first."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def _packed(items: Iterable[tuple[str, str]], width: int, room: Room) -> list[Text]:
    """Items on shared lines, in columns of `width`; one that is wider takes as many columns as it needs."""
    lines: list[Text] = []
    for state, text in items:
        item = Text.assemble((figures.SYMBOLS[state], _STYLES[state]), " ", text)
        cells = -(-(item.cell_len + 2) // width) * width
        if lines and lines[-1].cell_len + item.cell_len <= room.columns:
            lines[-1].append_text(item)
        else:
            lines.append(item)
        lines[-1].pad_right(max(cells - item.cell_len, 0))
    return lines


def _state(state: str, width: int = 0) -> tuple[str, str]:
    return f"{figures.SYMBOLS[state]} {state}".ljust(width), _STYLES[state]


def _one_line(text: str) -> str:
    return " ".join(text.split())
