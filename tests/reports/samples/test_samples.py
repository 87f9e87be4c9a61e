"""Every operation is one row, in the phase that planned it, and with its own effect."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import effects
from harness.errors import JournalError, RunError
from harness.journal import RECORD, UNTIMED
from harness.journaled import Journaled
from harness.outcomes import Outcome
from harness.plan import grammar
from harness.plan.scenario import Scenario
from reports.rules.measure import measure
from reports.samples.evidence import gather
from reports.samples.phases import arrivals_until, bands, stretches
from reports.samples.samples import Samples, samples
from reports.samples.scope import covered
from reports.samples.series import course
from reports.tables import operations as table
from systems import ids
from tests.support.plans import varied
from tests.support.rows import effects as effects_of
from tests.support.rows import operations
from tests.support.synthetic_run import Answer, synthetic_run, taking

STAGES = [
    {"rate": 10, "for": "2s", "phase": "a"},
    {"pause": "1s", "scale": {"deliver": 3}},
    {"to": 10, "for": "2s", "phase": "b"},
    {"rate": 10, "for": "1s", "phase": "b"},
    {"pause": "500ms"},
]


def scenario() -> Scenario:
    table = {"arrivals": {"smoke": STAGES}, "service": {"deliver": {"processes": 2}}, "rules": ["count(errors) == 0"]}
    return varied("sustained", "smoke", table)


def journaled(rows: list[tuple[float, float, float, int, Outcome]], worker: int = 0, **header: Any) -> Journaled:
    """A journal of (sched, start, end, kind, outcome), seconds after a `began` of 100 s; an end of 0 is none."""
    records = np.zeros(len(rows), RECORD)
    for record, (sched, start, end, kind, outcome) in zip(records, rows, strict=True):
        record["sched"], record["start"] = round((100 + sched) * 1e9), round((100 + start) * 1e9)
        record["end"] = round((100 + end) * 1e9) if end else 0
        record["kind"], record["outcome"] = kind, outcome
    head = {"run": "r", "worker": worker, "kinds": ["process", "repeat"], "closed": True, "began": 100_000_000_000}
    return Journaled(Path(f"journal-{worker}.bin"), {**head, "arrivals": len(rows), **header}, records)


def of(*journals: Journaled, effects: Any = None) -> Samples:
    return samples(scenario(), journals, effects)


def test_what_was_reported_without_a_time_has_none_and_has_ended() -> None:
    book = journaled([(0.1, 0.1, 0.1, 0, Outcome.ACK), (0.2, 0.2, 0.3, 0, Outcome.ACK)])
    book.records["flags"][0] = UNTIMED

    found = of(book)
    rule = grammar.parse("max(response_time) < 1s")
    measured = measure(rule, found, covered(rule, found))

    assert np.isnan(found.frame["response_s"]).tolist() == np.isnan(found.frame["service_s"]).tolist() == [True, False]
    assert not np.isnan(found.frame["end"]).any()
    assert (measured.n, measured.detail) == (1, "")


def test_a_rate_is_of_what_lies_in_the_load() -> None:
    rows = [(second, second, second + 0.05, 0, Outcome.ACK) for second in (-0.5, 0.5, 1.5, 4.5, 7.0, 8.0)]
    found = of(journaled(rows))
    rule = grammar.parse("rate(requests) > 0/s")

    # Half a second before it and two after it; it has six and a half seconds, five of which offer load.
    assert measure(rule, found, covered(rule, found)).value == pytest.approx(3 / 5)
    assert (table.operations(found)[-1]["count"], table.operations(found)[-1]["rate"]) == (6, pytest.approx(3 / 5))
    assert course(found).ended.tolist() == [1, 1, 0, 0, 1, 0]


def test_stages_have_their_seconds_their_arrivals_and_their_workers() -> None:
    found = stretches(scenario())

    three = {"deliver": 3}
    assert [(s.phase, s.begin, s.end, s.processes, s.arrivals) for s in found] == [
        ("a", 0, 2, {"deliver": 2}, 20),
        ("pause", 2, 3, three, 0),
        ("b", 3, 5, three, 10),
        ("b", 5, 6, three, 10),
        ("pause", 6, 6.5, three, 0),
    ]
    assert [s.deadline for s in found] == [3, 3, 6.5, 6.5, 6.5]
    assert bands(found) == [("a", 0, 2), ("pause", 2, 3), ("b", 3, 6), ("pause", 6, 6.5)]
    assert [arrivals_until(found, second) for second in (0, 1, 2, 3, 4, 5, 6, 7)] == [0, 10, 20, 20, 22.5, 30, 40, 40]


@pytest.mark.parametrize(
    ("sched", "phase"),
    [(0, "a"), (1.999999999, "a"), (2, "a"), (3, "b"), (5, "b"), (5.999999999, "b"), (6, "b"), (6.5, "b"), (7, "b")],
)
def test_an_operation_belongs_to_the_stage_that_planned_it(sched: float, phase: str) -> None:
    found = of(journaled([(sched, sched, sched + 0.1, 0, Outcome.ACK)]))

    assert found.stretches[found.frame["stage"][0]].phase == phase


def test_times_are_those_of_the_journal() -> None:
    row = operations(of(journaled([(1.0, 1.25, 1.75, 0, Outcome.ACK)]))).iloc[0]
    assert (row["response_s"], row["service_s"], row["lag_s"]) == (0.75, 0.5, 0.25)
    assert (row["sched"], row["start"], row["end"]) == (1.0, 1.25, 1.75)


def test_an_outcome_is_ok_if_its_kind_expects_it() -> None:
    rows = [(1.0, 1.0, 1.1, kind, outcome) for kind in (0, 1) for outcome in Outcome if outcome]

    frame = operations(of(journaled(rows)))

    assert [
        (kind, outcome) for kind, outcome, ok in zip(frame["kind"], frame["outcome"], frame["ok"], strict=True) if ok
    ] == [("process", "ACK"), ("process", "REPLAY"), ("repeat", "REPLAY")]


def test_what_never_ended_is_open_and_an_error() -> None:
    row = operations(of(journaled([(1.0, 1.0, 0, 0, Outcome.OPEN)]))).iloc[0]

    assert (row["outcome"], bool(row["ok"]), np.isnan(row["response_s"])) == ("OPEN", False, True)


def test_journals_of_several_processes_are_read_by_their_own_clock_and_kinds() -> None:
    other = journaled([(1.0, 1.0, 1.5, 0, Outcome.REPLAY)], worker=1, kinds=["repeat"], began=100_500_000_000)

    found = of(journaled([(1.0, 1.0, 1.5, 0, Outcome.ACK)]), other)

    assert found.frame["op"].tolist() == [ids.operation(0, 0), ids.operation(1, 0)]
    assert found.frame["sched"].tolist() == [1.0, 0.5]
    assert operations(found)["kind"].tolist() == ["process", "repeat"]
    assert found.frame["ok"].all()
    assert found.planned == 2


def test_a_kind_that_the_system_does_not_have_expects_nothing() -> None:
    found = of(journaled([(1.0, 1.0, 1.1, 1, Outcome.ACK)], kinds=["process", "</script>"]))

    assert operations(found)["kind"].iloc[0] == "</script>"
    assert not found.frame["ok"][0]


def test_a_kind_that_the_journal_does_not_name_is_damage() -> None:
    with pytest.raises(JournalError, match="of kind 7, expected 0 to 1"):
        of(journaled([(1.0, 1.0, 1.1, 7, Outcome.ACK)]))


def test_an_outcome_of_another_version_is_unknown() -> None:
    records = journaled([(1.0, 1.0, 1.1, 0, Outcome.ACK)])
    records.records["outcome"], records.records["failure"] = 99, 999

    row = operations(of(records)).iloc[0]

    assert (row["outcome"], bool(row["ok"])) == ("UNKNOWN", False)


def test_each_effect_belongs_to_its_operation_and_those_of_none_are_left_out() -> None:
    rows = [(1.0, 1.0, 1.1, 0, Outcome.ACK)] * 3
    second = 10**9
    stored = np.array(
        [(1, 0, 101 * second, 0), (0, 0, 102 * second, 103 * second), (0, 7, 104 * second, 0), (9, 0, 1, 1)],
        effects.fields(("stored", "sent")),
    )

    found = effects_of(of(journaled(rows), effects=stored))

    assert found["place"].tolist() == [1, 0, 0]
    assert found["stored"].tolist() == [1.0, 2.0, 4.0]
    assert found["sent"].fillna(-1).tolist() == [-1, 3.0, -1]
    none = of(journaled([]), effects=stored).effects
    assert none is not None
    assert len(none) == 0


def test_effects_of_another_version_are_refused(tmp_path: Path) -> None:
    effects.write(tmp_path, np.zeros(1, [("op", "<i8"), ("committed", "<i8"), ("completed", "<i8")]))

    with pytest.raises(RunError, match=r"committed.*expected \('op', 'item', 'stored'\); verify the run again"):
        effects.read(tmp_path, ["stored"])


def test_the_second_half_of_a_race_is_not_an_arrival(tmp_path: Path) -> None:
    found = gather(synthetic_run(tmp_path).folder).samples

    assert found.planned == found.arrivals == 180
    assert len(found.frame) == 180 + int((operations(found)["kind"] == "race").sum()) // 2


def test_a_synthetic_run_is_what_was_asked_for(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, answer=taking(0.25), lag_s=0.5, waited_s=0.4, dropped=3)

    found = gather(run.folder).samples
    assert found.arrivals == 177
    assert found.frame["service_s"].tolist() == [0.25] * len(found.frame)
    assert found.frame["response_s"].tolist() == [0.75] * len(found.frame)
    assert found.frame["waited_s"].tolist() == [0.4] * len(found.frame)


def test_an_answer_may_never_come(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, answer=lambda place, kind, sched: Answer(Outcome.OPEN, seconds=None))

    assert np.isnan(gather(run.folder).samples.frame["end"]).all()
