"""A rule compares with the baseline only if that ran on the same thing, and means something; else it says nothing."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.run import Run
from reports.__main__ import report
from reports.about import SCHEMA, plan_digest
from reports.verdict_file import bound
from tests.support.synthetic_run import FACTS, synthetic_run, taking
from tests.support.target_process import ROOT

RULES = [
    "p95(response_time) < 1s",
    "ratio(errors) < 1%",
    {"rule": "p95(response_time) <= baseline +10%", "severity": "major"},
    {"rule": "rate(goodput) >= baseline -5%", "severity": "major"},
]


def run(runs: Path, seconds: float = 0.2, **asked: Any) -> Run:
    return synthetic_run(runs, table={"rules": RULES, **asked.pop("table", {})}, answer=taking(seconds), **asked)


def named(runs: Path, seconds: float = 0.2, **asked: Any) -> Path:
    """Make a run the baseline of its scenario."""
    base = run(runs, seconds, **asked)
    report(base.folder)
    path = base.folder.parent / "baseline.json"
    path.write_text((base.folder / "verdict.json").read_text())
    return path


def states(found: dict[str, Any]) -> list[str]:
    return [rule["state"] for rule in found["rules"]]


@pytest.mark.parametrize(
    ("seconds", "state", "verdict"),
    [
        (0.2, "PASS", "GO"),
        (0.1, "PASS", "GO"),
        (0.22, "PASS", "GO"),
        (0.23, "CONDITIONAL", "CONDITIONAL"),
        (0.45, "NO-GO", "NO-GO"),
    ],
)
def test_a_rule_compares_with_what_the_baseline_measured(
    tmp_path: Path, seconds: float, state: str, verdict: str
) -> None:
    named(tmp_path)

    found = report(run(tmp_path, seconds).folder)

    rule = found["rules"][2]
    assert (rule["state"], rule["limit"], found["verdict"]) == (state, pytest.approx(0.22), verdict)
    assert rule["detail"].startswith("the baseline, run 2")
    assert found["rules"][3]["state"] == "PASS"


def test_without_a_baseline_nothing_is_compared_and_nothing_blocks(tmp_path: Path) -> None:
    found = report(run(tmp_path).folder)

    assert states(found) == ["PASS", "PASS", "NOT COMPARED", "NOT COMPARED"]
    assert [found["rules"][2][key] for key in ("value", "limit", "detail")] == [0.2, None, "there is no baseline"]
    assert found["verdict"] == "GO"
    assert found["reason"].startswith("2 of 4 rules and all 2 checks")


def changed(**facts: Any) -> Callable[[dict[str, Any]], None]:
    """The baseline had other facts about its run."""
    return lambda base: base["run"].update({name: {**base["run"][name], **value} for name, value in facts.items()})


def without_rules(base: dict[str, Any]) -> None:
    base["rules"] = base["rules"][1:2]


REASONS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "another processor": (changed(host={"cpu": "Other CPU"}), "differs in host.cpu"),
    "fewer cores": (changed(host={"cores": 2}), "differs in host.cores"),
    "another kernel": (changed(host={"kernel": "6.2"}), "differs in host.kernel"),
    "another Python": (changed(host={"python": "3.12.0"}), "differs in host.python"),
    "another version": (changed(versions={"locust": "2.46.0"}), "differs in versions"),
    "another database": (changed(database={"server_version": "17.0"}), "differs in database.server_version"),
    "other settings": (changed(database={"settings": {"fsync": "off"}}), "differs in database.settings"),
    "another pool": (changed(seeding={"digest": "other"}), "differs in seeding.digest"),
    "another plan": (lambda base: base["run"].update(plan="other"), "differs in plan"),
    "INVALID": (lambda base: base.update(verdict="INVALID"), "is INVALID"),
    "ended by a rule": (lambda base: base["run"].update(aborted={"rule": "r"}), "was ended by a rule"),
    "another schema": (lambda base: base.update(schema=SCHEMA - 1), f"schema {SCHEMA - 1}, expected {SCHEMA}"),
    "without such a rule": (without_rules, "measured p95(response_time)"),
}


@pytest.mark.parametrize("name", REASONS)
def test_what_is_not_comparable_is_not_compared(tmp_path: Path, name: str) -> None:
    change, reason = REASONS[name]
    path = named(tmp_path)
    base = json.loads(path.read_text())
    change(base)
    path.write_text(json.dumps(bound(base, None)))

    found = report(run(tmp_path).folder)["rules"][2]

    assert (found["state"], reason in found["detail"]) == ("NOT COMPARED", True), found["detail"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null"])
def test_what_is_no_record_is_not_compared(tmp_path: Path, text: str) -> None:
    named(tmp_path).write_text(text)

    found = report(run(tmp_path).folder)["rules"][2]

    assert found["detail"].startswith("baseline.json: ")
    assert "name a baseline again" in found["detail"]


def test_a_baseline_that_was_edited_is_not_compared_with(tmp_path: Path) -> None:
    path = named(tmp_path)
    path.write_text(path.read_text().replace('"value": 0.2', '"value": 0.3'))

    found = report(run(tmp_path).folder)["rules"][2]

    assert (found["state"], "it was changed after it was written" in found["detail"]) == ("NOT COMPARED", True)


def test_a_rule_that_measured_nothing_is_an_error_with_or_without_a_baseline(tmp_path: Path) -> None:
    table = {"rules": ["ratio(errors) < 1%", "max(end_to_end) <= baseline +10%"]}

    found = report(run(tmp_path, table=table, with_effects=False).folder)

    assert found["rules"][1]["state"] == "ERROR"


def test_the_plan_is_another_if_its_load_is_and_not_if_its_rules_are(tmp_path: Path) -> None:
    plain = plan_digest(run(tmp_path / "plain"))
    same = [{"purpose": "other words"}, {"rules": ["ratio(errors) < 5%"]}, {"validity": {"min_successes": 1}}]
    other = [{"arrivals": {"smoke": [{"rate": 13, "for": "15s"}]}}, {"max_users": 51}, {"pattern": "poisson"}]

    assert {plan_digest(run(tmp_path / str(n), table=table)) for n, table in enumerate(same)} == {plain}
    assert plain not in {plan_digest(run(tmp_path / f"other{n}", table=table)) for n, table in enumerate(other)}
    assert plan_digest(run(tmp_path / "ci", profile="ci")) != plain


def test_commands_seeds_and_commits_may_differ(tmp_path: Path) -> None:
    named(tmp_path, facts={"command": ["other"], "seed": 2, "git": {"commit": "other", "dirty": True}})

    assert report(run(tmp_path, facts={**FACTS, "seed": 3}).folder)["rules"][2]["state"] == "PASS"


def test_a_run_is_made_the_baseline_by_its_folder_and_an_invalid_one_is_refused(tmp_path: Path) -> None:
    good, bad = synthetic_run(tmp_path), synthetic_run(tmp_path, dropped=100)
    for run in (good, bad):
        report(run.folder)
    command = [sys.executable, "-m", "reports.compare.name_baseline"]
    done = subprocess.run([*command, str(good.folder)], cwd=ROOT, capture_output=True, text=True, check=False)
    refused = subprocess.run([*command, str(bad.folder)], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    named = json.loads((good.folder.parent / "baseline.json").read_text())
    assert named["run"]["id"] == good.id
    assert refused.returncode == 2
    assert "INVALID" in refused.stderr
