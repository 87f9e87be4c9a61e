"""Runs whose verdict is known, each with what makes it; and what their reports say."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from harness.check import Finding
from harness.outcomes import Failure, Outcome
from harness.run import Run
from harness.settings import ROOT
from harness.verdict import CheckState
from tests.support.synthetic_run import HOLDING, TARGET, Answer, taking

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
