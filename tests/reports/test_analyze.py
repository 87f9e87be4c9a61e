"""What a run came to is told as text: the same figures as in its report."""

import json
import sys
from pathlib import Path

import pytest

from harness.outcomes import Failure, Outcome
from reports.__main__ import report
from reports.analyze import main
from tests.support.synthetic_run import BEGAN, Answer, bind, synthetic_run


def told(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["python -m reports.analyze", str(folder)])
    assert main() == 0
    return capsys.readouterr().out


def test_phases_the_worst_second_growth_and_errors_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(_place: int, _kind: str, sched: float) -> Answer:
        if 7 <= sched < 8:
            return Answer(Outcome.ACK, 201, 0.9)
        if sched < 0.5:
            return Answer(Outcome.UNKNOWN, 500, 0.01, Failure.NONE)
        return Answer(Outcome.ACK, 201)

    run = synthetic_run(tmp_path, answer=answer)
    lines = [{"at": BEGAN + second * 10**9 + 1, "queue.depth": 100.0 * second} for second in range(15)]
    run.write_text("monitor.jsonl", "".join(f"{json.dumps(line)}\n" for line in lines))
    report(bind(run).folder)
    said = told(run.folder, monkeypatch, capsys)

    assert said.splitlines()[0].startswith("NO-GO  sustained")
    assert "worst       from second 7: p95 900 ms" in said
    assert "growth      queue.depth: 6,000 a minute" in said
    assert "errors      " in said
    assert "errors      none" not in said
    assert "\nsteady  " in said
    assert "resources   " in said
    assert "to try\n" in said


def test_of_a_run_without_errors_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = synthetic_run(tmp_path)
    report(run.folder)
    said = told(run.folder, monkeypatch, capsys)

    assert "errors      none" in said
    assert "tightest    " in said
