"""The baseline of a scenario: an earlier run of it that was named as such, and that later ones may be compared with.

`<runs>/<scenario>/baseline.json` is that run's verdict.json.
"""

from harness.errors import RunError
from harness.run import Run
from harness.verdict import Verdict
from reports import verdict_file
from reports.about import about
from reports.comparability import differences
from reports.rules.baseline import Baseline

FILE = "baseline.json"


def baseline(run: Run) -> Baseline:
    """The baseline of the scenario of `run`; its figures only if it ran on the same thing and means something."""
    path = run.folder.parent / FILE
    if run.scenario.overridden:
        return Baseline(why_not=f"this run's plan was overridden ({', '.join(run.scenario.overridden)})")
    if not path.exists():
        return Baseline()
    try:
        record = verdict_file.read(path, "name a baseline again (`make baseline RUN=…`)")
    except RunError as error:
        return Baseline(why_not=str(error).removeprefix(f"{path.parent}/"))
    found = str(record["run"]["id"])
    if record["verdict"] == Verdict.INVALID:
        return Baseline(found, why_not=f"the baseline, run {found}, is INVALID")
    differs = differences({"run": about(run)}, record)
    if differs:
        return Baseline(found, why_not=f"the baseline, run {found}, differs in {', '.join(differs)}")
    if record["run"]["aborted"]:
        return Baseline(found, why_not=f"the baseline, run {found}, was ended by a rule")
    return Baseline(found, {rule["measures"]: rule["value"] for rule in record["rules"] if rule["value"] is not None})
