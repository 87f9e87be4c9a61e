"""What can be wrong with messages that were sent, or with what is stored of them; and the checks that find it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from harness import settled
from harness.outcomes import Outcome
from systems import ids, messages
from tests.support.message_history import RUN, WALL, History, frame, uuid_of_row
from tests.support.plans import USERS
from verification.catalogue import Schema
from verification.durability import Durability

Edit = Callable[[History], object]


EDITS: dict[str, tuple[Edit, set[str]]] = {
    "an acknowledged message is not stored": (lambda h: h.rows.remove(h.row(1)), {"X1"}),
    "an acknowledged message disappears during the drain": (lambda h: _disappear(h, 1), {"X1", "MP3"}),
    "a message was rolled back and its repeat was stored": (lambda h: _rolled_back_and_repeated(h), {"X1", "MP7"}),
    "a message that was sent before a disturbance is sent again": (lambda h: _settled(h, 1, at="-1s"), {"MP3"}),
    "a message that was sent before a disturbance stayed so": (lambda h: _settled(h, 1), set()),
    "a message that was sent before a disturbance is gone": (lambda h: _settled(h, 1, gone=True), {"X1"}),
    "both halves of a race are lost": (lambda h: h.rows.remove(h.row(8)), {"X1"}),
    "a row has a key of the run that no operation made": (lambda h: h.store(77, 1), {"X2"}),
    "a row has the key that a repeat would have made": (lambda h: h.store(5, 1), {"X2"}),
    "a row has a key that only begins as ours do": (lambda h: _stray(h, f"{RUN}-1-again"), {"X2"}),
    "a row of the pool has another key": (lambda h: h.foreign.append(h.row(1) | {"stray": "other"}), {"X2"}),
    "a message that was refused is stored": (lambda h: h.op(2).update(outcome=Outcome.REJECT), {"X3", "MP7"}),
    "a message to nobody was refused and is stored": (lambda h: h.store(7, 10_001), {"X3"}),
    "a message that was never sent is stored": (lambda h: h.store(10, 6), {"X3"}),
    "a message that was shed is stored": (lambda h: h.op(2).update(outcome=Outcome.SHED), {"X3"}),
    "a message is stored twice": (lambda h: h.store(2, 2), {"X4"}),
    "an unknown message is stored twice": (lambda h: h.store(3, 3), {"X4"}),
    "the content differs": (lambda h: h.row(2).update(message_content="Proofload message"), {"X5"}),
    "the content of an unknown message differs": (lambda h: h.row(3).update(message_content="other"), {"X5"}),
    "the type differs": (lambda h: h.row(2).update(message_type="BIRTH"), {"X5"}),
    "the user differs": (lambda h: h.row(2).update(user_id=ids.uuid_of(3)), {"X5"}),
    "the time differs by a second": (lambda h: _later(h, 2, "scheduled_send_time"), {"X5"}),
    "the content is null": (lambda h: h.row(2).update(message_content=None), {"X5"}),
    "the time is null": (lambda h: h.row(2).update(scheduled_send_time=pd.NaT), {"X5"}),
    "another id was answered": (lambda h: h.op(2).update(answer=1), {"X5"}),
    "no id was answered": (lambda h: h.op(2).update(answer=0), {"X5"}),
    "a message is SENT without a time": (lambda h: h.row(2).update(sent_at=pd.NaT), {"X6"}),
    "a message was sent before it was stored": (lambda h: h.row(2).update(sent_at=pd.Timestamp(WALL)), {"X6"}),
    "a key stands twice in the table": (lambda h: see(h, "keys", repeated=_frame_of(value="k", copies=2)), {"MP1"}),
    "no key at all stands twice": (lambda h: see(h, "keys", repeated=_frame_of(value=None, copies=2)), {"MP1"}),
    "the unique index is gone": (lambda h: see(h, "keys", indexes={}), {"MP1I"}),
    "the unique index is invalid": (lambda h: see(h, "keys", indexes={"UNIQUE (…)": False}), {"MP1I"}),
    "a message has no user": (lambda h: see(h, "users", orphans=_frame_of(id="m", value="u")), {"MP2"}),
    "the foreign key is gone": (lambda h: see(h, "users", constraints={}), {"MP2F"}),
    "the foreign key was never validated": (lambda h: see(h, "users", constraints={"f": "not validated"}), {"MP2F"}),
    "a message is still to be sent": (lambda h: h.row(2).update(status="SCHEDULED", sent_at=pd.NaT), {"MP3"}),
    "a message failed": (lambda h: _failed(h, 2), {"MP3"}),
    "a message went back to SCHEDULED": (lambda h: _back(h, 2), {"MP3"}),
    "a message was sent again": (lambda h: _sent_again(h, 2), {"MP3"}),
    "an unknown message disappears during the drain": (lambda h: _disappear(h, 3), {"MP3"}),
    "a message was sent before it was due": (lambda h: _sent_early(h, 12), {"MP8"}),
    "an unknown message was sent before it was due": (lambda h: _sent_early(h, 13), {"MP8"}),
    "a message failed before it was due": (lambda h: h.row(12).update(status="FAILED"), {"MP8"}),
    "a message that is not due has another time": (lambda h: _later(h, 12, "scheduled_send_time"), {"X5"}),
    "a replay names another message": (lambda h: h.op(5).update(answer=1), {"MP4"}),
    "the replay of a race names another message": (lambda h: h.op(9).update(answer=1), {"MP4"}),
    "another body was taken for a replay": (lambda h: _answered(h, 6, Outcome.REPLAY), {"MP5"}),
    "another body was acknowledged": (lambda h: _answered(h, 6, Outcome.ACK), {"MP5"}),
    "another body replaced the first": (lambda h: _overwritten(h, 6), {"X5", "MP5"}),
    "another body replaced the first, outcome unknown": (lambda h: _overwritten(h, 11), {"X5", "MP5"}),
    "both halves of a race were acknowledged": (lambda h: _answered(h, 9, Outcome.ACK), {"MP6"}),
    "one half of a race was refused": (lambda h: _answered(h, 9, Outcome.REJECT), {"MP6", "MP7"}),
    "a race was stored twice": (lambda h: _stored_twice(h, 8), {"X4", "MP6"}),
    "a repeat was refused": (lambda h: _answered(h, 5, Outcome.REJECT), {"MP7"}),
    "a whole race was refused": (lambda h: _race_refused(h), {"MP7"}),
    "a new message was refused": (lambda h: h.send(12, "process", "REJECT", 7), {"MP7"}),
    "a stranger was told of a used key": (lambda h: h.op(7).update(status=409), {"MP7"}),
    "another body was told of a stranger": (lambda h: h.op(6).update(status=404), {"MP7"}),
    "a message to nobody was acknowledged": (lambda h: _answered(h, 7, Outcome.ACK), {"X1", "MP7"}),
    "a message was stored after it was answered": (lambda h: _stored_later(h, 2), {"X9"}),
    "durability was given up": (lambda h: h.seen.update(durability=Durability(4, ("fsync is off",))), {"X10"}),
    "a constraint is gone": (lambda h: h.seen.update(schema=Schema(["a"], [])), {"SCHEMA"}),
    "the pool lacks a user": (lambda h: h.seen.update(pool=USERS - 1), {"POOL"}),
    "a user of the pool was changed": (lambda h: h.seen.update(pool_digest="d2"), {"POOL"}),
    "a new message that was told to be a replay is not stored": (
        lambda h: (_answered(h, 2, Outcome.REPLAY), h.rows.remove(h.row(2))),
        {"X1"},
    ),
    "a new message was told to be another one": (lambda h: h.op(2).update(outcome=Outcome.REPLAY, answer=1), {"MP4"}),
    # The harness's own faults, and what must not fire.
    "a proxy sent a new message twice": (lambda h: _answered(h, 2, Outcome.REPLAY), set()),
    "a proxy sent the first half of a race twice": (lambda h: _answered(h, 8, Outcome.REPLAY), set()),
    "a journal of several was lost": (lambda h: _forget(h, 2, 6), {"X2"}),
    "half of the answers were 500, after the commit": (lambda h: h.op(2).update(outcome=Outcome.UNKNOWN), set()),
    "a timeout was taken for a refusal": (lambda h: h.op(3).update(outcome=Outcome.REJECT), {"X3", "MP7"}),
    "one half of a race was never answered": (lambda h: h.op(8).update(outcome=Outcome.UNKNOWN), set()),
    "the pool's digest was not recorded": (lambda h: h.seen.update(seeded_digest=None), set()),
}


def _settled(history: History, op: int, at: str = "0s", gone: bool = False) -> None:
    """Operation `op` was completed before a disturbance, at the time that its row has or `at` beside it."""
    row = history.row(op)
    moment = (row["sent_at"] + pd.Timedelta(at)).value // 1000
    history.seen["settled"] = np.array([(op, moment), (op, moment)], settled.RECORD)
    if gone:
        history.rows.remove(row)


def _disappear(h: History, op: int) -> None:
    h.early = [dict(row) for row in h.rows]
    h.rows.remove(h.row(op))


def _rolled_back_and_repeated(h: History) -> None:
    h.row(1).update(id=uuid_of_row(99))
    h.op(5).update(outcome=Outcome.ACK, answer=ids.digest(uuid_of_row(99)))


def _stray(h: History, key: str) -> None:
    h.store(77, 1)
    h.row(77).update(op=-1, stray=key)


def _forget(h: History, *numbers: int) -> None:
    h.ops = [op for op in h.ops if op["op"] not in numbers]


def _later(h: History, op: int, column: str) -> None:
    h.row(op)[column] += pd.Timedelta("1s")


def _stored_later(h: History, op: int) -> None:
    for column in ("created_at", "sent_at"):
        _later(h, op, column)


def _frame_of(**values: Any) -> pd.DataFrame:
    return frame([values], list(values))


def see(h: History, name: str, **changes: Any) -> None:
    h.seen[name] = replace(getattr(h.observation(), name), **changes)


def _failed(h: History, op: int) -> None:
    h.row(op).update(status="FAILED", sent_at=pd.NaT)
    h.early = []


def _back(h: History, op: int) -> None:
    h.early = [dict(row) for row in h.rows]
    h.row(op).update(status="SCHEDULED", sent_at=pd.NaT)


def _sent_again(h: History, op: int) -> None:
    h.early = [dict(row) for row in h.rows]
    _later(h, op, "sent_at")


def _sent_early(history: History, op: int) -> None:
    row = history.row(op)
    row.update(status="SENT", sent_at=row["created_at"] + pd.Timedelta("10ms"))


def _answered(h: History, op: int, outcome: Outcome) -> None:
    h.op(op).update(outcome=outcome, answer=ids.digest(uuid_of_row(h.op(op)["key_of"])))


def _overwritten(h: History, conflict: int) -> None:
    h.row(h.op(conflict)["key_of"]).update(message_content=messages.content(conflict))


def _stored_twice(h: History, op: int) -> None:
    h.store(op, h.op(op)["subject"], id=uuid_of_row(99))
    h.op(9).update(outcome=Outcome.ACK, answer=ids.digest(uuid_of_row(99)))


def _race_refused(h: History) -> None:
    h.rows.remove(h.row(8))
    h.op(8).update(outcome=Outcome.REJECT)
    h.op(9).update(outcome=Outcome.REJECT)
