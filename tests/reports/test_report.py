"""From a run folder to its verdict: the same for the same folder, and nothing in a name can become markup."""

import html
import json
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as xml

import pytest

from harness import binding
from harness.check import Finding
from harness.journal import HEADER_BYTES
from harness.outcomes import Failure, Outcome
from harness.run import Run
from harness.settings import ROOT
from harness.verdict import CheckState
from reports import figures
from reports.__main__ import report
from tests.support.synthetic_run import EXPECTED, HOLDING, TARGET, Answer, bind, synthetic_run, taking

FILES = ("verdict.json", "report.html", "summary.md", "junit.xml")

VIOLATED = Finding(
    "X2",
    "No message is stored twice.",
    CheckState.VIOLATED,
    171,
    "keys",
    witnesses=3,
    detail="3 keys have two rows",
    first={"key": "k-1", "rows": 2},
    worst={"key": "k-9", "rows": 4},
    sql="SELECT 1",
)
UNDECIDED = Finding("X4", "A race is won once.", CheckState.UNDECIDED, 0, "races", detail="there was no race")

MAJOR = {"rule": "p95(response_time) < 500ms", "severity": "major", "id": "p95"}
INFO = {"rule": "p95(response_time) < 500ms", "severity": "info"}
ABORTED = {"rule": "ratio(errors) < 1%", "at": 6.7, "said": "30 of 80 are errors"}

VERDICTS: dict[str, tuple[dict[str, Any], str]] = {
    "go": ({}, "GO"),
    "conditional": ({"answer": taking(0.6)}, "CONDITIONAL"),
    "too slow": ({"answer": taking(2.0)}, "NO-GO"),
    "violated": ({"findings": [*HOLDING, VIOLATED]}, "NO-GO"),
    "dead target": ({"facts": {"target": {**TARGET, "died": ["api"]}}}, "NO-GO"),
    "undecided": ({"findings": [*HOLDING, UNDECIDED]}, "INVALID"),
    "not verified": ({"findings": None, "with_effects": False}, "INVALID"),
    "interrupted": ({"facts": {"interrupted": "SIGINT during load"}, "load": None}, "INVALID"),
    "late loop": ({"lags_us": [90_000] * 50}, "INVALID"),
    "every operation failed": (
        {"answer": lambda p, k, s: Answer(Outcome.UNKNOWN, 0, 0.001, Failure.CONNECT_REFUSED)},
        "INVALID",
    ),
    "nothing ended": ({"answer": lambda p, k, s: Answer(Outcome.OPEN, 0, None)}, "INVALID"),
    "no operation": ({"dropped": 180}, "INVALID"),
    "too short to be sure": (
        {"profile": "ci", "table": {"rules": ["p99.9(response_time) < 1s", "ratio(errors) < 1%"]}},
        "CONDITIONAL",
    ),
    "to be taken with care": ({"profile": "ci", "cpu": 0.75, "answer": taking(0.2)}, "CONDITIONAL"),
    "a warning that can change nothing": ({"profile": "ci", "cpu": 0.75}, "GO"),
    "a smoke run to be taken with care": ({"cpu": 0.75, "answer": taking(0.2)}, "GO"),
    "a major rule by far": ({"answer": taking(0.76), "table": {"rules": [MAJOR, "ratio(errors) < 1%"]}}, "CONDITIONAL"),
    "a major rule by farther": ({"answer": taking(1.1), "table": {"rules": [MAJOR, "ratio(errors) < 1%"]}}, "NO-GO"),
    "a rule for info": ({"answer": taking(9.0), "table": {"rules": [INFO, "ratio(errors) < 1%"]}}, "GO"),
    "no baseline": ({"table": {"rules": ["p95(lag) <= baseline +1%", "ratio(errors) < 1%"]}}, "GO"),
    "ended by a rule": (
        {"dropped": 100, "load": {"finished": False, "ended_by": "SIGINT"}, "facts": {"aborted": ABORTED}},
        "NO-GO",
    ),
    "one operation": ({"dropped": 179}, "INVALID"),
    "unchecked": ({"unchecked": True, "findings": []}, "UNCHECKED"),
}


def test_every_rule_is_on_record_with_how_sure_it_is(tmp_path: Path) -> None:
    rules = ["p99.9(response_time) < 1s", "ratio(errors) < 1%", {**MAJOR, "rule": "p95(response_time) < 500ms"}]
    verdict = report(synthetic_run(tmp_path, profile="ci", table={"rules": rules}, answer=taking(0.6)).folder)
    tail, errors, p95 = verdict["rules"]

    assert [p95[key] for key in ("id", "severity", "state", "value", "interval")] == [
        "p95",
        "major",
        "CONDITIONAL",
        0.6,
        [0.6, 0.6],
    ]
    assert (p95["overshoot"], p95["n"], p95["n_eff"], p95["needs"]) == (pytest.approx(0.2), 1455, 1455, None)
    assert (tail["state"], tail["interval"], tail["measures"]) == ("UNPROVEN", [0.6, None], "p99.9(response_time)")
    assert tail["needs"] == pytest.approx(120 * (5113 / 1455 - 1), rel=0.01)
    assert errors["interval"] == [0.0, pytest.approx(0.00263, abs=1e-5)]
    assert [one["phase"] for one in verdict["steady"]] == ["steady"]
    assert verdict["steady"][0]["drift"] == {"p50": 0.0, "throughput": 0.0, "in flight": 0.0}


@pytest.mark.parametrize("name", VERDICTS)
def test_every_state_and_interval_is_in_every_rendering(tmp_path: Path, name: str) -> None:
    run = synthetic_run(tmp_path, **VERDICTS[name][0])

    verdict = report(run.folder)

    files = texts(run)
    suite = xml.fromstring(files["junit.xml"])
    cases = {case.get("name"): "".join(child.get("message") or child.text or "" for child in case) for case in suite}
    for rule in verdict["rules"]:
        shown = figures.interval(rule)
        cell = f'<td class="figure" data-name="interval">{shown}</td>'
        assert cell in files["report.html"]
        assert f"| {shown} |" in files["summary.md"]
        assert f"{figures.SYMBOLS[rule['state']]} {rule['state']}" in files["report.html"]
        assert f"{figures.SYMBOLS[rule['state']]} {rule['state']}" in files["summary.md"]
        assert (rule["state"] == "PASS") or rule["state"] in cases[rule["text"]]
    for one in verdict["validity"]:
        assert f'<li class="is-{one["state"].replace(" ", "-")}">' in files["report.html"]
        assert f"{figures.SYMBOLS[one['state']]} {figures.condition(one)} |" in files["summary.md"]
        assert html.escape(one["consequence"]) in files["report.html"]
        assert one["consequence"] in cases[f"{one['id']}: {one['title']}"]
        assert (one["state"] == "ok") or one["state"] in cases[f"{one['id']}: {one['title']}"]
    assert "is-not compared" not in files["report.html"]


def test_an_unchecked_run_has_a_badge_of_its_own_and_fails_no_case(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, unchecked=True, findings=[])

    verdict = report(run.folder)

    files = texts(run)
    (case,) = [case for case in xml.fromstring(files["junit.xml"]) if case.get("name") == "verdict"]
    assert (verdict["verdict"], verdict["exit_code"]) == ("UNCHECKED", 0)
    assert "operations, the data was not checked" in verdict["reason"]
    assert 'class="verdict is-unchecked"' in files["report.html"]
    assert "## ○ UNCHECKED: sustained" in files["summary.md"]
    assert [(child.tag, (child.text or "")[:9]) for child in case] == [("system-out", "UNCHECKED")]


def test_a_rule_that_blocks_nothing_fails_no_case(tmp_path: Path) -> None:
    rules = ["ratio(errors) < 1%", "p95(lag) <= baseline +1%", MAJOR, {**INFO, "rule": "p50(response_time) < 500ms"}]
    report(synthetic_run(tmp_path, table={"rules": rules}, answer=taking(0.8)).folder)

    suite = xml.fromstring((next(tmp_path.glob("*/2*")) / "junit.xml").read_text())
    cases = {case.get("name"): [child.tag for child in case] for case in suite}

    assert cases["p95(response_time) < 500ms"] == ["system-out"]
    assert cases["p50(response_time) < 500ms"] == ["system-out"]
    # With four conditions that a smoke run without a monitor has nothing for.
    assert cases["p95(lag) <= baseline +1%"] == ["skipped"]
    assert [suite.get(name) for name in ("failures", "errors", "skipped")] == ["0", "0", "5"]


def texts(run: Run) -> dict[str, str]:
    return {name: (run.folder / name).read_text() for name in FILES}


def command(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "reports", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", VERDICTS)
def test_a_run_has_its_verdict_in_every_file(tmp_path: Path, name: str) -> None:
    asked, word = VERDICTS[name]
    run = synthetic_run(tmp_path, **asked)

    verdict = report(run.folder)

    files = texts(run)
    assert verdict["verdict"] == word
    assert json.loads(files["verdict.json"], parse_constant=pytest.fail) == json.loads(json.dumps(verdict))
    assert f'<p class="word">{figures.SYMBOLS[word]} {word}</p>' in files["report.html"]
    assert files["summary.md"].startswith(f"## {figures.SYMBOLS[word]} {word}: ")
    assert "nan" not in re.sub(r"\w*nan\w+", "", files["report.html"].lower())
    suite = xml.fromstring(files["junit.xml"])
    assert (suite.get("failures") != "0" or suite.get("errors") != "0") is (word in ("NO-GO", "INVALID"))


def test_the_verdict_holds_what_it_rests_on(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path)

    verdict = report(run.folder)

    assert (verdict["schema"], verdict["exit_code"], verdict["notes"]) == (4, 0, ["SMOKE: not a release verdict"])
    acknowledged = verdict["operations"][-1]["outcomes"]["ACK"]
    assert verdict["totals"] == {
        "planned": 180,
        "operations": 181,
        "ended": 181,
        "effects": acknowledged,
        "locust": 181,
        "at_once": 2,
        "met": pytest.approx(2 / 181),
    }
    assert [row["kind"] for row in verdict["operations"]] == [
        "process",
        "repeat",
        "conflict",
        "stranger",
        "race",
        "later",
        "all",
    ]
    assert verdict["operations"][-1]["response"] == {"p50": 0.02, "p95": 0.02, "p99": 0.02, "max": 0.02}
    assert [(p["phase"], p["offered"], p["begun"], p["ok"]) for p in verdict["phases"]] == [("steady", 180, 180, 180)]
    assert verdict["failures"] == []
    assert verdict["run"]["seed"] == 1
    assert verdict["files"] == [*FILES, "metrics.txt", "timeline.csv", "timeline.hlog"]
    assert all((run.folder / name).exists() for name in verdict["files"])


def test_failures_are_told_apart_with_an_example(tmp_path: Path) -> None:
    def answer(place: int, kind: str, sched: float) -> Answer:
        if kind == "stranger":
            return Answer(Outcome.UNKNOWN, 0, 5.0, Failure.READ_TIMEOUT)
        return Answer(Outcome.UNKNOWN, 500) if place == 100 else EXPECTED[kind]

    run = synthetic_run(tmp_path, answer=answer)

    verdict = report(run.folder)
    strangers = next(row["count"] for row in verdict["operations"] if row["kind"] == "stranger")
    assert [(way["kind"], way["status"], way["failure"], way["count"]) for way in verdict["failures"]] == [
        ("stranger", None, "READ_TIMEOUT", strangers),
        ("process", 500, None, 1),
    ]
    assert verdict["failures"][1]["first_s"] == pytest.approx(100.5 / 12)
    assert verdict["failures"][1]["example"].startswith(f"{run.id}-")


def test_the_same_folder_gives_the_same_bytes(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, answer=taking(0.6), findings=[*HOLDING, VIOLATED])

    report(run.folder)
    first = texts(run)
    report(run.folder)

    assert texts(run) == first


class Page(HTMLParser):
    """What a browser would see: the elements, their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("profile", ["smoke", "ci", "full"])
def test_the_page_is_one_file_that_asks_for_nothing(tmp_path: Path, profile: str) -> None:
    run = synthetic_run(tmp_path, profile=profile, findings=[*HOLDING, VIOLATED])
    report(run.folder)
    html = (run.folder / "report.html").read_text()

    page = Page(html)
    policy = next(value for name, value in page.attributes if name == "content" and value and "default-src" in value)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert not {"link", "img", "iframe", "object", "form", "base"} & set(page.tags)
    assert page.tags.count("script") == 2  # the figures of the charts, and what shows them
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "style")]
    links = {value for name, value in page.attributes if name == "href" and value}
    assert {link[0] for link in links if not link.startswith("data:image/png;base64,")} == {"#"}
    assert "url(" not in html
    assert len(html.encode()) <= 400_000


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
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in tables} == {8, 5}
    assert [line for line in summary.splitlines() if line.startswith("#")] == [summary.splitlines()[0]]


def test_hostile_names_do_not_reach_terminal_or_json(hostile: tuple[Run, dict[str, Any], str]) -> None:
    run, verdict, _ = hostile
    found = command(run.folder)

    assert found.returncode == 1
    for text in (found.stdout, json.dumps(verdict, ensure_ascii=False)):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800\ufffe]", text)


def test_a_password_in_an_address_is_not_passed_on(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, facts={"target": {**TARGET, "url": "https://user:secret@example.org"}})

    report(run.folder)

    assert "secret" not in "".join(texts(run).values())
    assert "https://***@example.org" in (run.folder / "report.html").read_text()


def test_a_number_that_json_does_not_have_becomes_null(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, facts={"seeding": {"seconds": float("nan"), "rate": float("inf")}})

    report(run.folder)

    verdict = json.loads((run.folder / "verdict.json").read_text(), parse_constant=pytest.fail)
    assert verdict["run"]["seeding"] == {"seconds": None, "rate": None}


def test_the_summary_is_cut_where_it_gets_too_long(tmp_path: Path) -> None:
    findings = [
        Finding(f"X{place}", "A sentence that holds. " * 10, CheckState.HOLDS, 1, "things") for place in range(300)
    ]
    run = synthetic_run(tmp_path, findings=findings)
    report(run.folder)

    summary = (run.folder / "summary.md").read_text()
    assert len(summary.encode()) <= 30_000
    assert "p95(response_time) < 500ms" in summary
    assert summary.endswith("More is in `report.html`: this summary was cut to fit.\n")


def test_junit_has_a_case_for_every_rule_check_and_condition(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, answer=taking(0.6), findings=[*HOLDING, VIOLATED, UNDECIDED], load={"exceptions": 1})
    verdict = report(run.folder)

    suite = xml.fromstring((run.folder / "junit.xml").read_text())
    cases = {case.get("name"): [child.tag for child in case] for case in suite}
    assert suite.get("name") == "sustained"
    assert len(cases) == len(verdict["rules"]) + len(verdict["checks"]) + len(verdict["validity"]) + 1
    assert cases["p95(response_time) < 500ms"] == ["system-out"]
    assert cases["p99(response_time) < 900ms"] == []
    assert cases["X1: Each acknowledged message is stored."] == []
    assert cases["X2: No message is stored twice."] == ["failure"]
    assert cases["X4: A race is won once."] == ["error"]
    assert cases["EXCEPTIONS: The users' own code raised nothing"] == ["error"]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == (str(len(cases)), "2", "2")


@pytest.mark.parametrize(("name", "code"), [("go", 0), ("violated", 1), ("interrupted", 3), ("conditional", 4)])
def test_the_exit_code_is_the_verdicts(tmp_path: Path, name: str, code: int) -> None:
    asked, word = VERDICTS[name]

    found = command(synthetic_run(tmp_path, **asked).folder)

    assert (found.returncode, found.stderr) == (code, "")
    assert found.stdout[2:].startswith(f"{word}  sustained (smoke), run ")


def no_journal(run: Run) -> None:
    (run.folder / "journal-0.bin").unlink()
    bind(run)


def cut_header(run: Run) -> None:
    path = run.folder / "journal-0.bin"
    path.write_bytes(path.read_bytes()[: HEADER_BYTES // 32])
    bind(run)


def old_journal(run: Run) -> None:
    path = run.folder / "journal-0.bin"
    path.write_bytes(path.read_bytes().replace(b"JOURNAL 2", b"JOURNAL 0", 1))
    bind(run)


def no_run(run: Run) -> None:
    (run.folder / "run.json").unlink()


def old_integrity(run: Run) -> None:
    run.write("integrity.json", {**run.read("integrity.json"), "schema": 0})
    binding.seal(run)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (no_journal, "no journal-*.bin in it: expected the folder of a run that put load on"),
        (cut_header, "no journal in it can be read: the journal of load process 0 was cut"),
        (old_journal, "it is not a journal of this version"),
        (no_run, "expected a run folder"),
        (old_integrity, "schema 0, expected 1: it is of another version; verify the run again"),
    ],
)
def test_what_is_no_run_is_refused(tmp_path: Path, damage: Callable[[Run], None], message: str) -> None:
    run = synthetic_run(tmp_path)
    damage(run)

    found = command(run.folder)

    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith("error: ")
    assert message in found.stderr
    assert not (run.folder / "verdict.json").exists()
