"""Runs at several volumes: what grows too much is named, and runs that are not of one thing are not compared."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.errors import RunError
from reports.__main__ import report
from reports.compare.volumes import PAGE, RESULT, found, read
from reports.render.volumes_page import text
from reports.verdict_file import bound
from tests.support.at_volumes import FACTS, run, three
from tests.support.synthetic_run import synthetic_run
from tests.support.target_process import ROOT


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return report(synthetic_run(tmp_path_factory.mktemp("runs")).folder)


def test_what_stays_as_it_is_is_go(record: dict[str, Any]) -> None:
    told = three(record, 0.010, 0.0101, 0.0102)

    assert (told["verdict"], told["figures"][0]["growth"]) == ("GO", "within")
    assert told["sizes"][-1] == {
        "name": "all",
        "bytes": [400_000_000, 1_200_000_000, 4_000_000_000],
        "each": 400,
        "larger": 4e10,
    }
    assert told["larger"] == 100_000_000
    assert "extrapolated, not measured: 40 GB with 100M" in text(told)
    assert max(map(len, text(told).splitlines())) <= 80


@pytest.mark.parametrize(
    ("values", "wide", "verdict", "growth"),
    [
        ((0.010, 0.012, 0.014), 1.02, "NO-GO", "beyond"),
        ((0.010, 0.011, 0.0115), 1.2, "CONDITIONAL", "not proven"),
        ((0.010, 0.011, 0.013), 1.2, "CONDITIONAL", "not proven"),
    ],
)
def test_what_grows_is_named(
    record: dict[str, Any], values: tuple[float, ...], wide: float, verdict: str, growth: str
) -> None:
    told = three(record, *values, wide=wide)

    assert (told["verdict"], told["figures"][0]["growth"]) == (verdict, growth)


def test_a_rule_that_is_missed_at_the_greatest_volume_is_no_go_however_little_it_grew(record: dict[str, Any]) -> None:
    causes = [{"about": "rule"}, {"about": "validity"}]  # of these the latter only warns
    runs = [run(record, 1_000_000, 0.019), run(record, 10_000_000, 0.0205, verdict="NO-GO", causes=causes)]

    assert found(FACTS, runs)["verdict"] == "NO-GO"


def test_a_run_that_is_not_go_at_the_least_volume_proves_nothing_of_growth(record: dict[str, Any]) -> None:
    runs = [run(record, 1_000_000, 0.03, verdict="NO-GO", causes=[{"about": "rule"}]), run(record, 10_000_000, 0.01)]
    told = found(FACTS, runs)

    assert (told["verdict"], told["figures"][0]["growth"]) == ("CONDITIONAL", "within")
    assert "1M is NO-GO" in text(told)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"verdict": "INVALID", "reason": "V2", "causes": [{"about": "validity"}]}, "is INVALID: V2"),
        ({"verdict": "NO-GO", "reason": "X1", "causes": [{"about": "check"}]}, "is NO-GO: X1"),
    ],
)
def test_a_run_that_means_nothing_is_not_compared(record: dict[str, Any], change: dict[str, Any], why: str) -> None:
    told = found(FACTS, [run(record, 1_000_000, 0.01), run(record, 3_000_000, 0.01, **change)])

    assert (told["verdict"], told["figures"]) == ("INVALID", [])
    assert why in told["reasons"][0]


def test_runs_of_other_machines_changes_or_of_one_volume_are_not_compared(record: dict[str, Any]) -> None:
    first, other = run(record, 1_000_000, 0.01), run(record, 3_000_000, 0.01)
    moved, changed = copy.deepcopy(other), copy.deepcopy(other)
    moved["run"]["host"] = {**moved["run"]["host"], "cores": 64}
    changed["run"]["overridden"]["--set pool.largest"] = "100"

    for runs, why in (
        ([first, moved], "cores differs"),
        ([first, changed], "its plan was changed otherwise"),
        ([first, first], "2 runs of one volume"),
    ):
        told = found(FACTS, runs)
        assert told["verdict"] == "INVALID"
        assert any(why in reason for reason in told["reasons"])


def test_without_a_p95_there_is_nothing_to_say(record: dict[str, Any]) -> None:
    runs = [run(record, 1_000_000, 0.01), run(record, 3_000_000, 0.01)]
    for one in runs:
        one["rules"] = []

    assert found(FACTS, runs)["verdict"] == "INVALID"


def test_a_folder_without_volumes_or_a_run_that_tells_none_is_refused(record: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(RunError, match="expected the folder of `make perf-volumes`"):
        read(tmp_path)
    (tmp_path / "volumes.json").write_text(json.dumps({**FACTS, "schema": 0, "runs": []}))
    with pytest.raises(RunError, match="schema 0, expected 1"):
        read(tmp_path)
    (tmp_path / "volumes.json").write_text(json.dumps(FACTS))
    with pytest.raises(RunError, match="the file is damaged"):
        read(tmp_path)
    silent = run(record, 1_000_000, 0.01)
    silent["run"]["seeding"] = {}
    with pytest.raises(RunError, match="does not say how many events"):
        found(FACTS, [silent])


def test_the_command_leaves_a_page_and_its_exit_code(record: dict[str, Any], tmp_path: Path) -> None:
    runs = []
    for place, (volume, value) in enumerate(((1_000_000, 0.009), (3_000_000, 0.0125), (10_000_000, 0.018))):
        folder = tmp_path / f"run{place}"
        folder.mkdir()
        made = run(record, volume, value)
        del made["folder"]
        (folder / "verdict.json").write_text(json.dumps(bound(made, None)))
        runs.append(str(folder))
    (tmp_path / "volumes.json").write_text(json.dumps({**FACTS, "runs": runs}))

    command = [sys.executable, "-m", "reports.compare.volumes", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 1, done.stderr
    assert "NO-GO: scale (smoke) at 1M -> 3M -> 10M events" in done.stdout
    assert json.loads((tmp_path / RESULT).read_text())["figures"][0]["growth"] == "beyond"
    page = (tmp_path / PAGE).read_text()
    assert page.count('class="chart"') == 1
    assert "100M, extrapolated" in page
    assert "run0/report.html" in page
