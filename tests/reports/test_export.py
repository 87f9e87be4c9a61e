"""An export has a line for each operation, with its times, kind, outcome and key."""

import csv
import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import JournalError, RunError, command
from harness.journal import HEADER_BYTES, RECORD
from harness.outcomes import Failure, Outcome
from reports.export import COLUMNS, export, main
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


def test_without_its_library_parquet_is_refused_and_nothing_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = synthetic_run(tmp_path)
    (run.folder / "operations.parquet").write_text("of yesterday")
    before = {path.name: path.read_bytes() for path in run.folder.iterdir()}
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr(sys, "argv", ["export", str(run.folder), "--format", "parquet"])

    with pytest.raises(SystemExit) as ended:
        command(main)

    assert ended.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: FORMAT=parquet: expected the package pyarrow: `")
    assert line.endswith(f"{sys.executable} -m pip install pyarrow`, or FORMAT=csv")
    assert {path.name: path.read_bytes() for path in run.folder.iterdir()} == before


def test_parquet_has_the_columns_of_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library()
    monkeypatch.setitem(sys.modules, "pyarrow", library)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", library)
    monkeypatch.setattr("reports.export.MOST_ROWS", 7)
    run = synthetic_run(tmp_path, answer=answer)

    path = export(run, "parquet")

    written = [json.loads(line) for line in path.read_text().splitlines()]
    assert [len(part["op"]) for part in written[:2]] == [7, 7]
    together = [dict(zip(part, row, strict=True)) for part in written for row in zip(*part.values(), strict=True)]
    assert together == lines(export(run, "jsonl"))
    assert {type_ for _, type_ in library.columns} == {"int64", "float64", "string", "bool"}


class Library(types.ModuleType):
    """What of pyarrow is used, with a line of JSON for each part of a file."""

    def __init__(self) -> None:
        super().__init__("pyarrow")
        self.columns: list[tuple[str, str]] = []
        self.int64, self.float64, self.string, self.bool_ = (lambda one=one: one for one in TYPES)

    def schema(self, columns: list[tuple[str, str]]) -> list[tuple[str, str]]:
        self.columns = columns
        return columns

    def table(self, columns: dict[str, Any], schema: object) -> dict[str, Any]:
        assert schema == self.columns
        return columns

    def ParquetWriter(self, path: Path, schema: object) -> Any:
        file = path.open("w")
        file.write_table = lambda part: print(json.dumps(part), file=file)  # type: ignore[attr-defined]
        return file


TYPES = ("int64", "float64", "string", "bool")


def test_codes_of_another_version_are_no_traceback(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path)
    path = run.folder / "journal-0.bin"
    records = np.memmap(path, RECORD, "r+", offset=HEADER_BYTES)
    records["outcome"][0], records["failure"][0], records["kind"][0] = 99, 77, 55
    records.flush()

    [first, *_] = lines(export(run, "jsonl"))

    assert (first["outcome"], first["failure"], first["kind"]) == ("UNKNOWN", "77", "55")


def test_what_can_not_be_exported_is_named_and_an_earlier_export_stays(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path)
    before = export(run, "jsonl").read_text()
    (run.folder / "operations.csv").mkdir()
    with pytest.raises(RunError, match=r"operations\.csv: Is a directory"):
        export(run, "csv")
    (run.folder / "journal-0.bin").unlink()
    with pytest.raises(JournalError, match="no journal"):
        export(run, "jsonl")
    assert (run.folder / "operations.jsonl").read_text() == before
    assert not list(run.folder.glob(".operations*"))
