"""The workflows are what GitHub takes, do no more than they may, and keep what came of a run."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.settings import ROOT
from tests.support.workflow import ACTION, EXPRESSION, WORKFLOWS, read

PINNED = re.compile(r"[\w./-]+@[0-9a-f]{40}")
ALL = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


def linted(tool: str, *arguments: str) -> str:
    """What a linter says; "" if it finds nothing."""
    command = [str(Path(sys.executable).with_name(tool)), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("vendor.github-actions", [ACTION]),
        ("vendor.dependabot", [ROOT / ".github" / "dependabot.yml"]),
    ],
)
def test_they_are_of_the_schema(schema: str, paths: list[Path]) -> None:
    assert linted("check-jsonschema", "--builtin-schema", schema, *map(str, paths)) == ""


def test_zizmor_finds_nothing() -> None:
    assert linted("zizmor", "--offline", "--quiet", ".github", "action.yml") == ""


def jobs(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = read(path)["jobs"]
    return found


def steps(path: Path) -> list[dict[str, Any]]:
    """All steps of a file."""
    if path == ACTION:
        return list(read(path)["runs"]["steps"])
    return [step for job in jobs(path).values() for step in job.get("steps", ())]


@ALL
def test_a_job_may_only_read_and_ends(path: Path) -> None:
    assert read(path)["permissions"] == {}
    for job in jobs(path).values():
        assert job["permissions"] == {"contents": "read"}
        assert "uses" in job or job["timeout-minutes"]


@pytest.mark.parametrize("path", [*WORKFLOWS, ACTION], ids=lambda path: path.stem)
def test_actions_are_pinned_and_inputs_stay_out_of_commands(path: Path) -> None:
    for step in steps(path):
        assert "run" in step or PINNED.fullmatch(step["uses"]), step
        assert not EXPRESSION.search(step.get("run", "")), step
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", [*WORKFLOWS, ACTION], ids=lambda path: path.stem)
def test_what_came_of_a_run_is_kept_whatever_it_was_and_fixtures_never(path: Path) -> None:
    for step in steps(path):
        if "upload-artifact" not in step.get("uses", ""):
            continue
        assert step["if"] == "always()"
        kept = step["with"]["path"]
        assert "runs" not in kept or re.search(r"^!.*/\*\*/fixtures/\*\*$", kept, re.M), kept


def test_every_input_of_a_workflow_has_an_effect() -> None:
    for path in WORKFLOWS:
        on, text = read(path)["on"], path.read_text()
        for how in ("workflow_call", "workflow_dispatch"):
            for name in (on.get(how) or {}).get("inputs", {}) if isinstance(on, dict) else {}:
                assert f"inputs.{name}" in text, (path.name, name)


def called(path: Path) -> dict[str, dict[str, Any]]:
    """What the jobs of a workflow hand to the one that they call."""
    return {name: job["with"] for name, job in jobs(path).items() if job.get("uses", "").endswith("scenario.yml")}


def test_the_jobs_of_the_requirements_are_there() -> None:
    folder = ROOT / ".github" / "workflows"
    messages = called(folder / "performance.yml")
    assert {name: messages[name]["scenario"] for name in ("sustained", "peak", "worker-scaling")} == {
        name: name for name in ("sustained", "peak", "worker-scaling")
    }
    systems = jobs(folder / "performance.yml")["systems"]["strategy"]["matrix"]["system"]
    assert sorted(["messages", *systems]) == sorted(path.stem for path in (ROOT / "systems").glob("*.toml"))

    on = read(folder / "performance-test.yml")["on"]
    assert on["schedule"] == [{"cron": "0 2 * * 0"}]
    assert on["pull_request"]["types"] == ["labeled", "synchronize"]
    assert on["workflow_dispatch"]["inputs"]["test_type"]["options"] == ["load", "stress", "spike", "all"]
    handed = called(folder / "performance-test.yml")["orchestrator"]
    assert handed["scenario"] == "orchestrator-${{ matrix.test }}"
    assert ("inputs.duration" in handed["duration"], "inputs.vus" in handed["vus"]) == (True, True)
    scenario = jobs(folder / "scenario.yml")["run"]
    assert [step["name"] for step in scenario["steps"] if "run" in step][:4] == ["Install", "Migrate", "Seed", "Run"]


@ALL
def test_what_is_called_is_given_what_it_knows(path: Path) -> None:
    known = read(ROOT / ".github" / "workflows" / "scenario.yml")["on"]["workflow_call"]["inputs"]
    for handed in called(path).values():
        assert set(handed) <= set(known)
        assert {name for name, entry in known.items() if entry.get("required")} <= set(handed)
