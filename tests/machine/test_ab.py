"""Pairs of runs: each side its own target, the same seed, by turns; what they say follows from their runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.settings import ROOT
from tests.support.in_process import refused
from tests.support.pipeline_process import Pipeline

pytestmark = pytest.mark.machine

SMALL = """
system = "messages"
[scenario.tiny]
purpose = "seconds for the tests: a load process writes its health once a second"
users = { MessageSender = 1 }
max_users = 60
service.deliver = { processes = 1 }
arrivals.smoke = [{ rate = 120, for = "2500ms" }]
validity = { loop_lag = "30s", loop_gap = "1m", min_successes = 50, sent = "50%" }
rules = ["p95(response_time) < 30s", "ratio(errors) < 1%"]
"""


@pytest.fixture
def pipeline(home: Path, tmp_path: Path) -> Pipeline:
    return Pipeline(home, tmp_path / "runs", SMALL)


def ab(pipeline: Pipeline, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", "ab", "tiny", "--plan", str(pipeline.plan()), "--profile", "smoke"]
    return subprocess.run([*command, *words], cwd=ROOT, env=pipeline.environment(), capture_output=True, text=True)


def git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def test_each_side_has_its_own_target_and_one_pair_proves_nothing(pipeline: Pipeline) -> None:
    done = ab(pipeline, "--base", "HEAD", "--pairs", "1", "--base-fault", "paced")

    assert done.returncode == 4, done.stdout + done.stderr
    assert "INCONCLUSIVE" in done.stdout
    folder = pipeline.runs / "ab" / "latest"
    facts = json.loads((folder / "pairs.json").read_text())
    (pair,) = facts["pairs"]
    base, head = (json.loads((Path(pair[side]) / "run.json").read_text()) for side in ("base", "head"))
    assert (base["target"]["commit"], head["target"]["commit"]) == (git("rev-parse", "HEAD"), None)
    assert (base["target"]["fault"], head["target"]["fault"]) == ("paced", None)
    assert base["seed"] == head["seed"]
    found = json.loads((folder / "comparison.json").read_text())
    p50 = next(one for one in found["metrics"] if one["metric"]["name"] == "p50")
    assert p50["base"][0] >= 0.050 > p50["head"][0]
    assert "ab/" not in git("worktree", "list")
    assert (folder / "comparison.html").exists()


def test_what_can_not_be_compared_is_refused_before_anything_is_sent(
    pipeline: Pipeline, capfd: pytest.CaptureFixture[str]
) -> None:
    tiny = ("ab", "tiny", "--plan", str(pipeline.plan()), "--profile", "smoke")
    for words, said in (
        (("--base", "no-such-branch"), "no commit"),
        (("--base", "--help"), "no commit"),
        (("--base", "HEAD", "--pairs", "17"), "expected 1 to 16"),
    ):
        command = (*tiny, f"--base={words[1]}", *words[2:])
        assert said in refused(capfd, *command, environment=pipeline.environment())
    assert not (pipeline.runs / "tiny").exists()
