"""`python -m reports.export RUN_FOLDER`: a line for each operation of a run, for tools of other people."""

import argparse
import csv
import importlib
import json
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from harness import journaled
from harness.errors import RunError, command
from harness.journal import PARTNER, UNTIMED
from harness.journaled import Journaled
from harness.outcomes import Failure, Outcome
from harness.run import Run
from reports.render.timeline_csv import FORMULA
from systems import ids

FORMATS = ("jsonl", "csv", "parquet")
COLUMNS = (
    "op",
    "key",
    "kind",
    "process",
    "user",
    "planned_s",
    "start_s",
    "end_s",
    "response_s",
    "service_s",
    "outcome",
    "status",
    "failure",
    "second_of_a_race",
)
"""`op` is the operation's number and `key` the key that it sent, which may be an earlier operation's; none of another's
locustfile, which sends no keys of ours. Times are seconds
since the plan began, `response_s` is from `planned_s` and `service_s` from `start_s`; none of what never ended, and no
durations of what was reported without a time."""
MOST_ROWS = 100_000
"""Parquet is written in parts of so many rows."""

FAILURES = {int(failure): failure.name for failure in Failure}

Row = tuple[Any, ...]


def rows(run: Run) -> Iterator[Row]:
    """The operations of `run`, process by process, each as COLUMNS; JournalError if no journal can be read."""
    journals = journaled.read_all(run.folder, run.processes)
    for one in journals:
        yield from _rows(run, one)


def _rows(run: Run, one: Journaled) -> Iterator[Row]:
    kinds = one.header["kinds"]
    records, began = one.records, int(one.header.get("began") or 0)
    began = began or (int(records["sched"].min()) if len(records) else 0)
    keyed = not run.scenario.foreign
    for number, record in zip(one.numbers.tolist(), records, strict=True):
        sched, start, end = (int(record[name]) - began for name in ("sched", "start", "end"))
        ended, timed = int(record["end"]) > 0, not int(record["flags"]) & UNTIMED
        kind, failure = int(record["kind"]), int(record["failure"])
        yield (
            number,
            ids.key(run.id, int(record["key_of"])) if keyed else None,
            kinds[kind] if kind < len(kinds) else str(kind),
            one.worker,
            int(record["user"]),
            sched / 1e9,
            start / 1e9,
            end / 1e9 if ended else None,
            (end - sched) / 1e9 if ended and timed else None,
            (end - start) / 1e9 if ended and timed else None,
            Outcome(min(int(record["outcome"]), Outcome.UNKNOWN)).name if ended else Outcome.OPEN.name,
            int(record["status"]) or None,
            # A code that this version does not know stays a number, but never another one's name.
            (FAILURES.get(failure) or str(failure)) if failure else None,
            bool(int(record["flags"]) & PARTNER),
        )


def jsonl(found: Iterator[Row], out: TextIO) -> None:
    """An object a line."""
    for row in found:
        out.write(json.dumps(dict(zip(COLUMNS, row, strict=True))) + "\n")


def table(found: Iterator[Row], out: TextIO) -> None:
    """CSV with the names of the columns; nothing in it is a formula to a spreadsheet."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in found:
        writer.writerow(map(_cell, row))


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def parquet(found: Iterator[Row], path: Path) -> None:
    """A file of Apache Parquet; RunError without the library for it."""
    try:
        pyarrow, files = (importlib.import_module(name) for name in ("pyarrow", "pyarrow.parquet"))
    except ImportError:
        install = shlex.join([sys.executable, "-m", "pip", "install", "pyarrow"])
        raise RunError(f"FORMAT=parquet: expected the package pyarrow: `{install}`, or FORMAT=csv") from None
    schema = pyarrow.schema(list(zip(COLUMNS, _types(pyarrow), strict=True)))
    with files.ParquetWriter(path, schema) as writer:
        while part := [row for _, row in zip(range(MOST_ROWS), found, strict=False)]:
            writer.write_table(pyarrow.table(dict(zip(COLUMNS, zip(*part, strict=True), strict=True)), schema=schema))


def _types(pyarrow: Any) -> Sequence[Any]:
    whole, real, text = pyarrow.int64(), pyarrow.float64(), pyarrow.string()
    return [whole, text, text, whole, whole, *[real] * 5, text, whole, text, pyarrow.bool_()]


def export(run: Run, form: str) -> Path:
    """Write the operations of `run` beside its folder's other files; where that is.

    An earlier export stays until this one is whole. RunError if there is no room, or no library for the format.
    """
    path = run.folder / f"operations.{form}"
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if form == "parquet":
            parquet(rows(run), part)
        else:
            with part.open("w", encoding="utf-8", newline="") as out:
                (jsonl if form == "jsonl" else table)(rows(run), out)
        part.replace(path)
    except OSError as error:
        raise RunError(f"{path}: {error.strerror or error}: expected room and leave to write it") from None
    finally:
        part.unlink(missing_ok=True)
    return path


def main() -> int:
    """Export the run that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m reports.export", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN_FOLDER", help="e.g. reports/runs/peak/latest")
    parser.add_argument("--format", choices=FORMATS, default="jsonl")
    options = parser.parse_args()
    print(export(Run.open(options.run), options.format))
    return 0


if __name__ == "__main__":
    command(main)
