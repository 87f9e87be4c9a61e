"""A run is divided by what it leaves; not for a check that needs it as a whole."""

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.journal import HEADER_BYTES, RECORD
from harness.plan import reading
from harness.settings import Settings
from verification.checks import Over
from verification.divided.judging import system_of
from verification.divided.verifying import PART, WHOLE, parts


def divided(folder: Path, scenario: str, operations: int, of: Any = None) -> int:
    """Into how many parts a run of so many operations is; `of` replaces something of its last check."""
    run: Any = SimpleNamespace(folder=folder, scenario=reading.find(scenario, "smoke"))
    (folder / "journal-0.bin").touch()
    os.truncate(folder / "journal-0.bin", HEADER_BYTES + operations * RECORD.itemsize)
    system = system_of(run.scenario.system)
    *made, last = system.checks_of(run.scenario)
    return parts(run, [*made, replace(last, **(of or {}))], system, Settings())


def test_a_short_run_is_not_and_a_long_one_is(tmp_path: Path) -> None:
    assert [divided(tmp_path, "sustained", count) for count in (0, WHOLE, WHOLE + 1)] == [1, 1, 5]


def test_where_an_operation_leaves_many_items_these_count(tmp_path: Path) -> None:
    each = reading.find("orchestrator-load", "smoke").effects_each

    assert each > 50
    assert [divided(tmp_path, "orchestrator-load", int(lines / each)) for lines in (WHOLE, 20 * PART)] == [1, 20]


def test_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERF_PARTITIONS", "3")

    assert divided(tmp_path, "orchestrator-load", 7) == 3


@pytest.mark.parametrize("of", [{"over": Over.RUN}, {"over": Over.THING, "of": "something"}])
def test_a_check_of_all_keys_or_of_what_nothing_is_divided_by_keeps_it_whole(
    of: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERF_PARTITIONS", "3")

    assert divided(tmp_path, "sustained", WHOLE + 1, of) == 1
