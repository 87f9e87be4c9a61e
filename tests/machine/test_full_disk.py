"""PostgreSQL runs out of disk in the middle of a load: all that was acknowledged is there when it has room again."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.settings import ROOT
from harness.stack import postgres
from tests.support.pipeline_process import Pipeline, Result


def unfit() -> str:
    """Why no small disk can be mounted here; "" = it can."""
    if os.geteuid():
        return "only root can mount a small disk"
    try:
        words = ["unshare", "-m", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"]
        return subprocess.run(words, capture_output=True, text=True).stderr.strip()
    except OSError as error:
        return f"unshare: {error.strerror}"


WHY = unfit()
pytestmark = [pytest.mark.machine, pytest.mark.skipif(bool(WHY), reason=WHY)]
PLAN = """
system = "messages"
title = "Messages, with a full disk"
[scenario.full]
purpose = "a disk without room"
users = { MessageSender = 1 }
max_users = 100
drain = "15s"
timeout = "8s"
arrivals.smoke = [
    { rate = 40, for = "3s", phase = "before" },
    { rate = 400, for = "10s", phase = "full", disturb = "fill disk" },
    { rate = 40, for = "6s", phase = "after" },
]
validity = { loop_lag = "30s", loop_gap = "1m", sent = "10%" }
rules = ["ratio(errors{phase=before}) < 1%"]
"""


def test_a_full_disk_costs_answers_and_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path / "home", tmp_path / "runs", PLAN)
    folder = postgres.folder(pipeline.home)
    folder.mkdir(parents=True)
    run = [sys.executable, "-m", "harness", *pipeline.words("full")]
    # A name space of its own: the disk is gone with the run.
    mount = f'mount -t tmpfs -o size=300m,mode=1777 tmpfs {folder} && exec "$@"'
    try:
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", mount, "sh", *run],
            cwd=ROOT,
            env=pipeline.environment(),
            capture_output=True,
            text=True,
            timeout=300,
        )
    finally:
        folder.rmdir()
    result = Result(done.returncode, done.stdout, done.stderr, pipeline.runs)
    (line,) = result.json("run.json")["disturbances"]

    assert line["count"] > 10_000_000, line
    assert "53100" in result.json("run.json")["postgres"]["errors"], "PostgreSQL never missed the room"
    assert result.checks("VIOLATED") == set()
    assert done.returncode == 0, done.stdout
