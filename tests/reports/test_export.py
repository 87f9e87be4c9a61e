"""An export has a line for each operation, with its times, kind, outcome and key."""

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.errors import JournalError, RunError
from harness.outcomes import Failure, Outcome
from reports.export import COLUMNS, export
from systems import ids
from tests.support.synthetic_run import EXPECTED, Answer, synthetic_run


def answer(place: int, kind: str, sched: float) -> Answer:
    if place == 0:
        return Answer(Outcome.OPEN, 0, None)
    return Answer(Outcome.UNKNOWN, 0, 0.5, Failure.RESET) if place == 1 else EXPECTED[kind]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_operation_is_a_line(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, answer=answer, clocks=(0, 1_000_000), lag_s=0.001)

    found = lines(export(run, "jsonl"))

    never, reset, *others = sorted(found, key=lambda line: (line["planned_s"], line["process"]))
    assert len(found) == run.read("load.json")["requests"] + 1
    assert tuple(never) == COLUMNS
    assert {name: never[name] for name in ("outcome", "end_s", "response_s", "service_s", "status", "failure")} == {
        "outcome": "OPEN",
        **dict.fromkeys(("end_s", "response_s", "service_s", "status", "failure")),
    }
    assert (reset["outcome"], reset["failure"], reset["process"]) == ("UNKNOWN", "RESET", 1)
    assert (reset["service_s"], reset["response_s"]) == (pytest.approx(0.5), pytest.approx(0.501))
    assert {line["outcome"] for line in others} >= {"ACK", "REPLAY"}
    assert never["key"] == ids.key(run.id, never["op"])
    assert sum(line["second_of_a_race"] for line in found) == sum(line["kind"] == "race" for line in found) / 2


def test_both_formats_say_the_same_and_no_cell_is_a_formula(tmp_path: Path) -> None:
    kinds = ["=cmd()", "repeat", "conflict", "stranger", "race", "later"]
    run = synthetic_run(tmp_path, kinds=kinds)

    with export(run, "csv").open(newline="") as file:
        cells = list(csv.DictReader(file))
    objects = lines(export(run, "jsonl"))

    assert [int(row["op"]) for row in cells] == [line["op"] for line in objects]
    assert {row["kind"] for row in cells} == {"'=cmd()", *(line["kind"] for line in objects)} - {"=cmd()"}
    assert [float(row["start_s"]) for row in cells] == [line["start_s"] for line in objects]


def test_what_can_not_be_exported_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = synthetic_run(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(RunError, match="expected the package pyarrow"):
        export(run, "parquet")
    (run.folder / "operations.csv").mkdir()
    with pytest.raises(RunError, match=r"operations\.csv: Is a directory"):
        export(run, "csv")
    (run.folder / "journal-0.bin").unlink()
    with pytest.raises(JournalError, match="no journal"):
        export(run, "jsonl")
