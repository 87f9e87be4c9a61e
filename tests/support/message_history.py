"""Histories of messages: what clients were told, and what a target left."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from harness.check import Finding
from harness.journaled import Lost
from harness.outcomes import Outcome
from harness.plan import reading
from harness.plan.scenario import Scenario
from harness.verdict import CheckState
from systems import ids
from tests.support.message_body import body
from tests.support.operation import operation
from tests.support.plans import USERS
from tests.support.surroundings import around, looked
from verification import constraints
from verification import messages as judged
from verification.case import Case
from verification.ledger import Ledger
from verification.messages import Messages

RUN = "20261120T235501a1b2c3"


WALL = 1_795_218_901_000_000_000
"""ns that the wall clock is ahead of CLOCK_MONOTONIC, in these histories."""


SCENARIO = reading.find("sustained", "smoke")


SOURCE = judged.source(SCENARIO.database)


HISTORY = """
  1 process  ACK      user 1
  2 process  ACK      user 2
  3 process  UNKNOWN  user 3      stored
  4 process  UNKNOWN  user 4
  5 repeat   REPLAY   user 1      key of 1
  6 conflict REJECT   user 2      key of 2
  7 stranger REJECT   user 10001
  8 race     ACK      user 5
  9 race     REPLAY   user 5      key of 8, partner
 10 process  NOT_SENT user 6
 11 conflict UNKNOWN  user 1      key of 1
 12 later    ACK      user 7
 13 later    UNKNOWN  user 8      stored
"""


@dataclass
class History:
    """What was sent, and what is stored: both as plain lines, to be edited."""

    ops: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    early: list[dict[str, Any]] | None = None
    """None: as the rows are."""
    foreign: list[dict[str, Any]] = field(default_factory=list)
    seen: dict[str, Any] = field(default_factory=dict)
    lost: tuple[Lost, ...] = ()
    scenario: Scenario = SCENARIO

    def send(
        self, op: int, kind: str, outcome: str, user: int, key_of: int | None = None, partner: bool = False
    ) -> None:
        key = op if key_of is None else key_of
        start = (key if partner else op) * 1_000_000
        said = ids.digest(uuid_of_row(key)) if outcome in ("ACK", "REPLAY") else 0
        how: dict[str, Any] = {"subject": user, "key_of": key, "answer": said, "partner": partner}
        self.ops.append(operation(op, kind, Outcome[outcome], start, start + 500_000, **how))

    def store(self, op: int, user: int, **otherwise: Any) -> None:
        """The row of operation `op`, as the clean target stores it."""
        at = pd.Timestamp(WALL + op * 1_000_000)
        later = any(one["op"] == op and one["kind"] == "later" for one in self.ops)
        sent = body(RUN, op, user, op, later=later)
        row = {
            "op": op,
            "stray": None,
            "id": uuid_of_row(op),
            "user_id": sent["userId"],
            "message_type": sent["messageType"],
            "message_content": sent["messageContent"],
            "scheduled_send_time": pd.Timestamp(sent["scheduledSendTime"]).tz_convert(None),
            "status": "SCHEDULED" if later else "SENT",
            "created_at": at,
            "sent_at": pd.NaT if later else at + pd.Timedelta("10ms"),
        }
        self.rows.append({**row, **otherwise})

    def op(self, number: int) -> dict[str, Any]:
        return next(op for op in self.ops if op["op"] == number)

    def row(self, op: int) -> dict[str, Any]:
        return next(row for row in self.rows if row["op"] == op)

    def ledger(self) -> Ledger:
        ops = pd.DataFrame(self.ops, columns=list(CLEAN.ops[0]) if not self.ops else None)
        types: dict[str, Any] = {} if self.ops else {n: "int64" for n in ops if n != "kind"}
        kinds = pd.CategoricalDtype(list(self.scenario.expected))
        return Ledger(RUN, ops.astype({**types, "kind": kinds}), 0, WALL, self.scenario, self.lost)

    def observation(self) -> Messages:
        rows = frame(self.rows, ["op", "stray", *SOURCE.columns])
        seen: dict[str, Any] = {
            "source": SOURCE,
            **looked(WALL),
            "rows": rows,
            "foreign": frame(self.foreign, ["stray", *SOURCE.columns]),
            "early": frame(self.rows if self.early is None else self.early, ["op", "stray", "status", "sent_at"]),
            "keys": constraints.UniqueKey(
                "message_logs", "idempotency_key", len(rows), frame([], ["value", "copies"]), {"UNIQUE (…)": True}
            ),
            "users": constraints.Reference(
                "message_logs", "user_id", "users", len(rows), frame([], ["id", "value"]), {"fkey": ""}
            ),
            "pool": USERS,
            "expected_pool": USERS,
            **around(WALL),
            "pool_digest": "d1",
            "seeded_digest": "d1",
        }
        return Messages(**{**seen, **self.seen})

    def case(self) -> Case:
        return judged.case(self.ledger(), self.observation())

    def judge(self) -> dict[str, Finding]:
        return {finding.id: finding for finding in judged.judge(self.case())}


def uuid_of_row(op: int) -> str:
    return ids.uuid_of(500_000 + op)


def frame(lines: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    made = pd.DataFrame([{column: line[column] for column in columns} for line in lines], columns=columns)
    for column in columns:
        moment = SOURCE.columns.get(column) == "moment"
        whole = column in ("op", "copies")
        made[column] = made[column].astype("datetime64[us]" if moment else "int64" if whole else "str")
    return made


def clean() -> History:
    """HISTORY, and what a target that keeps the contract has stored of it."""
    history = History()
    for line in HISTORY.strip().splitlines():
        op, kind, outcome, _, user, *rest = line.replace(",", " ").split()
        key = int(rest[2]) if rest[:2] == ["key", "of"] else None
        history.send(int(op), kind, outcome, int(user), key, "partner" in rest)
        if "stored" in rest or (outcome == "ACK" and key is None):
            history.store(int(op), int(user))
    return history


CLEAN = clean()


def violated(found: dict[str, Finding]) -> set[str]:
    return {id_ for id_, finding in found.items() if finding.state == CheckState.VIOLATED}
