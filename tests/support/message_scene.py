"""A run of messages whose load is over, and its database."""

import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.check import Finding
from harness.journal import PARTNER, Journal
from harness.journaled import read_all
from harness.outcomes import Failure, Outcome
from harness.plan.plans import reference
from harness.run import FORMAT, Run
from harness.verdict import CheckState
from systems import ids, messages
from systems.messages import pool_digest_sql
from tests.support.message_body import body
from tests.support.plans import varied
from tests.support.surroundings import recorded
from tests.support.target_process import query, with_users
from tests.support.waits import skip_waits
from verification.ledger import Ledger, ledger
from verification.messages import case, judge, observe, source

ID = "20261120T235501a1b2c3"


NAMES = reference("messages", "database")


SOURCE = source(NAMES)


USERS = 500


POOL = {"users": USERS, "strangers": 100}


KEY = {number: ids.key(ID, number) for number in range(10)}


STORE = """
INSERT INTO message_logs (id, user_id, message_type, scheduled_send_time, message_content, idempotency_key, status,
    created_at, sent_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, clock_timestamp(), CASE %s WHEN 'SENT' THEN clock_timestamp() END)
"""


COPY_OF_1 = """
INSERT INTO message_logs (user_id, message_type, scheduled_send_time, message_content, idempotency_key, status,
    created_at, sent_at)
SELECT user_id, message_type, scheduled_send_time, message_content, {key}, status, created_at, sent_at
FROM message_logs WHERE idempotency_key = '{first}'
"""


NO_INDEX = "ALTER TABLE message_logs DROP CONSTRAINT message_logs_idempotency_key_key;"


NO_FOREIGN_KEY = "ALTER TABLE message_logs DROP CONSTRAINT message_logs_user_id_fkey;"


def copy_of_1(key: str) -> str:
    return COPY_OF_1.format(key=key, first=KEY[1])


def change(number: int, what: str) -> str:
    return f"UPDATE message_logs SET {what} WHERE idempotency_key = '{KEY[number]}';"


@dataclass
class Scene:
    """A run whose load is over, and its database."""

    url: str
    run: Run

    def sql(self, statements: str) -> None:
        query(self.url, statements)

    @property
    def sent(self) -> Ledger:
        return ledger(self.run.id, read_all(self.run.folder), self.run.clock, self.run.scenario)

    def judge(self) -> dict[str, Finding]:
        seen = observe(self.url, self.run, self.sent)
        return {finding.id: finding for finding in judge(case(self.sent, seen))}

    def violated(self) -> set[str]:
        return {id_ for id_, finding in self.judge().items() if finding.state == CheckState.VIOLATED}


def put(url: str, folder: Path, wall_offset: int = 0) -> Scene:
    (digest,) = query(url, pool_digest_sql(NAMES))[0]
    plan = varied("sustained", "smoke", {"drain": "200ms", "timeout": "100ms"}, pool=POOL).as_json()
    run = Run(folder, {})
    clock = {"wall_ns": time.time_ns() + wall_offset, "mono_ns": time.monotonic_ns()}
    run.record(format=FORMAT, run=ID, plan=plan, profile="smoke", seeding={"digest": digest}, clock=clock)
    run.record(**recorded(url))
    header = {"run": ID, "worker": 0, "kinds": list(messages.MIX), "mono_ns": clock["mono_ns"]}
    with Journal(folder / "journal-0.bin", header) as journal:
        for number, (kind, outcome, user, key_of) in enumerate(
            [
                ("process", Outcome.ACK, 1, None),
                ("process", Outcome.ACK, 2, None),
                ("repeat", Outcome.REPLAY, 1, 0),
                ("conflict", Outcome.REJECT, 2, 1),
                ("stranger", Outcome.REJECT, USERS + 1, None),
                ("race", Outcome.ACK, 5, None),
                ("race", Outcome.REPLAY, 5, 5),
                ("process", Outcome.UNKNOWN, 6, None),
                ("process", Outcome.UNKNOWN, 7, None),
                ("later", Outcome.ACK, 8, None),
            ]
        ):
            started, code = time.monotonic_ns(), list(messages.MIX).index(kind)
            partner = PARTNER if kind == "race" and key_of is not None else 0
            assert journal.begin(code, started, started, 1, 0, user, key_of, partner) == number
            key, stored = number if key_of is None else key_of, ids.uuid_of(500_000 + number)
            if key_of is None and (outcome is Outcome.ACK or number == 7):
                later = kind == "later"
                status = messages.SCHEDULED if later else messages.SENT
                request = body(ID, number, user, number, later=later)
                query(url, STORE, stored, *request.values(), status, status)
            answer = ids.digest(ids.uuid_of(500_000 + key)) if outcome in (Outcome.ACK, Outcome.REPLAY) else 0
            # Long enough for the halves of the race to overlap.
            journal.end(number, outcome, 0, Failure.NONE, answer, started + 60 * 10**9)
    return Scene(url, run)


def clean_scene(database: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A clean run: every kind of operation once or twice, and the database as a clean target leaves it."""
    skip_waits(monkeypatch)
    return put(with_users(database, USERS), folder)
