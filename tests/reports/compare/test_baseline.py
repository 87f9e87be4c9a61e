"""A rule compares with the baseline only if that ran on the same thing, and means something; else it says nothing."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import RunError
from harness.plan.text import describe
from harness.run import Run
from harness.settings import Settings
from reports.__main__ import report
from reports.about import plan_digest
from reports.compare.baseline import DIGEST, write
from reports.compare.baseline import _digest as digest
from reports.compare.name_baseline import name
from tests.support.plans import varied
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


@pytest.fixture(autouse=True)
def baselines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PERF_BASELINES", str(tmp_path / "baselines"))
    return tmp_path / "baselines"


def named(runs: Path, seconds: float = 0.2, **asked: Any) -> Path:
    """Make a run the baseline of its scenario, and lose its folder, as a pipeline of CI does."""
    base = run(runs, seconds, **asked)
    report(base.folder)
    path = name(base.folder)
    shutil.rmtree(base.folder)
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


def test_without_a_baseline_nothing_is_compared_and_it_is_said_how_to_make_one(tmp_path: Path, baselines: Path) -> None:
    found = report(run(tmp_path).folder)

    assert states(found) == ["PASS", "PASS", "NOT COMPARED", "NOT COMPARED"]
    assert [found["rules"][2][key] for key in ("value", "limit")] == [0.2, None]
    detail = found["rules"][2]["detail"]
    assert detail.startswith("no baseline: `make baseline RUN=/")
    assert detail.endswith(f"` makes this run one ({baselines}/sustained-smoke.json, to be committed)")
    assert found["verdict"] == "GO"
    assert found["reason"].startswith("2 of 4 rules and all 2 checks")


def changed(place: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """The baseline ran on something else."""
    return lambda base: base["fingerprint"].update({place: value})


REASONS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "another processor": (changed("host.cpu", "Other CPU"), "differs in processor"),
    "fewer cores": (changed("host.cores", 2), "differs in cores"),
    "another kernel": (changed("host.kernel", "6.2"), "differs in kernel"),
    "another Python": (changed("host.python", "3.12.0"), "differs in Python"),
    "another version": (changed("versions", {"locust": "2.46.0"}), "differs in version of locust"),
    "another database": (changed("database.server_version", "17.0"), "differs in version of PostgreSQL"),
    "other settings": (changed("database.settings", {"fsync": "off"}), "differs in PostgreSQL's fsync"),
    "another pool": (changed("seeding.digest", "other"), "differs in seeded data"),
    "another plan": (changed("plan", "other"), "differs in plan of the load"),
    "not known on what": (lambda base: base["fingerprint"].pop("host.cpu"), "differs in processor"),
    "another schema": (lambda base: base.update(schema=0), "schema 0, expected 1: it is of another version"),
    "without such a rule": (lambda base: base["figures"].pop("p95(response_time)"), "measured p95(response_time)"),
}


@pytest.mark.parametrize("case", REASONS)
def test_what_is_not_comparable_is_not_compared(tmp_path: Path, case: str) -> None:
    change, reason = REASONS[case]
    path = named(tmp_path)
    base = json.loads(path.read_text())
    del base[DIGEST]
    change(base)
    path.write_text(json.dumps({**base, DIGEST: digest(base)}))

    found = report(run(tmp_path).folder)["rules"][2]

    assert (found["state"], reason in found["detail"]) == ("NOT COMPARED", True), found["detail"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null"])
def test_what_is_no_record_is_not_compared(tmp_path: Path, text: str) -> None:
    named(tmp_path).write_text(text)

    found = report(run(tmp_path).folder)["rules"][2]

    assert found["state"] == "NOT COMPARED"
    assert "/sustained-smoke.json: " in found["detail"]
    assert found["detail"].endswith("makes this run the baseline")


def test_a_baseline_that_was_edited_is_not_compared_with(tmp_path: Path) -> None:
    path = named(tmp_path)
    path.write_text(path.read_text().replace(": 0.2,", ": 0.3,"))

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


def test_the_file_is_small_and_has_what_rules_need(tmp_path: Path, baselines: Path) -> None:
    path = named(tmp_path)
    found = json.loads(path.read_text())

    assert path == baselines / "sustained-smoke.json"
    assert len(path.read_text()) < 3_000
    assert found["figures"]["p95(response_time)"] == 0.2
    assert (found["scenario"], found["profile"], found["verdict"], found["commit"]) == (
        *("sustained", "smoke", "GO", FACTS["git"]["commit"]),
    )
    assert not list(baselines.glob(".*"))


def test_each_profile_has_its_own(tmp_path: Path, baselines: Path) -> None:
    named(tmp_path)
    path = named(tmp_path, profile="ci", table={"arrivals": {"ci": [{"rate": 12, "for": "15s"}]}})

    assert path == baselines / "sustained-ci.json"
    assert report(run(tmp_path).folder)["rules"][2]["state"] == "PASS"


def test_where_a_file_of_the_users_is_makes_no_other_plan(tmp_path: Path) -> None:
    plain = run(tmp_path / "plain")

    def digest_of(**changes: Any) -> str:
        return plan_digest(Run(plain.folder, {**plain.facts, "plan": {**plain.facts["plan"], **changes}}))

    feeds = [
        {"feed": {"file": file, "order": "unique", "rows": 3, "digest": digest}} for file, digest in ("aA", "bA", "aB")
    ]
    assert digest_of(feeds=feeds[0]) == digest_of(feeds=feeds[1]) != digest_of(feeds=feeds[2])
    assert digest_of(pool={"file": "a", "staff": [1]}) == digest_of(pool={"file": "b", "staff": [1]})


def test_the_plan_says_how_to_make_one_that_is_not_there(tmp_path: Path, baselines: Path) -> None:
    scenario = varied("sustained", table={"rules": RULES})
    line = f"no baseline to compare with ({baselines}/sustained-smoke.json): `"

    assert line in describe(scenario, Settings())
    assert "no baseline" not in describe(varied("sustained"), Settings())
    named(tmp_path)
    assert "no baseline" not in describe(scenario, Settings())


STEERED = [{"second": 3.0, "users": 9, "spawn": 1.0}]
UNFIT: dict[str, tuple[dict[str, Any], str]] = {
    "INVALID": ({"dropped": 100}, "can't be a baseline: it is INVALID: "),
    "ended by a rule": (
        {"facts": {"aborted": {"rule": "ratio(errors) < 1% else abort", "at": 9.0, "said": "too many"}}},
        "can't be a baseline: a rule ended it: ratio",
    ),
    "changed by hand": (
        {"facts": {"steered": STEERED}},
        "can't be a baseline: it was changed by hand (9 users from 3.0 s on). ",
    ),
}


@pytest.mark.parametrize("case", UNFIT)
def test_what_can_not_be_a_baseline_is_refused(tmp_path: Path, baselines: Path, case: str) -> None:
    asked, said = UNFIT[case]
    bad = run(tmp_path, **asked)
    report(bad.folder)

    with pytest.raises(RunError, match=re.escape(said)):
        name(bad.folder)
    assert not baselines.exists()


def test_what_a_person_changed_is_said_and_not_compared_with_the_baseline(tmp_path: Path) -> None:
    named(tmp_path)

    verdict = report(run(tmp_path, facts={"steered": STEERED}).folder)

    assert verdict["rules"][2]["state"] == "NOT COMPARED"
    assert verdict["rules"][2]["detail"] == "this run was changed by hand"
    assert "changed by hand: 9 users from 3.0 s on; not comparable with other runs" in verdict["notes"]


def test_a_run_of_an_overridden_plan_can_not_be_one(tmp_path: Path) -> None:
    good = run(tmp_path)
    record = report(good.folder)
    with pytest.raises(RunError, match="its plan was overridden"):
        write({**record, "run": {**record["run"], "overridden": {"PERF_VUS": "9"}}})


def test_where_it_can_not_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PERF_BASELINES", str(tmp_path / "file"))
    good = run(tmp_path)
    report(good.folder)
    with pytest.raises(RunError, match="expected to write there; see PERF_BASELINES"):
        name(good.folder)


def test_the_command_makes_a_baseline_and_refuses_an_invalid_run(tmp_path: Path, baselines: Path) -> None:
    good, bad = synthetic_run(tmp_path), synthetic_run(tmp_path, dropped=100)
    for one in (good, bad):
        report(one.folder)
    command = [sys.executable, "-m", "harness", "baseline"]
    done = subprocess.run([*command, str(good.folder)], cwd=ROOT, capture_output=True, text=True, check=False)
    refused = subprocess.run([*command, str(bad.folder)], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert json.loads((baselines / "sustained-smoke.json").read_text())["run"] == good.id
    assert refused.returncode == 2
    assert "INVALID" in refused.stderr
