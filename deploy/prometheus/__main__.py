"""`python -m deploy.prometheus`: the alert rules, which are the limits of the plans, written anew into alerts/.

A file for each system, a group for each of its scenarios, an alert for each of its rules in any profile. What only the
report can judge, such as a check of the data, has none: those are named in the file.
"""

from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from deploy.prometheus.expressions import alert
from harness.errors import PlanError
from harness.plan import plans, reading
from harness.plan.rules import Rule
from systems import PROJECT

FOLDER = Path(__file__).parent / "alerts"
PROFILES = ("full", "ci", "smoke", "soak", "limit")
"""Rules may be for some of them only."""


@cache
def rules(scenario: str) -> list[Rule]:
    """Those of a scenario in any profile that it has, each once."""
    found: dict[str, Rule] = {}
    for profile in PROFILES:
        with suppress(PlanError):  # it has no such profile
            for rule in reading.find(scenario, profile).rules:
                found.setdefault(rule.text, rule)
    return list(found.values())


def group(scenario: str) -> tuple[dict[str, Any], list[str]]:
    """The alerts of a scenario, and the rules that have none."""
    stated = rules(scenario)
    alerts = [_alert(rule, scenario, text) for rule in stated if (text := alert(rule, scenario))]
    return {"name": scenario, "rules": alerts}, [rule.text for rule in stated if not alert(rule, scenario)]


def _alert(rule: Rule, scenario: str, expression: str) -> dict[str, Any]:
    return {
        "alert": "RuleMissed",
        "expr": expression,
        "labels": {"severity": rule.severity, "scenario": scenario, "rule": rule.text},
        "annotations": {"summary": f"{scenario}: {rule.text} is missed now"},
    }


def document(system: str) -> str:
    """alerts/<system>.yml."""
    groups = [group(name) for name in plans.scenarios(system)]
    lines = [f"# The rules of systems/{system}.toml as alerts: made by `make dashboards`, not by hand."]
    lines += ["# Only the report judges these:"]
    lines += [f"#   {one['name']}: {text}" for one, left in groups for text in left] or ["#   none"]
    body = yaml.safe_dump({"groups": [one for one, _ in groups]}, sort_keys=False, width=1000, allow_unicode=True)
    return "\n".join(lines) + "\n" + body


def documents() -> dict[Path, str]:
    """All files, with what is in them."""
    return {FOLDER / f"{system}.yml": document(system) for system in plans.systems()}


def main() -> None:
    """Write them."""
    FOLDER.mkdir(exist_ok=True)
    for path, text in documents().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(PROJECT))


if __name__ == "__main__":
    main()
