"""From a run folder to its verdict: the same for the same folder, in every file, and refused where there is no run."""

import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as xml

import pytest

from harness import binding
from harness.journal import HEADER_BYTES
from harness.outcomes import Failure, Outcome
from harness.run import Run
from reports import figures
from reports.__main__ import report
from tests.support.synthetic_run import EXPECTED, HOLDING, TARGET, Answer, bind, synthetic_run, taking
from tests.support.verdicts import FILES, MAJOR, VERDICTS, VIOLATED, command, texts


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
    every = dict.fromkeys(("min", "mean", "p50", "p90", "p95", "p99", "max"), pytest.approx(0.02))
    assert verdict["operations"][-1]["response"] == verdict["operations"][-1]["service"] == every
    assert set(verdict["operations"][-1]["late"].values()) == {0.0}
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


def test_findings_of_an_earlier_version_are_read(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path)
    integrity = run.read("integrity.json")
    plain = [{name: one[name] for name in one if name not in ("group", "said")} for one in integrity["checks"]]
    run.write("integrity.json", {**integrity, "schema": 1, "checks": plain})
    binding.seal(run)

    verdict = report(run.folder)

    assert verdict["verdict"] == "GO"
    assert {(one["group"], one["said"]) for one in verdict["checks"]} == {("further promises", "")}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (no_journal, "no journal-*.bin in it: expected the folder of a run that put load on"),
        (cut_header, "no journal in it can be read: the journal of load process 0 was cut"),
        (old_journal, "it is not a journal of this version"),
        (no_run, "expected a run folder"),
        (old_integrity, "schema 0, expected 2: it is of another version; verify the run again"),
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
