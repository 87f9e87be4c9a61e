"""The baseline of a scenario in a profile: what a run measured, and what it ran on, for later ones to compare with.

A small file, `baselines/<scenario>-<profile>.json`, to be committed, or restored by a pipeline: it needs no run folder.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import RunError
from harness.project import hint
from harness.reported import store
from harness.run import Run
from harness.settings import baseline_of
from harness.verdict import Verdict
from reports.about import about
from reports.comparability import by_person, fingerprint, unlike
from reports.rules.baseline import Baseline
from systems import PROJECT

SCHEMA = 1
"""The version of the file."""
DIGEST = "digest"
"""Where it has the hash of all the rest: one that was edited is found out."""


def write(record: Mapping[str, Any]) -> Path:
    """Make the run of `record`, a verdict.json, the baseline of its scenario; where that is.

    RunError if its figures can't be one, or the file can't be written.
    """
    run, wrong = record["run"], ""
    if record["verdict"] == Verdict.INVALID:
        wrong = f"it is INVALID: {record['reason']}"
    elif run["overridden"]:
        wrong = f"its plan was overridden ({', '.join(run['overridden'])})"
    elif run["aborted"]:
        wrong = f"a rule ended it: {run['aborted']['rule']}"
    elif changed := by_person(record):
        wrong = f"it was changed by hand ({changed})."
    if wrong:
        raise RunError(f"run {run['id']} can't be a baseline: {wrong} Expected a valid run that went as its plan says")
    path = baseline_of(run["scenario"], run["profile"])
    found = {
        "schema": SCHEMA,
        **{name: run[name] for name in ("scenario", "profile", "created")},
        "run": run["id"],
        "commit": (run["git"] or {}).get("commit"),
        "verdict": record["verdict"],
        "figures": {one["measures"]: one["value"] for one in record["rules"] if one["value"] is not None},
        "fingerprint": fingerprint(record),
    }
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{path.parent}: {error.strerror}: expected to write there; see PERF_BASELINES") from None
    store(new, json.dumps({**found, DIGEST: _digest(found)}, indent=2, allow_nan=False) + "\n")
    new.replace(path)
    return path


def baseline(run: Run) -> Baseline:
    """The baseline of the scenario of `run`; its figures only if it ran on the same thing and means something."""
    path = baseline_of(run.scenario.name, run.scenario.profile)
    folder = run.folder.relative_to(PROJECT) if run.folder.is_relative_to(PROJECT) else run.folder
    make = hint(f"baseline RUN={folder}", f"baseline {folder}")
    if run.scenario.overridden:
        return Baseline(why_not=f"this run's plan was overridden ({', '.join(run.scenario.overridden)})")
    if run.facts.get("steered"):
        return Baseline(why_not="this run was changed by hand")
    if not path.exists():
        return Baseline(why_not=f"no baseline: {make} makes this run one ({path}, to be committed)")
    try:
        record = _read(path)
    except ValueError as error:
        return Baseline(why_not=f"{path}: {error}: {make} makes this run the baseline")
    named, mine = str(record["run"]), fingerprint({"run": about(run)})
    if differs := [fact.name for fact in unlike(mine, record["fingerprint"])]:
        return Baseline(named, why_not=f"the baseline, run {named}, differs in {', '.join(differs)}")
    return Baseline(named, record["figures"])


def _read(path: Path) -> dict[str, Any]:
    """The baseline at `path`; ValueError says what is wrong with it."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{error}: expected a baseline") from None
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        found = record.get("schema") if isinstance(record, dict) else None
        raise ValueError(f"schema {found!r}, expected {SCHEMA}: it is of another version, or no baseline")
    if record.pop(DIGEST, None) != _digest(record):
        raise ValueError("it was changed after it was written")
    return record


def _digest(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
