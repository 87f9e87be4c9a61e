"""Clerks who store batches of parcels and read them again: over HTTP, over psycopg2, and over a queue."""

import json
from collections.abc import Callable
from typing import Any

from locust import task
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from harness.load.http import Answer
from harness.load.http_user import HttpUser
from harness.load.postgres import Reply
from harness.load.postgres_user import PostgresUser
from harness.load.transport import Meaning
from harness.load.user import LoadUser
from harness.outcomes import Failure, Outcome
from systems import ids, parcels


class Clerk(LoadUser):
    """What all clerks do; each has its own way to `store` and to `look_up`."""

    abstract = True
    system = parcels
    first, again = "batch", frozenset({"read"})

    @task(parcels.MIX["batch"])
    def batch(self) -> None:
        """A hundred new parcels."""
        number, outcome = self.store("batch", 0, weight=1)
        if outcome is Outcome.ACK:
            self.session.acknowledged.append((number, 0))

    @task(parcels.MIX["refused"])
    def refused(self) -> None:
        """A batch that must be refused, and its refusal logged."""
        self.store("refused", 0, weight=0)

    @task(parcels.MIX["read"])
    def read(self) -> None:
        """A parcel of an earlier batch; or, now and then, the one after its last, which never was."""
        op, _ = self.random.choice(self.session.acknowledged)
        item = self.random.randrange(parcels.BATCH + 5)
        self.look_up(parcels.subject(op, item), ids.item_key(self.session.id, op, item))

    def store(self, kind: str, subject: int, weight: int) -> tuple[int, Outcome]:
        """Send a batch whose parcels weigh `weight`."""
        raise NotImplementedError

    def look_up(self, subject: int, key: str) -> None:
        """Read the parcel under `key`."""
        raise NotImplementedError

    def rows(self, op: int) -> list[tuple[str, str]]:
        """Key and content of each parcel of batch `op`."""
        run = self.session.id
        return [(ids.item_key(run, op, item), parcels.content(op, item)) for item in range(parcels.BATCH)]

    def refusal(self, op: int) -> tuple[str, str]:
        """Key and content of what is logged of a refused batch."""
        return ids.key(self.session.id, op), parcels.refusal(op)


class HttpClerk(Clerk, HttpUser):
    """Through the API."""

    abstract = False

    def store(self, kind: str, subject: int, weight: int) -> tuple[int, Outcome]:
        """201 when stored, 422 when refused and logged."""

        def body(op: int) -> bytes:
            key, refusal = self.refusal(op)
            said = {"key": key, "weight": weight, "rows": self.rows(op), "refusal": refusal}
            return json.dumps(said).encode()

        return self.send(kind, self.contract["store"], subject, body, self._judge_store)

    def look_up(self, subject: int, key: str) -> None:
        """200 with the content, or 404."""
        route = self.contract["read"].replace("{key}", key)
        self.send("read", route, subject, lambda _: b"", self._judge_read)

    def _judge_store(self, answer: Answer) -> Meaning:
        outcomes = {self.contract["stored"]: Outcome.ACK, self.contract["refused"]: Outcome.REJECT}
        return outcomes.get(answer.status, Outcome.UNKNOWN), Failure.NONE, 0

    def _judge_read(self, answer: Answer) -> Meaning:
        if answer.status not in (self.contract["missing"], self.contract["found"]):
            return Outcome.UNKNOWN, Failure.NONE, 0
        try:
            said = json.loads(answer.body)
            content = said["content"] if answer.status == self.contract["found"] else None
            return Outcome.ACK, Failure.NONE, parcels.answer(content)
        except (ValueError, KeyError, TypeError):
            return Outcome.UNKNOWN, Failure.BAD_BODY, 0


class SqlClerk(Clerk, PostgresUser):
    """By statements of its own: the clerk is a client of the engine."""

    abstract = False

    def store(self, kind: str, subject: int, weight: int) -> tuple[int, Outcome]:
        """In one transaction: all parcels, or the refusal."""

        def work(op: int) -> Callable[[Cursor], str]:
            def run(cursor: Cursor) -> str:
                rows = self.rows(op) if weight else [self.refusal(op)]
                self.put(cursor, rows)
                return "stored" if weight else "refused"

            return run

        return self.perform(kind, subject, lambda op: self.transaction(work(op)), self._judge_store)

    def put(self, cursor: Cursor, rows: list[tuple[str, str]]) -> None:
        """Store the rows."""
        execute_values(cursor, "INSERT INTO entries (key, content) VALUES %s", rows)

    def look_up(self, subject: int, key: str) -> None:
        """The content under a key, if there is one."""

        def find(cursor: Cursor) -> Any:
            cursor.execute("SELECT content FROM entries WHERE key = %s", (key,))
            return cursor.fetchone()

        self.perform("read", subject, lambda _: self.transaction(find), self._judge_read)

    def _judge_store(self, reply: Reply) -> Meaning:
        outcomes = {"stored": Outcome.ACK, "refused": Outcome.REJECT}
        return outcomes.get(reply.value, Outcome.UNKNOWN), Failure.NONE, 0

    def _judge_read(self, reply: Reply) -> Meaning:
        if reply.sqlstate:
            return Outcome.UNKNOWN, Failure.NONE, 0
        return Outcome.ACK, Failure.NONE, parcels.answer(reply.value[0] if reply.value else None)


class QueueClerk(SqlClerk):
    """Through a queue: what is sent is stored later, by the router and the writers."""

    abstract = False

    def put(self, cursor: Cursor, rows: list[tuple[str, str]]) -> None:
        """Into the inbox, as one message."""
        keys, contents = ("\n".join(column) for column in zip(*rows, strict=True))
        cursor.execute("INSERT INTO inbox (keys, contents) VALUES (%s, %s)", (keys, contents))
