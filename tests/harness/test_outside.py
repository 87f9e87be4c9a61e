"""A system outside the checkout: a read, a batch of 100, a logged refusal; over HTTP, psycopg2 and a queue."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.settings import ROOT
from tests.support import commands

# No test is about speed.
LAX = 'validity={loop_lag="30s", loop_gap="1m", min_successes=50, sent="50%"}'
ENVIRONMENT = {"PYTHONPATH": str(ROOT), "COLUMNS": "100"}


def python(project: Path, database: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A Python process of ours in the folder of the project."""
    environment = {**os.environ, **ENVIRONMENT, "DATABASE_URL": database}
    return subprocess.run([sys.executable, *words], cwd=project, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("scenario", ["parcels-http", "parcels-sql", "parcels-queue"])
def test_it_is_go_and_each_check_fires_when_an_item_is_lost_doubled_altered_or_invented(
    scenario: str, database: str, tmp_path: Path
) -> None:
    project = tmp_path / "parcels"
    shutil.copytree(ROOT / "examples" / "parcels", project)

    words = ["run", scenario, "--profile", "smoke", "--set", LAX]
    environment = {**os.environ, **ENVIRONMENT, "DATABASE_URL": database}
    done = commands.run("harness", *words, environment=environment, folder=project)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = project / "reports" / "runs" / scenario / "latest"
    verdict = json.loads((folder / "verdict.json").read_text())
    states = {check["id"]: check["state"] for check in verdict["checks"]}
    statuses = next(each for each in verdict["validity"] if each["id"] == "STATUSES")
    assert states == dict.fromkeys(("X1", "X2", "X3", "X4", "X5", "X8", "X9", "X10", "X11", "SCHEMA"), "HOLDS")
    assert statuses["state"] == ("ok" if scenario == "parcels-http" else "not applicable")
    assert verdict["totals"]["effects"] > 1000

    edits = python(project, database, str(ROOT / "tests" / "support" / "outside_edits.py"), str(folder))
    assert edits.returncode == 0, edits.stdout + edits.stderr
    assert json.loads(edits.stdout.partition("FOUND ")[2]) == {
        "an item of a batch is lost": ["X1"],
        "a logged refusal is lost": ["X1"],
        "an item is stored twice": ["X4"],
        "an item is altered": ["X5"],
        "an item of no operation": ["X2"],
        "an item that the batch can't have": ["X2"],
        "an item under the key of a read": ["X3"],
    }
