"""`python -m reports.suite FOLDER`: one page about all scenarios of a system; the worst of them decides."""

import argparse
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from markupsafe import Markup

from harness.errors import RunError, command
from harness.reported import REPORT, VERDICT, store
from harness.run import SUITE, SUITE_SCHEMA
from harness.verdict import EXIT_CODES, CheckState, RuleState, Verdict
from reports import figures, verdict_file
from reports.render import suite_markdown, svg
from reports.render.page import page as filled
from reports.render.recommendations import recommendations

PAGE, RESULTS = "results.html", "PERFORMANCE_TEST_RESULTS.md"

OF_A_SUITE, OF_A_RUN = {"system", "profile", "moment", "runs"}, {"scenario", "folder", "error"}
"""What suite.json has."""

WORST_FIRST = (Verdict.NO_GO, Verdict.INVALID, Verdict.CONDITIONAL, Verdict.UNCHECKED, Verdict.GO)

RECOMMENDATIONS = {
    Verdict.GO: "Release: every scenario is within its limits, and the data agrees with every answer.",
    Verdict.UNCHECKED: "Every rule holds; the data was not checked: release only if others show that it is right.",
    Verdict.CONDITIONAL: "Release only once the conditions below are fixed or accepted by their owner.",
    Verdict.INVALID: "These figures are not valid. Fix the cause and run again.",
    Verdict.NO_GO: "Do not release before the causes below are fixed and the suite has run again.",
}


def gather(folder: Path) -> dict[str, Any]:
    """What the page is made of: the suite, its verdict, and each scenario with its verdict.json or why it has none."""
    path = folder / SUITE
    try:
        suite: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: {error}: expected the folder of a suite, e.g. reports/runs/<system>/latest") from None
    schema = suite.get("schema") if isinstance(suite, dict) else None
    if schema != SUITE_SCHEMA:
        raise RunError(f"{path}: schema {schema!r}, expected {SUITE_SCHEMA}: run the suite again")
    runs = suite.get("runs")
    whole = isinstance(runs, list) and runs and all(isinstance(one, dict) and one.keys() >= OF_A_RUN for one in runs)
    if not whole or not suite.keys() >= OF_A_SUITE:
        raise RunError(f"{path}: expected a run of each scenario in it: the file is damaged; run the suite again")
    scenarios = [_scenario(folder, each) for each in suite["runs"]]
    verdict = min((each["verdict"] for each in scenarios), key=WORST_FIRST.index)
    recommendation = RECOMMENDATIONS[verdict]
    if suite["profile"] == "smoke":
        recommendation += " A smoke run is no release verdict: it lasts seconds."
    causes = [(each["name"], each["reason"]) for each in scenarios if each["verdict"] is not Verdict.GO]
    judged = [each for each in scenarios if each["record"]]
    return {
        **suite,
        "verdict": verdict,
        "recommendation": recommendation,
        "causes": causes,
        "tries": [(each["name"], line) for each in judged for line in recommendations(each["record"])],
        "scenarios": scenarios,
    }


def _scenario(folder: Path, run: dict[str, Any]) -> dict[str, Any]:
    """A scenario without a verdict counts as INVALID: its result is unknown."""
    found: dict[str, Any] = {"name": run["scenario"], "report": None, "record": None}
    try:
        if run["folder"] is None:
            raise OSError(run["error"] or "there was no run")
        record = verdict_file.read(Path(run["folder"]) / VERDICT)
        verdict = Verdict(record["verdict"])
    except (OSError, ValueError, LookupError, TypeError, RunError) as error:
        return {**found, "verdict": Verdict.INVALID, "reason": f"There is no verdict: {error}."}
    return {
        **found,
        "verdict": verdict,
        "reason": record["reason"],
        "report": os.path.relpath(Path(run["folder"]) / REPORT, folder) if REPORT in record["files"] else None,
        "record": record if record["operations"] else None,
    }


def page(suite: dict[str, Any]) -> str:
    """results.html."""
    verdicts = Counter(each["verdict"] for each in suite["scenarios"])
    return filled(
        "suite.html.j2",
        suite=suite,
        figures=figures,
        counts=[(str(word), verdicts[word]) for word in WORST_FIRST if verdicts[word]],
        passed=lambda record: sum(rule["state"] == RuleState.PASS for rule in record["rules"]),
        held=lambda record: sum(check["state"] == CheckState.HOLDS for check in record["checks"]),
        nearest=_nearest,
        bullet=_bullet,
    )


def _bullet(rule: dict[str, Any]) -> Markup:
    label = f"{figures.measured(rule)}, {figures.limit(rule)}"
    return svg.bullet(rule["value"], rule["limit"], rule["state"], label, rule["interval"])


def _nearest(record: dict[str, Any]) -> dict[str, Any] | None:
    """The rule that has the least of its limit left; None if no rule has a limit that something can be left of."""
    rules = [rule for rule in record["rules"] if rule["margin"] is not None]
    return min(rules, key=lambda rule: float(rule["margin"]), default=None)


def main() -> int:
    """Write the page, say the verdict; the exit code is the verdict's."""
    parser = argparse.ArgumentParser(prog="python -m reports.suite", description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder of a suite, e.g. reports/runs/authorizations/latest")
    folder = parser.parse_args().folder
    suite = gather(folder)
    store(folder / PAGE, page(suite))
    store(folder / RESULTS, suite_markdown.render(suite))
    print()
    for each in suite["scenarios"]:
        print(f"{figures.SYMBOLS[each['verdict']]} {each['verdict']:<12} {each['name']:<18} {each['reason']}")
    print(f"\n{figures.SYMBOLS[suite['verdict']]} {suite['verdict']}: {suite['system']}. {suite['recommendation']}")
    print(f"  {os.path.relpath(folder / PAGE)}  {RESULTS}")
    return EXIT_CODES[suite["verdict"]]


if __name__ == "__main__":
    command(main)
