"""Somebody else's message service gets in by a plan alone: what holds is proved, what it can't tell is said."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.stack.process import free_port
from tests.support.other_messages import PLAN, TABLES
from tests.support.pipeline_process import Pipeline, Result
from tests.support.target_process import ROOT, eventually, query


@pytest.fixture
def pipeline(home: Path, tmp_path: Path) -> Pipeline:
    return Pipeline(home, tmp_path, PLAN)


@contextmanager
def serving(database: str, *words: str) -> Iterator[str]:
    """The other implementation, up, at this URL."""
    port = free_port()
    command = [sys.executable, "-m", "tests.support.other_messages", str(port), *words]
    running = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"DATABASE_URL": database})
    url = f"http://127.0.0.1:{port}"

    def up() -> bool:
        try:
            with urllib.request.urlopen(f"{url}/alive", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    try:
        eventually(up, running)
        yield url
    finally:
        running.terminate()
        running.wait(30)


def run(pipeline: Pipeline, database: str, *words: str) -> Result:
    query(database, TABLES)
    with serving(database, *words) as url:
        return pipeline.run("outbox", TARGET_URL=url, DATABASE_URL=database)


def test_its_own_contract_and_tables_are_enough_for_go(pipeline: Pipeline, database: str) -> None:
    result = run(pipeline, database)

    assert result.code == 0, result.out + result.err
    assert {"X1", "X3", "X5", "X6", "X9", "MP1", "MP2", "MP3", "MP5", "MP6", "MP7", "MP8"} <= result.checks("HOLDS")
    weakened = " ".join(result.json("integrity.json")["weakened"])
    assert "does not tell a repeated message from another one" in weakened
    assert "message_type" in weakened


def test_without_its_unique_key_it_is_no_go(pipeline: Pipeline, database: str) -> None:
    result = run(pipeline, database, "careless")

    assert result.code == 1, result.out + result.err
    assert {"X4", "MP1", "MP1I"} <= result.checks("VIOLATED")
