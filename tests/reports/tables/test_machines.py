"""The machines of a load are told one by one; a load of the master's machine alone has no such table."""

import json
from pathlib import Path

import pytest

from reports.__main__ import report
from reports.samples.evidence import gather
from reports.tables.machines import machines
from tests.reports.validity.test_clocks import RULES, asked, elsewhere
from tests.support.synthetic_run import bind, synthetic_run

TOLD = {"number": 1, "host": "far", "cpu": "Example", "cores": 4, "shares": [0], "silent_seconds": 1.5, "lacking": []}


def test_without_other_machines_there_is_no_table(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path)

    assert machines(gather(run.folder)) == []
    assert report(run.folder)["machines"] == []


@pytest.mark.parametrize(
    ("whole", "lacking", "shown"),
    [(True, [], "whole"), (False, ["health-0.jsonl"], "without health-0.jsonl")],
)
def test_each_is_told_with_its_clock_and_what_it_did(
    tmp_path: Path, whole: bool, lacking: list[str], shown: str
) -> None:
    run = elsewhere(tmp_path, asked(1_000_000), RULES)
    run.record(machines=[{**TOLD, "whole": whole, "lacking": lacking}])
    lines = [{"machine.cpu": 1.0, "machine.cores": 4}, {"machine.cpu": 3.0, "machine.cores": 4}]
    (run.folder / "machine-1.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"mach')
    (row,) = machines(gather(bind(run).folder))

    assert (row["number"], row["host"], row["cores"], row["busy"]) == (1, "far", 4, 0.5)
    assert (row["ahead_seconds"], row["doubt_seconds"]) == (1_000, 0.001)
    assert (row["operations"], row["late_p99"]) == (181, 0)
    assert row["lacking"] == (None if whole else lacking)
    assert report(run.folder)["machines"] == [row]
    page = (run.folder / "report.html").read_text()
    assert "1: far" in page
    assert "+1000.000000 s" in page
    assert shown in page
