"""The page of a system is what its facts, schema and checks say, and what it shows works."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from docs.systems import __main__ as pages
from harness.plan import plans, reading
from harness.settings import ROOT
from harness.stack.process import free_port
from schema.migrate import stated
from tests.support.target_process import eventually

SYSTEMS = sorted(path.stem.replace("-", "_") for path in pages.FOLDER.glob("*.md"))
SERVERS = [
    system
    for system in SYSTEMS
    if any("{port}" in each["start"] for each in plans.reference(system, "service").values())
]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
SHOWN = re.compile(r"(.*) (\d{3})")
"""What curl prints by `-w`: a body, and its status."""


def page(system: str) -> str:
    return (pages.FOLDER / f"{system.replace('_', '-')}.md").read_text(encoding="utf-8")


def blocks(system: str, language: str) -> list[tuple[str, str]]:
    """Blocks of code, and what is shown of their output."""
    return [(code, said) for found, code, said in BLOCK.findall(page(system)) if found == language]


def test_every_system_has_one() -> None:
    assert plans.systems() == SYSTEMS


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_is_generated_is_as_it_would_be_now(system: str) -> None:
    there = page(system)
    assert set(re.findall(r"<!-- made: (\w+) -->", there)) == {"request", "tables", "checks"}
    assert pages.renewed(there, pages.parts(system)) == there, "expected: .venv/bin/python -m docs.systems"


def test_a_page_that_is_out_of_date_is_told_from_one_that_is_not() -> None:
    stale = "a\n<!-- made: checks -->\nold\n<!-- end -->\nb\n"
    assert pages.renewed(stale, {"checks": "new\n"}) == stale.replace("old", "new")


@pytest.mark.parametrize("system", SYSTEMS)
def test_each_check_says_what_it_needs(system: str) -> None:
    table = page(system).partition("| checks | need |")[2].partition("\n\n")[0]
    said = [name for line in table.splitlines()[2:] for name in line.split("|")[1].replace(" ", "").split(",")]
    assert sorted(said) == sorted(pages.checks([reading.find(name, "smoke") for name in plans.scenarios(system)]))


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_plan_for_another_service_is_one(system: str, tmp_path: Path) -> None:
    ((text, _),) = blocks(system, "toml")
    file = tmp_path / "my.toml"
    file.write_text(text)
    for name in plans.read(file)[0]["scenario"]:
        for profile in ("smoke", "ci"):
            assert reading.find(name, profile, file).system == system
        assert f"harness run {name} --plan my.toml" in page(system)


@pytest.mark.parametrize("system", SYSTEMS)
def test_its_sql_names_tables_that_there_are(system: str) -> None:
    names = {table.name for table in tables(system)}
    by_hand = page(system).rpartition("<!-- end -->")[2]
    assert set(re.findall(r"(?:FROM) (\w+)", by_hand)) <= names


def tables(system: str) -> list[object]:
    made = stated(system)
    return list(made.sorted_tables) if made else []


@pytest.mark.parametrize("system", SERVERS)
def test_its_requests_by_hand_are_answered_as_it_shows(system: str, database: str, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": database, "PERF_TARGET_PORT": str(free_port()), "PERF_HOME": str(tmp_path)}
    log = tmp_path / "said"
    with log.open("wb") as output:
        target = subprocess.Popen(
            [sys.executable, "-m", "harness", "target", system], cwd=ROOT, stdout=output, env=os.environ | settings
        )
    try:
        eventually(lambda: "DATABASE_URL" in log.read_text(), target)
        shell = [code for code, said in blocks(system, "sh") if said]
        assert len(shell) >= 3
        script = "\n".join([log.read_text(), *shell])
        done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        expected = "".join(said for code, said in blocks(system, "sh")).splitlines()
        for line, shown in zip(done.stdout.splitlines(), expected, strict=True):
            assert like(line, shown), f"{line}\nis not\n{shown}"
    finally:
        target.send_signal(signal.SIGINT)
        assert target.wait(60) == 0


def like(line: str, shown: str) -> bool:
    """Whether an answer is the one that is shown, where "…" stands for any text."""
    found, expected = SHOWN.fullmatch(line), SHOWN.fullmatch(shown)
    if not found or not expected or found[2] != expected[2]:
        return False
    body, stated = json.loads(found[1]), json.loads(expected[1])
    return body == stated | {key: body.get(key) for key, value in stated.items() if value == "…" and body.get(key)}
