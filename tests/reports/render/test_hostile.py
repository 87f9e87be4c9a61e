"""Nothing in a name can become markup, wherever it stands."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as xml

import pytest

from harness.check import Finding
from harness.run import Run
from harness.verdict import CheckState
from reports.__main__ import report
from tests.support.parsed import Page
from tests.support.synthetic_run import HOLDING, TARGET, synthetic_run
from tests.support.verdicts import command

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "| a | [b](http://evil.example) `c` **d** @everyone",
    "]]> <!-- & \" '",
    "\x1b[31mred\x1b]0;title\x07 \x00\x08 \u202e\ud800\ufffe",
    "new\nline\r\n# head",
]


@pytest.fixture(params=range(len(HOSTILE)))
def hostile(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Run, dict[str, Any], str]:
    """A run in which all that is given to us by others is hostile."""
    text = HOSTILE[request.param]
    finding = Finding(
        text, text, CheckState.VIOLATED, 2, text, 1, text, first={text: text}, worst={text: [text]}, sql=text
    )
    rule = "count(errors{phase=last}) == 0" if '"' in text else f'count(errors{{phase="{text}"}}) == 0'
    stages = [{"rate": 12, "for": "14s", "phase": text}, {"rate": 12, "for": "1s", "phase": "last"}]
    run = synthetic_run(
        tmp_path,
        table={"arrivals": {"smoke": stages}, "purpose": text, "rules": ["ratio(errors) < 1%", rule]},
        kinds=["process", text, "conflict", "stranger", "race", "later"],
        findings=[*HOLDING, finding],
        load={"finished": False, "ended_by": text},
        facts={
            "command": ["make", text],
            "interrupted": text,
            "target": {**TARGET, "url": text, "fault": text},
            "versions": {text: text},
            "git": {"commit": text, "dirty": True},
        },
    )
    return run, report(run.folder), text


def test_hostile_names_do_not_become_html(hostile: tuple[Run, dict[str, Any], str]) -> None:
    run, _, text = hostile
    page = Page((run.folder / "report.html").read_text())

    assert "img" not in page.tags
    assert page.tags.count("script") == 2
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "evil" not in " ".join(value or "" for name, value in page.attributes if name == "href")
    assert text.split("\n")[0][:8].lstrip("\x1b") in page.text


def test_hostile_names_do_not_become_xml(hostile: tuple[Run, dict[str, Any], str]) -> None:
    run, _, text = hostile
    suite = xml.fromstring((run.folder / "junit.xml").read_text())

    assert {element.tag for element in suite.iter()} == {"testsuite", "testcase", "failure", "error", "skipped"}
    assert "testcase" not in text


FENCED = re.compile(r"^(`{3,})sql\n.*?^\1$", re.DOTALL | re.MULTILINE)
"""SQL in summary.md."""


def test_hostile_names_do_not_become_markdown(hostile: tuple[Run, dict[str, Any], str]) -> None:
    run, _, _ = hostile
    whole = (run.folder / "summary.md").read_text()
    summary = FENCED.sub("", whole)

    assert len(FENCED.findall(whole)) == whole.count("can be looked at in the database of the run") == 1
    without_code = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", summary)
    bare = re.sub(r"\\.", "", without_code)
    assert not re.search(r"[<>\[\]]", bare.replace("\\<", ""))
    assert "@everyone" not in without_code
    tables = [line for line in summary.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in tables} == {8, 5, 14}
    assert [line for line in summary.splitlines() if line.startswith("#")] == [summary.splitlines()[0]]


def test_hostile_names_do_not_reach_terminal_or_json(hostile: tuple[Run, dict[str, Any], str]) -> None:
    run, verdict, _ = hostile
    found = command(run.folder)

    assert found.returncode == 1
    for text in (found.stdout, json.dumps(verdict, ensure_ascii=False)):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800\ufffe]", text)
