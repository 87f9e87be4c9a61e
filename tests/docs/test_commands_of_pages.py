"""Each command and setting that the pages name exists."""

import re
from pathlib import Path

import pytest

from harness.__main__ import _parser
from harness.plan import plans
from harness.settings import ROOT

DOCS = ROOT / "docs"
PAGES = (
    ROOT / "README.md",
    DOCS / "troubleshooting.md",
    DOCS / "README.md",
    *sorted((DOCS / "systems").glob("*.md")),
)
MAKE = re.compile(r"(?:^|`)(?:[A-Z_]+=\S+ )*make ([a-z][a-z-]*[a-z])(?![a-z<*-])", re.MULTILINE)
VERB = re.compile(r"python -m harness (\w+)")
SETTING = re.compile(r"\b(PERF_[A-Z_]+)\b")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def targets() -> set[str]:
    """Every target of the Makefile."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))
    of = {"SCENARIOS": [name for each in plans.systems() for name in plans.scenarios(each)]}
    of["SYSTEMS"] = [name.replace("_", "-") for name in plans.systems()]
    for whose, prefix, suffix in re.findall(r"^\$\((\w+):%=([a-z-]+)%([a-z-]*)\):", text, re.MULTILINE):
        found |= {prefix + name + suffix for name in of[whose]}
    return found | {f"history-{name}" for name in of["SCENARIOS"]}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_what_it_tells_to_do_can_be_done(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert set(MAKE.findall(text)) <= targets()
    assert set(VERB.findall(text)) <= set(_parser("x")._subparsers._group_actions[0].choices)
    known = (DOCS / "settings.md").read_text(encoding="utf-8")
    assert set(SETTING.findall(text)) <= set(SETTING.findall(known))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_its_links_lead_somewhere(path: Path) -> None:
    assert [link for link in LINK.findall(path.read_text(encoding="utf-8")) if not (path.parent / link).exists()] == []


def test_there_are_commands() -> None:
    found = [MAKE.findall(path.read_text(encoding="utf-8")) for path in PAGES]
    assert all(len(each) > 3 for each in found)
    assert "target-messages" in targets()
    assert "make-believe" not in targets()


def test_each_symptom_has_a_cause_and_a_command() -> None:
    rows = [line.split(" | ") for line in PAGES[1].read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert len(rows) > 20
    assert all(len(row) == 3 and all(cell.strip(" |") for cell in row) for row in rows)
    assert all("`" in row[2] for row in rows if row[0] not in ("| symptom", "| ---"))
