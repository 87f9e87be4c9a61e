"""`python -m reports.compare.volumes FOLDER`: runs of one scenario at several volumes, and what grows with the volume.

What each p95 rule measured is compared: by what it grows from the least volume to the greatest, with an interval and a
limit on that; and what the greatest is by its own rule. What is said of LARGER is extrapolated.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from harness.errors import RunError, command
from harness.plan.rules import DURATION
from harness.reported import VERDICT, store
from harness.run import VOLUMES, VOLUMES_SCHEMA
from harness.verdict import EXIT_CODES, RuleState, Verdict
from reports import comparability, verdict_file
from reports.render import volumes_page
from reports.statistics.trend import Estimate, Point, trend

PAGE, RESULT = "volumes.html", "trend.json"
MOST = 1.2
"""So many times the p95 of the least volume that of the greatest may be."""
LARGER = 100_000_000
"""The volume that is extrapolated to, where it is beyond those that were measured."""
MAY_DIFFER = ("plan", "seeding.digest")
"""What runs of several volumes differ in: the volume is part of their plan."""

WITHIN, UNPROVEN, BEYOND = "within", "not proven", "beyond"
"""What a growth is: surely within MOST, either, or surely beyond it."""

Record = dict[str, Any]


def read(folder: Path) -> tuple[dict[str, Any], list[Record]]:
    """What volumes.json in `folder` says, and the verdict.json of each run; RunError if any of that is not there."""
    path = folder / VOLUMES
    try:
        facts = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: {error}: expected the folder of `make perf-volumes`") from None
    schema = facts.get("schema") if isinstance(facts, dict) else None
    if schema != VOLUMES_SCHEMA:
        raise RunError(f"{path}: schema {schema!r}, expected {VOLUMES_SCHEMA}: run the volumes again")
    runs = facts.get("runs")
    if not isinstance(runs, list) or not isinstance(facts.get("of"), str):
        raise RunError(f"{path}: expected the runs in it, and what they have more of: the file is damaged")
    return facts, [{**verdict_file.read(Path(one) / VERDICT), "folder": one} for one in runs]


def found(facts: dict[str, Any], records: list[Record]) -> dict[str, Any]:
    """The runs, what grows, and the verdict. Without figures, and INVALID, if the runs are not of the same thing."""
    of = facts["of"]
    of_each: list[dict[str, Any]] = [{"volume": _volume(one, of), "record": one} for one in records]
    runs = sorted(of_each, key=lambda run: int(run["volume"]))
    reasons = _reasons(runs, of)
    about = {
        "scenario": facts.get("scenario"),
        "profile": facts.get("profile"),
        "of": of,
        "volumes": sorted({run["volume"] for run in runs}),
        "runs": [_run(run) for run in runs],
        "reasons": reasons,
        "most": MOST,
    }
    if reasons:
        return {**about, "verdict": Verdict.INVALID, "figures": [], "sizes": [], "larger": None}
    larger = LARGER if about["volumes"][-1] < LARGER else None
    figures = [_figure(measures, runs, larger) for measures in _measured(runs)]
    return {
        **about,
        "verdict": _verdict(figures, runs),
        "figures": figures,
        "sizes": _sizes(runs, larger),
        "larger": larger,
    }


def _volume(record: Record, of: str) -> int:
    volume = (record["run"].get("seeding") or {}).get(of)
    if not isinstance(volume, int):
        raise RunError(f"run {record['run']['id']}: its seeding does not say how many {of} there were: run it again")
    return volume


def _run(run: dict[str, Any]) -> dict[str, Any]:
    record = run["record"]
    told = {name: record["run"][name] for name in ("id", "created", "folder")}
    return {"volume": run["volume"], **told, "path": record["folder"], **{k: record[k] for k in ("verdict", "reason")}}


def _reasons(runs: list[dict[str, Any]], of: str) -> list[str]:
    """Why these runs say nothing together."""
    said = []
    if len({run["volume"] for run in runs}) < 2:
        said.append(f"{len(runs)} runs of one volume: expected two volumes or more")
    for run in runs:
        record, name = run["record"], f"{run['volume']:,} {of}"
        said += [f"{name}: {why}" for why in comparability.reasons(runs[0]["record"], record, MAY_DIFFER)]
        own, first = (_changed(one["record"], of) for one in (run, runs[0]))
        if own != first:
            said.append(f"{name}: its plan was changed otherwise: {own} and {first}")
        # A rule that is missed is a figure, too.
        means_nothing = {"check", "target"} & {cause["about"] for cause in record["causes"]}
        if record["verdict"] == Verdict.INVALID or (record["verdict"] == Verdict.NO_GO and means_nothing):
            said.append(f"{name}: run {record['run']['id']} is {record['verdict']}: {record['reason']}")
    return said


def _changed(record: Record, of: str) -> dict[str, str]:
    """What was set otherwise than in the plan, but for the volume."""
    return {name: value for name, value in record["run"]["overridden"].items() if not name.endswith(f"pool.{of}")}


def _measured(runs: list[dict[str, Any]]) -> list[str]:
    """The p95s that all runs have measured."""
    of_each = [{rule["measures"] for rule in run["record"]["rules"] if rule["value"]} for run in runs]
    return [
        rule["measures"]
        for rule in runs[0]["record"]["rules"]
        if rule["kind"] == DURATION
        and rule["measures"].startswith("p95(")
        and all(rule["measures"] in one for one in of_each)
    ]


def _figure(measures: str, runs: list[dict[str, Any]], larger: int | None) -> dict[str, Any]:
    """One p95 at every volume, and what the line through it says."""
    points, rule = [], {}
    for run in runs:
        rule = next(one for one in run["record"]["rules"] if one["measures"] == measures)
        low, high = rule["interval"] or (None, None)
        points.append(Point(run["volume"], rule["value"], low, high))
    line = trend(points)
    return {
        "measures": measures,
        "points": [vars(point) for point in points],
        "limit": rule["limit"],
        "state": rule["state"],
        "grown": vars(line.grown),
        "growth": _growth(line.grown),
        "tenfold": vars(line.tenfold),
        "larger": vars(line.expected(larger)) if larger else None,
    }


def _growth(grown: Estimate) -> str:
    if grown.low is None or grown.high is None:
        return UNPROVEN
    return WITHIN if grown.high <= MOST else BEYOND if grown.low > MOST else UNPROVEN


def _verdict(figures: list[dict[str, Any]], runs: list[dict[str, Any]]) -> Verdict:
    """NO-GO if a p95 has surely grown too much, or the greatest volume misses a rule; GO if all is proven, and each run
    is GO: where the least volume is slow, nothing can be seen to grow.
    """
    greatest = {run["record"]["verdict"] for run in runs if run["volume"] == runs[-1]["volume"]}
    if not figures:
        return Verdict.INVALID
    if any(one["growth"] == BEYOND for one in figures) or Verdict.NO_GO in greatest:
        return Verdict.NO_GO
    proven = all(one["growth"] == WITHIN and one["state"] == RuleState.PASS for one in figures)
    proven &= all(run["record"]["verdict"] == Verdict.GO for run in runs)
    return Verdict.GO if proven else Verdict.CONDITIONAL


def _sizes(runs: list[dict[str, Any]], larger: int | None) -> list[dict[str, Any]]:
    """Bytes of each table and index as seeded, by volume; what `larger` takes is in proportion to the greatest."""
    by_volume = {run["volume"]: (run["record"]["run"].get("seeding") or {}).get("sizes") or {} for run in runs}
    greatest = max(by_volume)
    names = [name for name in by_volume[greatest] if all(name in sizes for sizes in by_volume.values())]
    if not names:
        return []
    parts = [{"name": name, "bytes": [by_volume[one][name] for one in sorted(by_volume)]} for name in names]
    total = [sum(column) for column in zip(*(part["bytes"] for part in parts), strict=True)]
    rows = [*sorted(parts, key=lambda part: -part["bytes"][-1]), {"name": "all", "bytes": total}]
    return [
        {
            **row,
            "each": row["bytes"][-1] / greatest,
            "larger": row["bytes"][-1] / greatest * larger if larger else None,
        }
        for row in rows
    ]


def main() -> int:
    """Write the page, say what was found; the exit code is the verdict's."""
    parser = argparse.ArgumentParser(prog="python -m reports.compare.volumes", description=__doc__)
    parser.add_argument("folder", type=Path, help="a folder of `make perf-volumes`, e.g. reports/runs/volumes/latest")
    folder = parser.parse_args().folder
    told = found(*read(folder))
    store(folder / RESULT, json.dumps(told, indent=2, allow_nan=False) + "\n")
    store(folder / PAGE, volumes_page.render(told, folder))
    print(volumes_page.text(told))
    print(f"  {folder / PAGE}  {RESULT}")
    return EXIT_CODES[told["verdict"]]


if __name__ == "__main__":
    command(main)
