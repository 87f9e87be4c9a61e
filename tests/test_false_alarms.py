"""The record of false alarms: what is left to run, what is on record, and the rate that is told of it."""

import json
import subprocess
from pathlib import Path

import pytest

from harness.errors import RunError
from harness.verdict import Verdict
from tests import false_alarms
from tests.false_alarms import BEGIN, DOCS, END, TIMES, Line, append, marked, missing, read, table


def line(scenario: str = "peak", profile: str = "smoke", verdict: str = "GO", commit: str = "a" * 40) -> Line:
    return {"commit": commit, "scenario": scenario, "profile": profile, "verdict": verdict, "reason": "why | not"}


def test_what_is_on_record_for_the_commit_is_not_run_again() -> None:
    times = {"ci": 1, "smoke": 2}
    done = [line("peak", "ci"), line("peak"), line("mixed", commit="b" * 40)]

    assert list(missing([], "a" * 40, ["peak"], times)) == [("peak", "ci"), ("peak", "smoke"), ("peak", "smoke")]
    assert list(missing(done, "a" * 40, ["peak", "mixed"], times)) == [
        ("mixed", "ci"),
        ("mixed", "smoke"),
        ("peak", "smoke"),
        ("mixed", "smoke"),
    ]
    assert not list(missing([line()] * 3, "a" * 40, ["peak"], {"smoke": 2}))


def test_each_run_is_a_line_and_a_torn_one_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    assert read(path) == []
    append(path, line())
    with path.open("a") as file:
        file.write('{"commit": "aa')
    assert read(path) == [line()]

    append(path, line(verdict="INVALID"))

    assert read(path) == [line(), line(verdict="INVALID")]


@pytest.mark.parametrize("damaged", ["{", "[]", '{"commit": "a"}'])
def test_a_damaged_line_is_named(damaged: str, tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    path.write_text(f"{json.dumps(line())}\n{damaged}\n{json.dumps(line())}\n")

    with pytest.raises(RunError, match=r"record.jsonl:2: expected a run in JSON"):
        read(path)


def test_any_verdict_but_go_is_an_alarm_and_the_rate_has_an_interval() -> None:
    lines = [line(commit=f"{n % 2}" * 40) for n in range(98)]
    lines += [line("mixed", verdict=verdict) for verdict in (Verdict.INVALID, "none")]
    said = table([*lines, line(profile="ci")])

    assert "| smoke | 100 | 3 | 2 | 2 % | 0.55 % to 7 % |" in said
    assert "| ci | 1 | 1 | 0 | 0 % | 0 % to 79.3 % |" in said
    assert "- aaaaaaaaaaaa, mixed (smoke): INVALID: why \\| not" in said
    assert "| ci | 0 | 0 | 0 | – | – |" in table([])


def test_the_table_goes_between_the_marks() -> None:
    assert marked(f"a\n{BEGIN}\nold\n{END}\nz\n", ["new"]) == f"a\n{BEGIN}\nnew\n{END}\nz\n"
    with pytest.raises(RunError, match="restore them"):
        marked("no marks", [])
    assert marked(DOCS.read_text(), ["new"])


def done(code: int, err: str) -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess([], code, "", err)


def test_a_run_that_sent_nothing_is_no_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERF_RUNS", str(tmp_path))
    monkeypatch.setattr(false_alarms.subprocess, "run", lambda *_, **__: done(2, "error: port 1 is taken\n"))
    with pytest.raises(RunError, match=r"ended with code 2, and nothing was sent: error: port 1"):
        false_alarms._run("peak", "smoke")

    monkeypatch.setattr(false_alarms.subprocess, "run", lambda *_, **__: done(70, "error: Proofload itself failed\n"))
    found = false_alarms._run("peak", "smoke")
    assert (found["verdict"], found["reason"]) == ("none", "error: Proofload itself failed")


def test_all_profiles_of_the_table_are_run() -> None:
    assert TIMES == {"ci": 1, "smoke": 10}


def test_the_document_tells_what_is_on_record() -> None:
    text = DOCS.read_text().partition(BEGIN)[2].partition(END)[0]
    assert text.strip().splitlines() == table(read(false_alarms.RECORD))
