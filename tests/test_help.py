"""`make` alone fits a small terminal and names every scenario; `make help-all` says what each target is for."""

import os
import re
import subprocess

import pytest

from harness.plan import plans
from harness.settings import ROOT

LINES, COLUMNS = 24, 80
SCENARIOS = [name for path in plans.files() for name in plans.read(path)[0]["scenario"]]


def printed(*words: str) -> str:
    """As a person's make says it: ours may itself be run by one, which a make below it would tell of."""
    known = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    return subprocess.run(["make", *words], cwd=ROOT, capture_output=True, text=True, check=True, env=known).stdout


@pytest.mark.parametrize("words", [(), ("help-all",)])
def test_every_scenario_is_named(words: tuple[str, ...]) -> None:
    said = re.split(r"[\s:]+", printed(*words))

    assert [name for name in SCENARIOS if name not in said and f"perf-{name}" not in said] == []


def test_make_alone_fits_a_small_terminal_and_says_where_the_rest_is() -> None:
    lines = printed().splitlines()

    assert len(lines) < LINES
    assert max(len(line) for line in lines) < COLUMNS
    assert lines[-1].split()[0] == "help-all"


def test_what_it_names_are_targets() -> None:
    known = {line.split()[0] for line in printed("help-all").splitlines()[2:]}
    named = re.findall(r"^  ([a-z-]+(?:, [a-z-]+)*)  ", printed(), re.MULTILINE)

    assert {word for words in named for word in words.split(", ")} <= known
