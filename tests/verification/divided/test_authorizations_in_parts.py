"""What is found of authorizations is the same, to the byte, in however many parts they are judged."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from harness.outcomes import Outcome
from tests.support.authorization_edits import (
    FIRST,
    LAST,
    REUSED,
    SECOND,
    STRANGER,
    UNTOUCHED,
    Edit,
    again,
    answer,
    lacking,
    let_in,
    outcome,
)
from tests.support.authorization_history import (
    HOT,
    RUN,
    SPREAD,
    STEP_NS,
    THEIRS,
    USERS,
    History,
    clean,
    meet,
    rounds,
    scenario,
)
from tests.support.divided import found_alike, written
from tests.support.waits import skip_waits
from tests.verification.authorizations.test_any_history import ACTS, LACKING, any_history
from tests.verification.authorizations.test_checks import EDITS
from tests.verification.authorizations.test_lacking import WITHOUT_MOVEMENTS
from tests.verification.authorizations.test_observe import another, change, counters, put
from tests.verification.authorizations.test_round_checks import ROUNDS, Round
from verification import authorizations
from verification.__main__ import verify
from verification.constraints import repeated, with_repeated


def same(history: History, folder: Path, counts: Sequence[int] = (3,)) -> None:
    """Assert that all is found of it in parts as in one."""
    case = history.case()
    keys = case.seen.keys
    if keys is not None:
        # Which keys of the run are in several movements is learnt of these.
        keys = with_repeated(keys, [repeated(case.ledger.run, case.rows)])
    whole = replace(case, seen=replace(case.seen, keys=keys))
    found_alike(folder, authorizations, case, authorizations.judge(whole), counts)


@pytest.mark.parametrize("make", [clean, rounds, lambda: clean(lacking("movements"))])
def test_a_clean_history_is_found_alike_in_all_parts(make: Callable[[], History], tmp_path: Path) -> None:
    same(make(), tmp_path, [1, 2, 7])


@pytest.mark.parametrize("edit", [edit for edit, _ in EDITS.values()], ids=list(EDITS))
def test_an_edit_is_found_alike_in_all_parts(edit: Edit, tmp_path: Path) -> None:
    history = clean()
    edit(history)

    same(history, tmp_path)


@pytest.mark.parametrize("edit", [edit for edit, _ in WITHOUT_MOVEMENTS.values()], ids=list(WITHOUT_MOVEMENTS))
def test_an_edit_without_movements_is_found_alike_in_all_parts(edit: Edit, tmp_path: Path) -> None:
    history = clean(lacking("movements"))
    edit(history)

    same(history, tmp_path)


@pytest.mark.parametrize("edit", [edit for edit, _ in ROUNDS.values()], ids=list(ROUNDS))
def test_rounds_are_found_alike_in_all_parts(edit: Round, tmp_path: Path) -> None:
    history = History(scenario(rounds=True))
    for number in (1, 2, 3):
        edit(history, meet(history, number, USERS, release=False))

    same(history, tmp_path)


def elsewhere(history: History, key: int, number: int, became: Outcome) -> int:
    """A key is sent again for another authorization, where it was done as well if it was accepted."""
    op = history.act("reuse", number, key_of=None, move="reserve")
    history.op(op).update(key_of=key)
    history.rows[:] = [one for one in history.rows if one["op"] != op]
    outcome(history, op, became, 200 if became in (Outcome.ACK, Outcome.REPLAY) else 422, history.op(op)["answer"])
    return op


ACROSS: dict[str, Edit] = {
    "refused": lambda h: elsewhere(h, SECOND, UNTOUCHED, Outcome.REJECT),
    "accepted": lambda h: elsewhere(h, SECOND, UNTOUCHED, Outcome.ACK),
    "taken for a repeat": lambda h: elsewhere(h, SECOND, UNTOUCHED, Outcome.REPLAY),
    "accepted, and both say too much": lambda h: [
        answer(h, op, used=1001, unbalanced=True) for op in (SECOND, elsewhere(h, SECOND, UNTOUCHED, Outcome.ACK))
    ],
    "accepted, and both name no version": lambda h: [
        answer(h, op, version=0) for op in (SECOND, elsewhere(h, SECOND, UNTOUCHED, Outcome.ACK))
    ],
    "both answered as a stranger's": lambda h: [
        outcome(h, op, Outcome.REJECT, 403) for op in (LAST, elsewhere(h, LAST, UNTOUCHED, Outcome.REJECT))
    ],
    "stored there": lambda h: (elsewhere(h, SECOND, UNTOUCHED, Outcome.ACK), again_at(h, SECOND, UNTOUCHED)),
    "stored where there is nothing": lambda h: again_at(h, SECOND, 77),
    "stored under other keys": lambda h: [
        again(h, SECOND, op=-1, stray=stray, practitioner=8) for stray in ("b", "a", None)
    ],
    "another meaning, and of another organization": lambda h: (let_in(h, STRANGER), outcome(h, REUSED, Outcome.ACK)),
    "begun after it": lambda h: h.op(LAST).update(start=h.op(LAST)["end"] - STEP_NS // 8, doubt=STEP_NS),
}


def again_at(history: History, like: int, number: int) -> None:
    """A second movement of the key, at another authorization."""
    history.rows.append({**history.row(like), "authorization": number})


@pytest.mark.parametrize("edit", ACROSS.values(), ids=list(ACROSS))
def test_a_key_of_several_authorizations_is_found_alike_in_all_parts(edit: Edit, tmp_path: Path) -> None:
    history = clean()
    edit(history)

    same(history, tmp_path, [2, 3, 7])


NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
"""It would take minutes: each example is judged in all its parts."""
EVERY = {**{name: edit for name, (edit, _) in EDITS.items()}, **ACROSS}


@given(
    acts=st.lists(ACTS, min_size=5, max_size=25),
    lacks=LACKING,
    kept=st.booleans(),
    damages=st.lists(st.sampled_from(sorted(EVERY)), max_size=3),
    count=st.integers(2, 9),
)
@settings(
    max_examples=12, deadline=None, phases=NO_SHRINKING, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_history_is_found_alike_in_all_parts(
    tmp_path: Path,
    acts: list[tuple[str, int, str, int, int, int]],
    lacks: set[str],
    kept: bool,
    damages: list[str],
    count: int,
) -> None:
    history = clean() if damages else any_history(acts, lacks, kept)
    for name in damages:
        try:
            EVERY[name](history)
        except (StopIteration, KeyError, ValueError):
            # What it would damage, another has taken away.
            continue
    for number in (HOT, SPREAD, THEIRS):
        history.act("reserve", number)

    same(history, tmp_path, [count])


def test_what_is_written_is_the_same_in_however_many_parts(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_waits(monkeypatch)
    scene = put(database, tmp_path)
    scene.sql(change(FIRST, "units = 6") + change(SECOND, "idempotency_key = 'x'") + another(f"'{RUN}-1'"))
    scene.sql(counters(HOT, "used_units = used_units - 1") + another("'y'", LAST))
    found = []
    for count in ("1", "3"):
        monkeypatch.setenv("PERF_PARTITIONS", count)
        verify(scene.run, scene.url)
        found.append(written(scene.run))

    assert found[1] == found[0]
    states = {one["id"]: one["state"] for one in found[0][0]["checks"]}
    assert {states[name] for name in ("X1", "X2", "X5", "X6", "A2")} == {"VIOLATED"}
    assert not any(one["crashed"] for one in found[0][0]["checks"])
