"""docs/adding-a-system.md is followed to the letter, from an empty folder to a fault that is found."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import project
from harness.scaffold.system import texts
from harness.settings import ROOT
from harness.stack import postgres

PAGE = (ROOT / "docs" / "adding-a-system.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
WALK, FILES = (
    PAGE.split(f"## {title}\n")[1].split("\n## ")[0] for title in ("From nothing to a found fault", "Its files")
)
SAID = re.compile(r"^[✓✗] ([A-Z-]+) +(\S+)", re.MULTILINE)
"""What a run says: a verdict, a rule or a check."""

# No test is about speed.
LAX = """--set 'validity={loop_lag="30s", loop_gap="1m", min_successes=50, sent="50%"}' \
--set 'rules=["p95(response_time) < 30s", "ratio(errors) < 1%"]'"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A PERF_HOME of its own: another test has a system of the same name."""
    yield tmp_path / "home"
    shutil.rmtree(postgres.folder(tmp_path / "home"), ignore_errors=True)


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder with the commands of the page, as an environment with Proofload has them."""
    folder = tmp_path / "bin"
    folder.mkdir()
    python = shlex.quote(sys.executable)
    for name, words in (
        ("python", f'exec {python} "$@"'),
        ("proofload", f'[ "$1" != run ] || set -- "$@" {LAX}\nexec {python} -m harness "$@"'),
    ):
        (folder / name).write_text(f"#!/bin/sh\n{words}\n")
        (folder / name).chmod(0o755)
    return folder


def steps() -> list[tuple[str, int, str]]:
    """The commands of the page, each with the exit code and the output that it shows."""
    found: list[tuple[str, int, str]] = []
    for language, text in BLOCK.findall(WALK):
        if language == "sh":
            (line,) = text.splitlines()
            found.append((line, int(line.partition("# exit ")[2] or 0), ""))
        else:
            line, code, _ = found.pop()
            found.append((line, code, text))
    return found


def shown() -> dict[str, str]:
    """The files of the page, by the last path before each."""
    texts = BLOCK.split(FILES)[:-1]
    return {re.findall(r"`(\w+/[\w.]+)`", texts[n])[-1]: texts[n + 2] for n in range(0, len(texts), 3)}


def said(text: str) -> set[tuple[str, str]]:
    """State and name of each line that has one; a limit of time is another here."""
    return {(state, name) for state, name in SAID.findall(text) if not name.startswith("p95(")}


def test_the_page_is_executed(home: Path, commands: Path, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    path = f"{commands}{os.pathsep}{os.environ['PATH']}"
    environment = project.environment(PERF_HOME=str(home), PATH=path, COLUMNS="100")
    for line, code, text in steps():
        done = subprocess.run(["sh", "-c", line], cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == code, f"{line}\n{done.stdout}{done.stderr}"
        assert said(text) <= said(done.stdout), done.stdout

    written = {str(path.relative_to(folder)): path.read_text() for path in folder.glob("*/*") if path.is_file()}
    assert shown().items() <= written.items()


def test_the_page_shows_a_run_that_is_go_and_one_that_is_not_and_all_that_a_user_changes() -> None:
    verdicts = [(code, {word for word, _ in said(text)}) for _, code, text in steps() if text]

    assert verdicts == [(0, {"GO", "PASS", "HOLDS"}), (1, {"NO-GO", "VIOLATED", "HOLDS"})]
    assert set(shown()) == set(texts("shop", reference=False)) - {"tests/test_shop.py"}
