"""A run folder is self-contained: what a run was does not depend on today's plans, facts and locustfiles."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.settings import ROOT
from schema.migrate import migrate
from tests.support.pipeline_process import Pipeline, Result
from tests.support.target_process import serving

PARTS = ("harness", "systems", "locustfiles", "schema", "seeding", "verification", "reports", "target")


@pytest.fixture
def run(home: Path, tmp_path: Path, database: str) -> Result:
    """A finished run on a database that stays."""
    migrate("messages", database)
    with serving(database) as target:
        pipeline = Pipeline(home, tmp_path / "runs")
        return pipeline.run(TARGET_URL=target.url, DATABASE_URL=database)


def changed_checkout(folder: Path) -> Path:
    """A copy of this checkout with other expected outcomes, effects, user classes, contract, pool and rules."""
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("runs", "__pycache__"))

    def edit(name: str, *pairs: tuple[str, str]) -> None:
        path = folder / name
        text = path.read_text()
        for old, new in pairs:
            assert old in text, (name, old)
            text = text.replace(old, new)
        path.write_text(text)

    edit(
        "systems/messages.py",
        ('"process": ("ACK", "REPLAY")', '"process": ("REJECT",)'),
        ('"process": {"ACK": Effect()}', '"process": {"ACK": Effect(7)}'),
        ('POINTS = ("stored", "sent")', 'POINTS = ("kept",)'),
        ('MIX = {"process": 93', 'MIX = {"process": 50'),
    )
    edit("systems/messages.toml", ("used_key = 409", "key_used = 410"), ("users = 10_000", "users = 5"))
    edit("locustfiles/messages.py", ("class MessageSender", "class Someone"))
    return folder


def report_and_verify(checkout: Path, folder: Path, database: str) -> tuple[str, str]:
    """verdict.json as reported again in `checkout`, and the findings as verified again.

    Without what binds it to the seal: that has the hash of integrity.json, which says how long it took.
    """
    environment = {**os.environ, "PYTHONPATH": str(checkout), "PYTHONSAFEPATH": "1", "DATABASE_URL": database}
    found, verdict = [], ""
    for module in ("reports", "verification"):
        command = [sys.executable, "-m", module, str(folder)]
        done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)
        assert "Traceback" not in done.stderr, done.stderr
        found.append(done.stdout)
        if module == "reports":  # void once it is verified again
            verdict = (folder / "verdict.json").read_text().partition('"bound"')[0]
    return verdict, found[1]


def test_a_finished_run_is_reported_and_verified_alike_after_everything_has_changed(
    run: Result, database: str, tmp_path: Path
) -> None:
    before = report_and_verify(ROOT, run.folder, database)
    after = report_and_verify(changed_checkout(tmp_path / "later"), run.folder, database)

    assert len(run.checks("HOLDS")) >= 14
    assert after == before
