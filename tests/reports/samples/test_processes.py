"""Several load processes are one load, by one clock; where a part of one is lost the run is invalid, and no more."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from harness import check
from harness.check import Finding
from harness.errors import JournalError
from harness.journal import HEADER_BYTES, RECORD
from harness.run import Run
from harness.verdict import CheckState
from reports.__main__ import report
from reports.record import record
from reports.samples.evidence import gather
from reports.samples.samples import Samples
from reports.tables.operations import Row, by_phase, operations, spectrum
from reports.tables.overlap import overlaps
from tests.support import rows
from tests.support.synthetic_run import bind, synthetic_run

SECOND = 10**9
PHASES = {
    "arrivals": {
        "smoke": [
            {"rate": 10, "for": "3s", "phase": "warm-up"},
            {"rate": 40, "for": "5s"},
            {"rate": 20, "for": "2s", "phase": "after"},
        ]
    },
    "rules": ["p95(response_time) < 500ms", "ratio(errors) < 1%"],
}


def put(runs: Path, *clocks: int) -> Run:
    return synthetic_run(runs, table=PHASES, clocks=clocks, lag_s=lambda place: place % 7 / 1000)


def phases(of: Samples) -> list[Row]:
    return by_phase(of, overlaps(of))


@pytest.mark.parametrize("shift", [1_000 * SECOND, -2 * SECOND])
def test_samples_phases_and_percentiles_are_those_of_one_clock(tmp_path: Path, shift: int) -> None:
    one, other = gather(put(tmp_path / "one", 0, 0).folder), gather(put(tmp_path / "other", 0, shift).folder)

    pd.testing.assert_frame_equal(rows.operations(one.samples), rows.operations(other.samples))
    assert one.samples.planned == other.samples.planned
    for figures in (operations, phases, spectrum):
        assert figures(one.samples) == figures(other.samples)
    assert one.processes == tuple(replace(each, ahead=0) for each in other.processes)
    assert one.began == other.began
    assert [rule["value"] for rule in record(one)["rules"]] == [rule["value"] for rule in record(other)["rules"]]
    assert record(other)["verdict"] == "GO"


def test_without_the_shift_effects_and_health_would_be_elsewhere(tmp_path: Path) -> None:
    run = put(tmp_path, 2 * SECOND, 0)
    path = run.folder / "journal-0.bin"
    page = path.read_bytes()
    path.write_bytes(page.replace(f'"shift": {2 * SECOND}'.encode(), f'"shift": {0:>10}'.encode()))

    samples = gather(run.folder).samples
    stored = rows.effects(samples)
    late = stored["stored"].to_numpy() - samples.frame["end"][stored["place"]]

    assert late.min() == pytest.approx(2.0)


def undecided(run: Run) -> None:
    """As verification leaves it where it lacks a journal."""
    finding = Finding("X2", "Every stored message was sent.", CheckState.UNDECIDED, 9, "rows", detail="lost")
    run.write(check.FILE, {"schema": check.SCHEMA, "checks": [finding.as_json()]})


def cut(path: Path) -> None:
    os.truncate(path, HEADER_BYTES + (path.stat().st_size - HEADER_BYTES) // RECORD.itemsize // 2 * RECORD.itemsize)


LOST: dict[str, Callable[[Path], None]] = {
    "is missing": lambda path: path.unlink(),
    "was cut: its header can't be read": lambda path: os.truncate(path, 50),
    "was cut: it was closed with": cut,
}


@pytest.mark.parametrize("worker", [0, 1])
@pytest.mark.parametrize("why", LOST)
def test_a_run_that_lost_a_part_is_invalid(tmp_path: Path, why: str, worker: int) -> None:
    run = put(tmp_path, 0, 0)
    run.record(load={"processes": 2})
    undecided(run)
    LOST[why](run.folder / f"journal-{worker}.bin")
    bind(run)

    report(run.folder)
    found = run.read("verdict.json")

    assert found["verdict"] == "INVALID"
    assert found["reason"].startswith(f"Not valid, WORKERS: the journal of load process {worker} {why}")
    (workers,) = [one for one in found["validity"] if one["id"] == "WORKERS"]
    assert (workers["state"], workers["value"].endswith(", of 2 that were started")) == ("broken", True)
    assert "VIOLATED" not in json.dumps(found)


def test_a_run_that_lost_everything_has_no_report(tmp_path: Path) -> None:
    run = put(tmp_path, 0, 0)
    for path in run.folder.glob("journal-*.bin"):
        path.unlink()
    bind(run)

    with pytest.raises(JournalError, match=r"no journal-\*\.bin in it"):
        gather(run.folder)
