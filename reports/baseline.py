"""The baseline of a scenario: an earlier run of it that was named as such, and that later ones may be compared with.

`<runs>/<scenario>/baseline.json` is that run's verdict.json.
"""

import json
from dataclasses import dataclass
from typing import Any

from harness.rules import Rule
from harness.run import Run
from harness.verdict import Verdict
from reports.about import SCHEMA, about
from reports.fingerprint import differences

FILE = "baseline.json"


class NotComparedError(Exception):
    """Why nothing is said of a rule that compares with the baseline: it neither passes nor blocks."""


@dataclass(frozen=True)
class Baseline:
    """What the baseline measured; or why this run is not to be compared with it."""

    run: str = ""
    values: dict[str, float] | None = None
    """What a rule measures → what it was; None: not to be compared."""
    why_not: str = "there is no baseline"

    def value(self, rule: Rule) -> float:
        """What the baseline measured where `rule` measures; NotComparedError if there is no such figure."""
        if self.values is None:
            raise NotComparedError(self.why_not)
        if rule.measures not in self.values:
            raise NotComparedError(f"no rule of the baseline, run {self.run}, measured {rule.measures}")
        return self.values[rule.measures]


def baseline(run: Run) -> Baseline:
    """The baseline of the scenario of `run`; its figures only if it ran on the same thing and means something."""
    path = run.folder.parent / FILE
    if not path.exists():
        return Baseline()
    try:
        record: dict[str, Any] = json.loads(path.read_text())
        schema = record["schema"]
    except (OSError, ValueError, KeyError, TypeError):
        return Baseline(why_not=f"{FILE} is not a verdict.json that can be read")
    if schema != SCHEMA:
        return Baseline(why_not=f"{FILE} has schema {schema!r}, expected {SCHEMA}: it is of another version")
    found = str(record["run"]["id"])
    if record["verdict"] == Verdict.INVALID:
        return Baseline(found, why_not=f"the baseline, run {found}, is INVALID")
    differs = differences({"run": about(run)}, record)
    if differs:
        return Baseline(found, why_not=f"the baseline, run {found}, differs in {', '.join(differs)}")
    if record["run"]["aborted"]:
        return Baseline(found, why_not=f"the baseline, run {found}, was ended by a rule")
    return Baseline(found, {rule["measures"]: rule["value"] for rule in record["rules"] if rule["value"] is not None})
