"""Effects are counted item by item, as the facts state them for each kind and outcome; and reads are proved."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.check import Finding
from harness.journal import Journal, refused_beside
from harness.journaled import read_all
from harness.outcomes import Failure, Outcome
from harness.verdict import CheckState
from systems import ids
from tests.support.batches import (
    ANSWERED,
    BATCH,
    EXPECTED,
    FIRST,
    LOST,
    OTHER,
    PARTLY,
    RUN,
    STORED,
    WALL,
    History,
    body,
    clean,
    scenario,
)
from verification.checks import Check, left_out
from verification.ledger import ledger
from verification.ledger_checks import new_keys, only_replays, replayed

REPEAT, REFUSAL, UNSENT, REFUSED_BATCH, LOOK, LOOK_AT_OTHER, LOOK_AT_NOTHING = range(5, 12)


def violated(found: dict[str, Finding]) -> set[str]:
    return {id_ for id_, finding in found.items() if finding.state == CheckState.VIOLATED}


def test_a_clean_history_holds_and_counts_effects() -> None:
    found = clean().judge()

    assert {id_: finding.detail for id_, finding in found.items() if finding.state != CheckState.HOLDS} == {}
    must = 3 * BATCH - 2 + 1
    assert {id_: finding.compared for id_, finding in found.items()} == {
        "X1": must,
        "X2": must + 37,
        # Five reads, what was not sent, the refused batch, two refused items.
        "X3": 5 + 1 + 1 + 2,
        "X4": must + 37,
        "X5": must + 37,
        "X8": 5,
        "X9": must + 37,
        "X10": 4,
        "SCHEMA": 1,
        "X11": 14,
    }


def answers(op: int, digest: int) -> Callable[[History], object]:
    return lambda h: h.ops[op].update(answer=digest)


def late_batch(h: History) -> None:
    """A batch to the first subject that a read of before it already told of."""
    op = h.append()
    h.ops[LOOK].update(answer=ids.digest(body(op, 0)))


Edit = Callable[[History], object]
EDITS: dict[str, tuple[Edit, set[str]]] = {
    "an item is lost": (lambda h: h.rows.remove(h.row(FIRST, 37)), {"X1"}),
    "a whole batch is lost": (lambda h: drop(h, OTHER), {"X1", "X8"}),
    "another item of a partly refused batch is lost": (lambda h: h.rows.remove(h.row(PARTLY, 4)), {"X1"}),
    "a refusal was not logged": (lambda h: h.rows.remove(h.row(REFUSAL)), {"X1"}),
    "an item is doubled": (lambda h: h.store(FIRST, 37), {"X4"}),
    "an item of an unknown batch is doubled": (lambda h: h.store(LOST, 36), {"X4"}),
    "a refusal was logged twice": (lambda h: h.store(REFUSAL, 0), {"X4"}),
    "an item is altered": (lambda h: h.row(FIRST, 37).update(body="other"), {"X5"}),
    "an item of an unknown batch is altered": (lambda h: h.row(LOST, 36).update(subject=9), {"X5"}),
    "two items have changed places": (lambda h: swap(h, FIRST, 1, 2), {"X5"}),
    "an item is invented": (lambda h: h.store(FIRST, BATCH), {"X2"}),
    "a second refusal is invented": (lambda h: h.store(REFUSAL, 1), {"X2"}),
    "a batch is invented": (lambda h: h.rows.append(h.row(FIRST) | {"op": 99}), {"X2"}),
    "a row has a key of nobody": (lambda h: h.rows.append(h.row(FIRST) | {"op": -1, "stray": f"{RUN}-x"}), {"X2"}),
    "a row has another's key": (lambda h: h.foreign.append(h.row(FIRST) | {"stray": "other"}), {"X2"}),
    "a refused item is stored": (lambda h: h.store(PARTLY, 99), {"X3"}),
    "a refused item is stored twice": (lambda h: [h.store(PARTLY, 99) for _ in range(2)], {"X3"}),
    "an item of a refused batch is stored": (lambda h: h.store(REFUSED_BATCH, 50), {"X3"}),
    "what was never sent is logged": (lambda h: h.store(UNSENT, 0), {"X3"}),
    "a read has left something": (lambda h: h.store(LOOK, 0), {"X3"}),
    "a repeat has left something of its own": (lambda h: h.store(REPEAT, 0), {"X2"}),
    "a read is stale": (answers(LOOK, ids.digest(body(FIRST, 0))), {"X8"}),
    "a read tells of nothing where something is": (answers(LOOK, ids.NOTHING), {"X8"}),
    "a read tells of the future": (late_batch, {"X8"}),
    "a read tells of another subject": (answers(LOOK_AT_OTHER, ids.digest(body(PARTLY, 0))), {"X8"}),
    "a read tells of what never was": (answers(LOOK_AT_NOTHING, 4711), {"X8"}),
    # What must not fire.
    "an unknown batch is whole": (lambda h: [h.store(LOST, item) for item in range(37, BATCH)], set()),
    "an unknown batch is not there": (lambda h: drop(h, LOST), {"X8"}),
    "another unknown batch is there": (lambda h: [h.store(ANSWERED, item) for item in range(BATCH)], set()),
    "an unknown batch has an item too many": (lambda h: [h.store(ANSWERED, i) for i in range(BATCH + 1)], {"X2"}),
    "a repeat tells of refused items, the first answer did not": (lambda h: h.refuse(REPEAT, (1, 2)), set()),
    "a batch was answered 500": (lambda h: h.ops[FIRST].update(outcome=Outcome.UNKNOWN), set()),
    "a refused item was then accepted and is stored": (lambda h: accept(h, "REPLAY"), set()),
    "a refused item may have been accepted later": (lambda h: accept(h, "UNKNOWN"), set()),
}


def drop(h: History, op: int) -> None:
    h.rows = [row for row in h.rows if row["op"] != op]


def swap(h: History, op: int, one: int, other: int) -> None:
    first, second = h.row(op, one), h.row(op, other)
    first["item"], second["item"] = other, one


def accept(h: History, outcome: str) -> None:
    """The partly refused batch is sent again under its key, and its refused items are stored."""
    h.send("again", outcome, key_of=PARTLY)
    for item in (3, 99):
        h.store(PARTLY, item)


@pytest.mark.parametrize(("edit", "expected"), EDITS.values(), ids=list(EDITS))
def test_an_edit_violates_exactly_these_checks(edit: Edit, expected: set[str]) -> None:
    history = clean()
    edit(history)
    found = history.judge()

    assert violated(found) == expected
    assert not any(finding.crashed for finding in found.values())
    for id_ in expected:
        assert found[id_].witnesses
        assert found[id_].detail
        assert found[id_].first
        assert found[id_].sql.startswith("SELECT ")


def test_every_check_has_an_edit_that_violates_it() -> None:
    every = {check.id for check in STORED.checks_of(scenario())} - {"X11"}

    # X9 has its edits in test_moments.py, what surrounds the data in test_surroundings.py.
    every -= {"X9", "X10", "SCHEMA"}
    assert {id_ for _, ids_ in EDITS.values() for id_ in ids_} == every == {"X1", "X2", "X3", "X4", "X5", "X8"}


def test_an_item_that_was_accepted_after_all_must_be_there() -> None:
    history = clean()
    history.send("again", "REPLAY", key_of=PARTLY)

    assert violated(history.judge()) == {"X1"}
    # … unless the repeat says the same of it.
    history.refuse(len(history.ops) - 1, (3, 99))
    assert violated(history.judge()) == set()


def test_a_witness_names_operation_key_and_items() -> None:
    history = clean()
    for item in range(20, 50):
        history.rows.remove(history.row(FIRST, item))
    finding = history.judge()["X1"]

    assert finding.witnesses == 30
    assert (finding.first["operation"], finding.first["key"]) == (FIRST, ids.key(RUN, FIRST))
    assert (finding.first["items"], finding.first["of"]) == (list(range(20, 30)), 30)
    assert finding.first["expected"]["body"] == body(FIRST, 20)
    assert finding.first["stored"] == []
    assert finding.detail.endswith("the first is item 20 of operation 0")
    assert finding.sql == f"SELECT * FROM events WHERE event_key LIKE '{ids.key(RUN, FIRST)}%';"


def test_the_worst_of_what_is_doubled_is_shown() -> None:
    history = clean()
    history.store(FIRST, 1)
    for _ in range(2):
        history.store(OTHER, 7)
    finding = history.judge()["X4"]

    assert finding.witnesses == 2
    assert (finding.worst["operation"], finding.worst["items"], len(finding.worst["stored"])) == (OTHER, [7], 3)


def test_each_item_is_an_effect_at_each_point() -> None:
    history = clean()
    history.store(FIRST, 1, routed_at=pd.NaT)  # a copy: the first one counts
    history.row(FIRST, 2).update(routed_at=pd.NaT)
    effects = history.case().effects()

    assert effects.dtype.names == ("op", "item", "stored", "routed")
    assert len(effects) == 3 * BATCH - 2 + 37 + 1
    assert effects[:3].tolist() == [(0, 0, 10**6, 2 * 10**6), (0, 1, 10**6, 2 * 10**6), (0, 2, 10**6, 0)]
    assert [(op, item) for op, item, *_ in effects.tolist()] == sorted((op, item) for op, item, *_ in effects.tolist())


def test_what_is_acknowledged_though_its_kind_must_not_be_is_to_be_there() -> None:
    history = clean()
    history.ops[REFUSAL].update(outcome=Outcome.ACK)
    # Nobody has stated how many: at least one, at most as many as any.
    assert violated(history.judge()) == set()
    history.rows.remove(history.row(REFUSAL))
    assert violated(history.judge()) == {"X1"}


def test_without_versions_reads_are_not_judged_and_that_is_said() -> None:
    case = clean().case()
    blind = type(STORED)(thing="event", source=STORED.source, content=STORED.content)

    assert "X8" not in {check.id for check in blind.checks_of(scenario())}
    assert blind.weakened(case) == ["What look answered was compared with nothing (X8 is left out)."]
    assert STORED.weakened(case) == []


KINDS = list(EXPECTED)


def journaled(folder: Path, *refusals: tuple[int, ...], closed: bool = True) -> Journal:
    """A journal with a batch for each of `refusals`, acknowledged but for these items."""
    header = {"run": RUN, "worker": 0, "kinds": KINDS, "mono_ns": 1}
    journal = Journal(folder / "journal-0.bin", header, grow=16)
    for place, items in enumerate(refusals):
        at = (place + 1) * 1_000_000
        number = journal.begin(KINDS.index("append"), at, at, 0, 0, 1, None, 0)
        journal.refuse(number, items)
        journal.end(number, Outcome.ACK, 200, Failure.NONE, 0, at + 1)
    if closed:
        journal.close()
    return journal


def judged(folder: Path, history: History) -> dict[str, Finding]:
    sent = ledger(RUN, read_all(folder), WALL, scenario())
    return {finding.id: finding for finding in STORED.judge(STORED.case(sent, history.observation()))}


def rows_of(*refusals: tuple[int, ...]) -> History:
    """What is stored of such batches."""
    history = History()
    for items in refusals:
        history.append(refused=items)
    return history


def test_which_items_were_refused_is_read_back(tmp_path: Path) -> None:
    refusals = ((1, 2), (), (99,), tuple(range(BATCH)))
    journaled(tmp_path, *refusals)
    found = read_all(tmp_path)[0]

    assert found.refused.tolist() == [(op, item, len(items)) for op, items in enumerate(refusals) for item in items]
    sent = ledger(RUN, read_all(tmp_path), WALL, scenario())
    assert sent.partly.tolist() == [0, 2, 3]
    assert not sent.unsure.any()
    history = rows_of(*refusals)
    assert violated(judged(tmp_path, history)) == set()
    history.store(0, 1)
    history.rows.remove(history.row(2, 98))
    assert violated(judged(tmp_path, history)) == {"X1", "X3"}


LOSSES: dict[str, tuple[Callable[[Path], object], int]] = {
    "all of them": (lambda path: path.unlink(), 2),
    "the last": (lambda path: path.write_bytes(path.read_bytes()[:-16]), 1),
    "a part of the last": (lambda path: path.write_bytes(path.read_bytes()[:-7]), 1),
    "the first": (lambda path: path.write_bytes(path.read_bytes()[16:]), 1),
}


@pytest.mark.parametrize(("lose", "unsure"), LOSSES.values(), ids=list(LOSSES))
def test_where_it_is_lost_what_depends_on_it_is_undecided(
    tmp_path: Path, lose: Callable[[Path], object], unsure: int
) -> None:
    refusals = ((1, 2), (), (98, 99))
    lose(refused_beside(journaled(tmp_path, *refusals).path))
    found = judged(tmp_path, rows_of(*refusals))

    assert violated(found) == set()
    for id_ in ("X1", "X3"):
        assert found[id_].state == CheckState.UNDECIDED
        if found[id_].compared:
            assert f"of {unsure} operations the items that were refused are not on record" in found[id_].detail
    assert {found[id_].state for id_ in ("X2", "X4", "X5")} == {CheckState.HOLDS}
    # What doesn't depend on it is seen.
    history = rows_of(*refusals)
    history.rows.remove(history.row(1, 50))
    history.store(1, 3)
    assert violated(judged(tmp_path, history)) == {"X1", "X4"}


def test_refused_items_of_an_operation_that_never_ended_may_be_there(tmp_path: Path) -> None:
    journal = journaled(tmp_path, (1,), closed=False)
    journal.refuse(journal.begin(KINDS.index("append"), 1, 1, 0, 0, 1, None, 0), [5])
    history = rows_of((1,), ())

    assert violated(judged(tmp_path, history)) == set()
    journal.close()


SENT = st.lists(
    st.tuples(
        st.sampled_from(["ACK", "UNKNOWN", "REJECT", "NOT_SENT"]),
        st.sets(st.integers(0, BATCH - 1), max_size=5),
        st.integers(0, BATCH),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=40)
@given(SENT, st.integers(0, 10**6), st.data())
def test_no_clean_history_violates_anything_and_any_damage_to_it_is_seen(
    sent: list[tuple[str, set[int], int]], pick: int, data: Any
) -> None:
    history = History()
    for outcome, refused, items in sent:
        items = {"ACK": BATCH, "UNKNOWN": items}.get(outcome, 0)
        history.append(outcome, items, refused=tuple(sorted(refused)) if outcome == "ACK" else ())
    assert violated(history.judge()) == set()
    if not history.rows:
        return
    row = history.rows[pick % len(history.rows)]
    damage = data.draw(st.sampled_from(["lost", "doubled", "altered", "invented"]))
    if damage == "lost":
        history.rows.remove(row)
        expected = {"X1"} if history.ops[row["op"]]["outcome"] == Outcome.ACK else set()
    elif damage == "doubled":
        history.rows.append(dict(row))
        expected = {"X4"}
    elif damage == "altered":
        row["subject"] += 1
        expected = {"X5"}
    else:
        history.rows.append(row | {"item": BATCH + pick})
        expected = {"X2"}
    assert violated(history.judge()) == expected


def test_new_keys_that_were_answered_as_replays_only_are_said() -> None:
    history = clean()
    assert only_replays(*new_keys(STORED.case(history.ledger(), history.observation()))) == []
    history.append("REPLAY")
    lost = history.append("UNKNOWN")
    history.send("again", "REPLAY", key_of=lost)

    (said,) = only_replays(*new_keys(STORED.case(history.ledger(), history.observation())))
    assert " 1 were answered as replays only" in said


OWN = Check("R1", "Every replay was answered with the id of the stored event.", "replays", replayed, fed_by=("again",))
"""A check of the system's own, which says of what kinds it is."""


def of(kinds: tuple[str, ...], **mix: int) -> tuple[dict[str, Finding], list[str]]:
    """What is found of a history of these kinds under a plan of that mix, and what is said of the checks."""
    history, system = History(), replace(STORED, checks=(OWN,))
    for kind in kinds:
        if kind == "append":
            history.append()
        elif kind == "reject":
            history.store(history.send(kind, "REJECT"), 0)
        else:
            history.send(kind, "REPLAY", key_of=FIRST)
    plan = replace(scenario(), mix=mix, expected={kind: EXPECTED[kind] for kind in mix})
    case = STORED.case(replace(history.ledger(), scenario=plan), history.observation())
    findings = system.judge(case)
    said = [*left_out(system.checks_of(plan), findings), *system.weakened(case)]
    return {finding.id: finding for finding in findings}, said


def test_one_kind_and_no_refusal_are_enough_for_all_checks_to_hold() -> None:
    found, said = of(("append",), append=1)

    assert {finding.state for finding in found.values()} == {CheckState.HOLDS}
    assert set(found) == {"X1", "X2", "X4", "X5", "X9", "X10", "X11", "SCHEMA"}
    assert said == [
        "Left out, as the plan's mix has no operation that must be refused, and leave nothing: X3.",
        "Left out, as the plan's mix has no again: R1.",
        "Left out, as the plan's mix has no operation that reads: X8.",
    ]


def test_a_refusal_that_is_logged_leaves_something_and_feeds_no_check_of_what_leaves_nothing() -> None:
    found, said = of(("reject",), reject=1)

    assert {finding.state for finding in found.values()} == {CheckState.HOLDS}
    assert set(found) == {"X1", "X2", "X4", "X5", "X9", "X10", "X11", "SCHEMA"}
    assert said[0].endswith("must be refused, and leave nothing: X3.")
    assert found["X1"].compared == 1


def test_what_a_logged_refusal_should_have_left_is_not_left_out() -> None:
    history = History()
    history.send("reject", "REJECT")
    plan = replace(scenario(), mix={"reject": 1}, expected={"reject": EXPECTED["reject"]})
    found = STORED.judge(STORED.case(replace(history.ledger(), scenario=plan), history.observation()))

    assert {finding.id: finding.state for finding in found if finding.state is not CheckState.HOLDS} == {
        "X1": CheckState.VIOLATED,
        **dict.fromkeys(("X2", "X4", "X5", "X9"), CheckState.UNDECIDED),
    }


def test_a_check_of_a_kind_that_the_plan_has_is_undecided_without_it() -> None:
    found, said = of(("append",), append=4, again=1)

    assert found["R1"].state is CheckState.UNDECIDED
    assert "R1" not in " ".join(said)


def test_a_check_of_a_kind_that_the_plan_need_not_have_is_judged_where_it_happened() -> None:
    found, said = of(("append", "again"), append=1)

    assert (found["R1"].state, found["R1"].compared) == (CheckState.HOLDS, 1)
    assert "R1" not in " ".join(said)
