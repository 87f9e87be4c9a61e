"""Classes of answers keep their latencies apart; rounds are found by their common instant."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.journal import RECORD
from harness.journaled import Journaled
from harness.outcomes import Outcome
from harness.plan import reading
from reports.samples.samples import Samples
from reports.samples.samples import samples as of_journals
from reports.tables.classes import CLASSES, classes
from reports.tables.rounds import rounds

Line = tuple[str, str, int, float, float]
"""kind, outcome, status, planned start, response time (s)."""


def samples(lines: Sequence[Line], scenario: str = "high-contention", late: float = 0.001) -> Samples:
    found = reading.find(scenario, "smoke")
    kind, outcome, status, sched, response = zip(*lines, strict=True) if lines else ((), (), (), (), ())
    kinds, records = list(found.mix), np.zeros(len(lines), RECORD)
    records["kind"], records["status"] = [kinds.index(name) for name in kind], status
    records["outcome"] = [Outcome[name] for name in outcome]
    records["sched"] = np.rint((1 + np.array(sched, float)) * 1e9)
    records["start"] = records["sched"] + np.rint(late * 1e9 * np.arange(len(lines))).astype(np.int64)
    ended = records["outcome"] != Outcome.OPEN
    records["end"] = np.where(ended, records["sched"] + np.rint(np.array(response, float) * 1e9).astype(np.int64), 0)
    header = {"worker": 0, "kinds": kinds, "began": 10**9}
    return of_journals(found, [Journaled(Path("journal-0.bin"), header, records)], None)


@pytest.mark.parametrize(
    ("outcome", "status", "expected"),
    [
        ("ACK", 200, "success"),
        ("REPLAY", 200, "success"),
        ("REJECT", 409, "conflict"),
        ("REJECT", 403, "refused"),
        ("SHED", 503, "exhausted"),
        ("UNKNOWN", 503, "server error"),
        ("UNKNOWN", 500, "server error"),
        ("UNKNOWN", 409, "other answer"),
        ("UNKNOWN", 429, "other answer"),
        ("UNKNOWN", 0, "no answer"),
        ("NOT_SENT", 0, "no answer"),
        ("OPEN", 0, "no answer"),
    ],
)
def test_every_answer_has_one_class(outcome: str, status: int, expected: str) -> None:
    assert outcome in Outcome.__members__
    (row,) = classes(samples([("reserve", outcome, status, 0.0, 0.01)]))
    assert row["class"] == expected
    assert row["share"] == 1


def test_latencies_are_kept_apart_and_shares_are_of_the_kind() -> None:
    lines: list[Line] = [("reserve", "ACK", 200, 0.0, 0.100)] * 3 + [("reserve", "REJECT", 409, 0.0, 0.001)]
    found = {row["class"]: row for row in classes(samples([*lines, ("release", "ACK", 200, 0.0, 0.5)]))}
    rows: list[dict[str, Any]] = classes(samples([*lines, ("release", "ACK", 200, 0.0, 0.5)]))

    assert found["conflict"]["share"] == 0.25
    assert found["conflict"]["response"]["max"] == 0.001
    success = next(row for row in rows if row["kind"] == "reserve" and row["class"] == "success")
    assert success["response"]["p50"] == 0.100
    assert [row["class"] for row in rows if row["kind"] == "reserve"] == ["success", "conflict"]
    assert set(found) <= set(CLASSES)


def test_nothing_done_has_no_class() -> None:
    assert classes(samples([])) == []


def test_a_round_is_what_was_to_begin_at_one_instant() -> None:
    first: list[Line] = [("reserve", "ACK", 200, 1.0, 0.01)] * 2 + [("reserve", "REJECT", 409, 1.0, 0.01)] * 3
    second: list[Line] = [("reserve", "ACK", 200, 2.0, 0.01)] * 1 + [("reserve", "REJECT", 409, 2.0, 0.01)] * 4
    alone: list[Line] = [("release", "ACK", 200, 1.5, 0.01)]
    found = rounds(samples([*first, *second, *alone]))

    assert found is not None
    assert found["rounds"] == 2
    assert found["ended"] == [{"acknowledged": 1, "rounds": 1}, {"acknowledged": 2, "rounds": 1}]
    assert found["spread_s"]["max"] == pytest.approx(0.004)
    assert found["late_s"]["max"] == pytest.approx(0.009)


def test_a_scenario_without_rounds_has_nothing_to_tell_of_them() -> None:
    assert rounds(samples([], "mixed")) is None
    none = rounds(samples([]))
    assert none is not None
    assert none["rounds"] == 0


def test_a_contract_without_conflicts_has_refusals() -> None:
    found = samples([("reserve", "REJECT", 409, 0.0, 0.01)])
    contract = {name: value for name, value in found.scenario.contract.items() if name != "conflict"}
    (row,) = classes(replace(found, scenario=replace(found.scenario, contract=contract)))
    assert row["class"] == "refused"
