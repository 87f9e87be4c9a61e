"""What is found of messages is the same, to the byte, in however many parts they are judged."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from systems import ids
from tests.support.divided import found_alike
from tests.support.message_edits import EDITS, Edit
from tests.support.message_history import History, clean
from verification import messages
from verification.case import Case

PARTS = (2, 7)


def same(case: Case, folder: Path, counts: Sequence[int]) -> None:
    """Assert that all is found of `case` in parts as in one."""
    # Which keys are in several rows is learnt of the rows.
    whole = replace(case, seen=messages.joined(case.seen, [messages.learnt(case)]))
    found_alike(folder, messages, case, messages.judge(whole), counts, ["early"])


def test_a_clean_history_is_found_alike_in_all_parts(tmp_path: Path) -> None:
    same(clean().case(), tmp_path, [1, *PARTS])


@pytest.mark.parametrize("edit", [edit for edit, _ in EDITS.values()], ids=list(EDITS))
def test_an_edit_is_found_alike_in_all_parts(edit: Edit, tmp_path: Path) -> None:
    history = clean()
    edit(history)

    same(history.case(), tmp_path, PARTS)


def many() -> History:
    """Some histories behind one another: every kind of operation four times."""
    history = History()
    for turn in range(4):
        one, shift = clean(), turn * 100
        for op in one.ops:
            history.ops.append({**op, "op": op["op"] + shift, "key_of": op["key_of"] + shift, "sched": op["sched"]})
            history.ops[-1]["answer"] = ids.digest(f"{op['key_of']} of {turn}") if op["answer"] else 0
        for row in one.rows:
            history.store(row["op"] + shift, 1 + turn, id=f"{row['op']} of {turn}")
    return history


DAMAGES: dict[str, Edit] = {
    "a row is gone": lambda h: h.rows.pop(len(h.rows) // 2),
    "a row is there twice": lambda h: h.rows.append(dict(h.rows[len(h.rows) // 3])),
    "a row is there three times": lambda h: h.rows.extend([dict(h.rows[-2]), dict(h.rows[-2])]),
    "nobody sent it": lambda h: h.store(9_999, 1),
    "its key names nothing": lambda h: h.rows.append({**h.rows[0], "op": -1, "stray": "something"}),
    "another text": lambda h: h.rows[3].update(message_content="other"),
    "another type": lambda h: h.rows[-3].update(message_type="other"),
    "another id": lambda h: h.rows[-1].update(id="other"),
    "failed": lambda h: h.rows[5].update(status="FAILED"),
    "never sent": lambda h: h.rows[-4].update(status="SCHEDULED", sent_at=None),
    "refused": lambda h: h.ops[1].update(outcome=4),
    "told to be a replay": lambda h: h.ops[13].update(outcome=2),
    "another status": lambda h: h.ops[-2].update(status=418),
    "under another key": lambda h: h.foreign.append({**h.rows[0], "stray": "other"}),
    "its maker sent another key": lambda h: h.op(102).update(key_of=1),
}


@given(damages=st.lists(st.sampled_from(sorted(DAMAGES)), max_size=6), count=st.integers(2, 12))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_several_damages_are_found_alike_in_all_parts(tmp_path: Path, damages: list[str], count: int) -> None:
    history = many()
    for name in damages:
        DAMAGES[name](history)

    same(history.case(), tmp_path, [count])
