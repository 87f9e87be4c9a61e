"""X9 by looks: what was answered before a query was sent, and was not in it, is found; nothing else is."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.check import Finding
from harness.monitor import LOOKS
from harness.outcomes import Outcome
from harness.plan import reading
from harness.run import Run
from harness.verdict import CheckState
from tests.support.batches import FIRST, STEP_NS, STORED, History, clean
from verification import looks, messages
from verification.looks import Looks

ITEM = 7


def taken(*seen: tuple[int, int, int, bool], why: str = "") -> Looks:
    """Looks at (moment, operation, item), and whether it was there."""
    at, op, item, there = zip(*seen, strict=True) if seen else ((), (), (), ())
    numbers = (np.array(one, np.int64) for one in (at, op, item))
    return Looks(*numbers, np.array(there, bool), why)


def x9(history: History, seen: Looks, **otherwise: Any) -> Finding:
    case = STORED.case(history.ledger(), replace(history.observation(), looks=seen, **otherwise))
    return {finding.id: finding for finding in STORED.judge(case)}["X9"]


def answered(history: History, op: int = FIRST) -> int:
    end: int = history.ops[op]["end"]
    return end


def test_what_was_answered_and_not_there_is_found() -> None:
    history = clean()
    after = answered(history) + 1
    found = x9(history, taken((after, FIRST, ITEM, False), (after + 300_000_000, FIRST, ITEM, False)))

    assert (found.state, found.witnesses) == (CheckState.VIOLATED, 1)
    assert "1 of 1 operations that 2 looks asked for" in found.detail
    assert "up to 300 ms after the answer" in found.detail
    assert found.first["items"] == [ITEM]
    assert found.first["not there at"].endswith("Z")
    assert found.sql


def test_it_is_found_without_any_clock_of_the_database() -> None:
    history = clean()

    assert x9(history, taken((answered(history) + 1, FIRST, ITEM, False)), before=None).state is CheckState.VIOLATED


def test_what_was_there_holds_and_is_counted() -> None:
    history = clean()
    after = answered(history) + 1
    found = x9(history, taken((after, FIRST, ITEM, True), (after, FIRST, 8, True), (after + 1, FIRST, ITEM, True)))

    assert found.state is CheckState.HOLDS
    assert found.detail == "2 looks during the load found all 1 operations that they asked for"


def test_what_was_not_answered_yet_proves_nothing() -> None:
    history = clean()
    found = x9(history, taken((answered(history), FIRST, ITEM, False)))

    assert found.state is CheckState.HOLDS
    assert "no looks" in found.detail


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.REJECT, Outcome.NOT_SENT, Outcome.OPEN])
def test_what_was_not_acknowledged_need_not_be_there(outcome: Outcome) -> None:
    history = clean()
    after = answered(history) + 1
    history.ops[FIRST]["outcome"] = int(outcome)

    assert "looks asked for" not in x9(history, taken((after, FIRST, ITEM, False))).detail


def test_a_doubtful_clock_of_a_load_process_is_heeded() -> None:
    history = clean()
    history.ops[FIRST]["doubt"] = 1_000

    assert x9(history, taken((answered(history) + 1_000, FIRST, ITEM, False))).state is CheckState.HOLDS
    assert x9(history, taken((answered(history) + 1_001, FIRST, ITEM, False))).state is CheckState.VIOLATED


def test_an_item_that_was_refused_need_not_be_there() -> None:
    history = clean()
    op = history.append(refused=(ITEM,))
    after = answered(history, op) + 1

    assert x9(history, taken((after, op, ITEM, False))).state is CheckState.HOLDS
    assert x9(history, taken((after, op, 8, False))).state is CheckState.VIOLATED


def test_an_operation_that_is_not_on_record_is_left_out() -> None:
    history = clean()

    assert x9(history, taken((10**12, 10**6, 0, False), (10**12, FIRST, 5000, False))).state is CheckState.HOLDS


def test_an_eventual_effect_has_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    history = clean()
    ledger = history.ledger()
    effect = replace(ledger.scenario.effects["append"]["ACK"], within=1.0)
    scenario = replace(ledger.scenario, effects={**ledger.scenario.effects, "append": {"ACK": effect}})
    monkeypatch.setattr(History, "ledger", lambda _: replace(ledger, scenario=scenario))
    end = answered(history)

    assert x9(history, taken((end + 10**9, FIRST, ITEM, False))).state is CheckState.HOLDS
    assert x9(history, taken((end + 10**9 + 1, FIRST, ITEM, False))).state is CheckState.VIOLATED


def test_without_looks_it_says_what_it_rests_on() -> None:
    found = x9(clean(), Looks(why="no index on events (event_key) finds a key"))

    assert found.state is CheckState.HOLDS
    assert found.detail == (
        "by the times in the rows alone: there were no looks during the load "
        "(no index on events (event_key) finds a key)"
    )


def run_with(folder: Path, *lines: Any) -> Run:
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    (folder / LOOKS).write_text(text)
    return Run(folder, {})


WHERE = {"table": "events", "key": "event_key"}
LOOK = {"at": STEP_NS, "asked": ["1f.0", "20.63"], "missing": ["20.63"]}


def test_what_the_monitor_wrote_is_read(tmp_path: Path) -> None:
    found = looks.read(run_with(tmp_path, WHERE, LOOK, {"none": "gone"}, '{"at": 5, "as'), "events", "event_key")

    assert (found.at.tolist(), found.op.tolist(), found.item.tolist()) == ([STEP_NS] * 2, [31, 32], [0, 0x63])
    assert found.there.tolist() == [True, False]
    assert found.why == "gone"


@pytest.mark.parametrize("line", ["[]", "7", '{"at": "x", "asked": ["1.0"], "missing": []}', '{"asked": 1}', "\0"])
def test_a_line_that_is_damaged_is_left_out(tmp_path: Path, line: str) -> None:
    assert len(looks.read(run_with(tmp_path, WHERE, line), "events", "event_key").at) == 0


def test_looks_elsewhere_are_none(tmp_path: Path) -> None:
    found = looks.read(run_with(tmp_path, {"table": "others", "key": "id"}, LOOK), "events", "event_key")

    assert len(found.at) == 0
    assert found.why == "they were at others (id), not at events (event_key)"


def test_a_monitor_that_left_none_is_said(tmp_path: Path) -> None:
    assert looks.read(Run(tmp_path, {}), "events", "event_key").why == "the monitor left none"


def test_the_monitor_looks_where_verification_reads() -> None:
    plan = reading.find("sustained", "smoke")
    place = messages.source(plan.database)
    assert tuple(plan.database[name] for name in plan.rows) == (place.table, place.key)
    plan = reading.find("mixed", "smoke")
    assert [plan.database[name] for name in plan.rows] == ["unit_movements", "idempotency_key"]
