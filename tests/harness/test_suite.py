"""The page about all scenarios says the worst verdict, and a scenario without one counts as INVALID."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness import suite as scenarios
from harness.errors import StackError
from harness.stack.variant import Variant
from harness.verdict import EXIT_CODES, Verdict
from reports.__main__ import report
from reports.render.suite_markdown import render
from reports.suite import PAGE, RESULTS, gather, page
from reports.verdict_file import bound
from tests.support.synthetic_run import synthetic_run
from tests.support.target_process import ROOT


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return report(synthetic_run(tmp_path_factory.mktemp("runs")).folder)


def suite(folder: Path, record: dict[str, Any], *verdicts: str | None) -> Path:
    """A suite whose scenarios ended as `verdicts`; None: there was no run."""
    runs = []
    for place, verdict in enumerate(verdicts):
        run = folder / "runs" / f"s{place}" / "x"
        if verdict:
            run.mkdir(parents=True)
            said = {**record, "verdict": verdict, "reason": f"reason <b>{place}</b>"}
            (run / "verdict.json").write_text(json.dumps(bound(said, None)))
        error = "" if verdict else "no port | left"
        runs.append({"scenario": f"s{place}", "folder": str(run) if verdict else None, "error": error})
    facts = {"schema": 1, "system": "messages", "profile": "smoke", "moment": "20261121T000000", "runs": runs}
    (folder / "suite.json").write_text(json.dumps(facts))
    return folder


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["GO", "GO"], "GO"),
        (["GO", "CONDITIONAL"], "CONDITIONAL"),
        (["GO", "UNCHECKED"], "UNCHECKED"),
        (["UNCHECKED", "CONDITIONAL"], "CONDITIONAL"),
        (["CONDITIONAL", "INVALID"], "INVALID"),
        (["INVALID", "NO-GO", "GO"], "NO-GO"),
        (["GO", None], "INVALID"),
        ([None, "NO-GO"], "NO-GO"),
    ],
)
def test_the_worst_decides(tmp_path: Path, record: dict[str, Any], verdicts: list[str | None], expected: str) -> None:
    found = gather(suite(tmp_path, record, *verdicts))
    assert found["verdict"] == expected
    assert [name for name, _ in found["causes"]] == [f"s{n}" for n, v in enumerate(verdicts) if v != "GO"]


def test_page_and_document_show_every_scenario_escaped(tmp_path: Path, record: dict[str, Any]) -> None:
    found = gather(suite(tmp_path, record, "GO", "NO-GO", None))
    html, document = page(found), render(found)

    assert "<b>0</b>" not in html
    assert "&lt;b&gt;0&lt;/b&gt;" in html
    assert html.count('href="runs/') == 2
    for heading in ("Executive summary", "Metrics", "Database integrity", "Recommendation"):
        assert f"## {heading}" in document
    assert "no port \\| left" in document
    assert "http" not in html.replace("http-equiv", "")


def test_what_to_try_is_said_of_each_scenario_in_which_something_was_found(
    tmp_path: Path, record: dict[str, Any]
) -> None:
    calm = gather(suite(tmp_path / "calm", record, "GO"))
    rule = {**record["rules"][0], "state": "UNPROVEN", "needs": 30.0}
    found = gather(suite(tmp_path / "found", {**record, "rules": [rule]}, "CONDITIONAL"))

    assert calm["tries"] == []
    assert "What to try" not in render(calm) + page(calm)
    assert "- s0: Rule p95" in render(found)
    assert "last about 30 s longer" in render(found)
    assert "last about 30 s longer" in page(found)


def test_the_command_writes_both_and_ends_with_the_code_of_the_worst(tmp_path: Path, record: dict[str, Any]) -> None:
    folder = suite(tmp_path, record, "GO", "CONDITIONAL")
    command = [sys.executable, "-m", "reports.suite", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == EXIT_CODES[Verdict.CONDITIONAL], done.stderr
    assert "CONDITIONAL" in done.stdout
    assert (folder / PAGE).exists()
    assert (folder / RESULTS).exists()


@pytest.mark.parametrize(
    ("failure", "said"), [(StackError("no port"), "no port"), (KeyError("x"), "itself failed: Key")]
)
def test_a_scenario_that_fails_costs_the_others_nothing(
    failure: Exception, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = iter([(synthetic_run(tmp_path / "made").folder, 0)])

    def run(*_: object) -> tuple[Path | None, int]:
        for one in ended:
            return one
        raise failure

    monkeypatch.setenv("PERF_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(scenarios.pipeline, "run", run)
    monkeypatch.setattr(scenarios, "report", lambda folder: json.loads((folder / "suite.json").read_text())["runs"])
    first, *others = scenarios.run("authorizations", "smoke", Variant(None, None))  # type: ignore[misc]

    assert first["error"] == ""
    assert others
    assert all(said in one["error"] for one in others)


def test_what_is_no_suite_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "reports.suite", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "expected the folder of a suite" in done.stderr
    assert "Traceback" not in done.stderr
