"""Somebody else's implementation is seeded, loaded and judged under its own names; and what that can't see is said."""

import os
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from harness.stack.process import free_port
from schema.migrate import migrate
from tests.support import commands, other_authorizations, plain_authorizations
from tests.support.other_authorizations import PLAN
from tests.support.pipeline_process import Pipeline, Result
from tests.support.target_process import ROOT, eventually

KEY = "a key that both sides know, long enough"


@pytest.fixture
def pipeline(home: Path, tmp_path: Path) -> Pipeline:
    return Pipeline(home, tmp_path)


@contextmanager
def serving(database: str, service: ModuleType, *words: str) -> Iterator[str]:
    """The other implementation, up, at this URL."""
    port = free_port()
    running = subprocess.Popen(
        [sys.executable, "-m", service.__name__, str(port), *words],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database, "PERF_JWT_KEY": KEY},
    )
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


def _run(pipeline: Pipeline, database: str, service: ModuleType, *words: str) -> Result:
    from harness.plan import reading

    (name,) = tomllib.loads(service.PLAN)["scenario"]
    path = pipeline.runs / "other.toml"
    path.write_text(service.PLAN)
    migrate("authorizations", database, reading.find(name, "smoke", path).database)
    with serving(database, service, *words) as url:
        environment = pipeline.environment(TARGET_URL=url, DATABASE_URL=database, PERF_JWT_KEY=KEY)
        words = ["run", name, "--plan", str(path), "--profile", "smoke"]
        done = commands.run("harness", *words, environment=environment)
        return Result(done.returncode, done.stdout, done.stderr, pipeline.runs)


def test_it_is_judged_under_its_own_names(pipeline: Pipeline, database: str) -> None:
    result = _run(pipeline, database, other_authorizations)

    assert result.code == 0, result.out + result.err
    assert {"A1", "A3", "A6", "A7", "A8", "X7", "TOKEN", "POOL"} <= result.checks("HOLDS")
    assert not result.checks("VIOLATED")
    weakened = " ".join(result.json("integrity.json")["weakened"])
    assert "movements" in weakened


def test_what_is_wrong_with_it_is_found_without_movements(pipeline: Pipeline, database: str) -> None:
    result = _run(pipeline, database, other_authorizations, "careless")

    assert result.code == 1, result.out + result.err
    assert "A1" in result.checks("VIOLATED")


def test_a_service_without_keys_with_400s_and_claims_of_its_own_is_go_by_a_plan_alone(
    pipeline: Pipeline, database: str
) -> None:
    result = _run(pipeline, database, plain_authorizations)
    verdict = result.json("verdict.json")
    kinds = {each["kind"] for each in verdict["operations"] if each["count"]}
    weakened = " ".join(verdict["weakened"])

    assert result.code == 0, result.out + result.err
    assert {"A1", "A3", "A4", "A6", "A7", "A11", "A12", "X7", "X11", "TOKEN", "POOL"} <= result.checks("HOLDS")
    assert not {"A5", "A8"} & result.checks("HOLDS")
    assert not kinds & {"repeat", "reuse", "race"}
    assert "The service has no key (key_header is empty): repeat, reuse, race are not sent" in weakened
    assert "The answers don't tell available: it is derived" in weakened
    titles = {check["id"]: check["title"] for check in verdict["checks"]}
    assert "answers don't tell all units" in titles["A3"]
    assert "no key was sent again" in titles["A12"]


def test_the_same_service_under_read_committed_loses_updates_and_is_no_go(pipeline: Pipeline, database: str) -> None:
    result = _run(pipeline, database, plain_authorizations, "read", "committed")

    assert result.code == 1, result.out + result.err
    assert "A6" in result.checks("VIOLATED")


def test_a_target_of_theirs_needs_the_key_that_it_knows_tokens_by(pipeline: Pipeline, database: str) -> None:
    path = pipeline.runs / "other.toml"
    path.write_text(PLAN)
    done = commands.run(
        "harness",
        "run",
        "other",
        "--plan",
        str(path),
        "--profile",
        "smoke",
        environment=pipeline.environment(TARGET_URL="http://127.0.0.1:1", DATABASE_URL=database),
    )
    assert done.returncode == 2
    assert "PERF_JWT_KEY is not set" in done.stderr
