"""`python -m reports.compare.history SCENARIO_FOLDER`: all runs of a scenario, and where their level changed.

Advisory: what changed may as well be the machine; `make perf-ab` proves a change.
"""

import argparse
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from harness.errors import RunError, command
from harness.quantities import duration, rate
from harness.reported import REPORT, VERDICT, store
from harness.verdict import Verdict
from reports import figures, verdict_file
from reports.comparability import BY_HAND, by_person, fingerprint, unlike
from reports.render import axes, svg
from reports.render.page import page
from reports.statistics.change_points import FEWEST, change_points
from systems import ids

PAGE = "history.html"
METRICS = (
    ("p50", "Response time, p50", duration),
    ("p95", "Response time, p95", duration),
    ("rate", "Operations a second", rate),
)

Record = dict[str, Any]


def records(folder: Path, profile: str) -> tuple[list[Record], list[str]]:
    """verdict.json of every run of `profile` in a scenario's folder, oldest first; and why others are left out: what
    was changed, is another run's, or of another version.
    """
    found, left_out = [], []
    for path in sorted(folder.glob(f"2*/{VERDICT}")):
        try:
            record = verdict_file.read(path)
        except RunError as error:
            left_out.append(str(error))
            continue
        if record["run"]["profile"] == profile and record["operations"]:
            found.append({**record, "folder": path.parent.name})
    return sorted(found, key=lambda record: str(record["run"]["id"])), left_out


def history(found: list[Record]) -> dict[str, Any]:
    """Each run with whether it counts, and the changes of each metric over those that do.

    A run counts if it ran on what the latest ran on and its figures mean something.
    """
    latest = found[-1]
    runs: list[dict[str, Any]] = []
    for record in found:
        differs = [BY_HAND] * any(map(by_person, (latest, record)))
        differs += [fact.name for fact in unlike(fingerprint(latest), fingerprint(record))]
        why = f"ran on something else ({', '.join(differs)})" if differs else ""
        if record["verdict"] == Verdict.INVALID:
            why = "INVALID"
        total = record["operations"][-1]
        values = {"p50": total["response"]["p50"], "p95": total["response"]["p95"], "rate": total["rate"]}
        why = why or ("" if all(values.values()) else "measured nothing")
        runs.append({"record": record, "why": why, "values": values})
    counted = [run for run in runs if not run["why"]]
    changes = {
        name: [
            {"run": counted[point.at]["record"]["run"]["id"], "ratio": point.ratio, "p": point.p}
            for point in change_points([run["values"][name] for run in counted])
        ]
        for name, _, _ in METRICS
    }
    return {"runs": runs, "counted": len(counted), "changes": changes, "run": latest["run"]}


def render(found: dict[str, Any]) -> str:
    """history.html."""
    return page(
        "history.html.j2",
        found=found,
        figures=figures,
        charts=[
            {"title": title, "drawing": _chart(found, name, title, unit), "changes": found["changes"][name]}
            for name, title, unit in METRICS
        ],
        duration=duration,
        rate=rate,
        fewest=FEWEST,
        report=REPORT,
    )


def _chart(found: dict[str, Any], name: str, title: str, unit: Any) -> Markup:
    """A dot a run, in their order; hollow if it doesn't count; a line where the level changed."""
    runs = found["runs"]
    values = [run["values"][name] for run in runs]
    scale = axes.even(max(value or 0.0 for value in values))
    places = [(place + 0.5) / len(runs) for place in range(len(runs))]
    changed = {change["run"] for change in found["changes"][name]}
    inside = []
    for at, run, value in zip(places, runs, values, strict=True):
        if run["record"]["run"]["id"] in changed:
            x = svg.percent(at - 0.5 / len(runs))
            inside.append(f'<line class="change" x1="{x}" x2="{x}" y2="{svg.LOW}"/>')
        if value:
            style = "pair" if run["why"] else "estimate"
            said = escape(f"{run['record']['folder']}: {unit(value)}")
            y = round(svg.LOW * (1 - scale.place_of(value)), 1)
            dot = f'<circle class="{style}" cx="{svg.percent(at)}" cy="{y}" r="3.5"><title>{said}</title></circle>'
            inside.append(dot)
    marks = [(at, _day(run["record"])) for at, run in zip(places, runs, strict=True)]
    return svg.frame(
        f"{title} of every run",
        svg.LOW,
        [(svg.LOW * (1 - scale.place_of(mark)), unit(mark) if mark else "0") for mark in scale.marks],
        lambda width: svg.Below(axes.clear(marks, width)),
        "runs, the oldest first, by month-day and time (UTC)",
        "".join(inside),
    )


def _day(record: Record) -> str:
    """When a run was made, as it stands under its dot."""
    return f"{ids.born(record['run']['id']):%m-%d %H:%M}"


def main() -> int:
    """Write the page of a scenario's folder."""
    parser = argparse.ArgumentParser(prog="python -m reports.compare.history", description=__doc__)
    parser.add_argument("folder", type=Path, help="e.g. reports/runs/peak")
    parser.add_argument("--profile", default="ci", help="smoke, ci (default) or full")
    arguments = parser.parse_args()
    found, left_out = records(arguments.folder, arguments.profile)
    for why in left_out:
        print(f"left out: {why}")
    if not found:
        raise RunError(
            f"{arguments.folder}: no reported run of profile {arguments.profile} in it: expected some, as `make perf-…`"
            " leaves them"
        )
    told = history(found)
    store(arguments.folder / PAGE, render(told))
    print(f"{len(found)} runs, {told['counted']} of them on the same machine, versions and settings, and valid")
    if told["counted"] < FEWEST:
        print(f"  nothing is said of them: {FEWEST} such runs are needed")
    for name, changes in told["changes"].items():
        for change in changes:
            print(f"  {name}: {(change['ratio'] - 1) * 100:+.1f} % from run {change['run']} on (p {change['p']:.4f})")
    print(f"  {arguments.folder / PAGE}")
    return 0


if __name__ == "__main__":
    command(main)
