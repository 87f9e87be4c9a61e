"""Users of the message system: they send to random users of the pool, and sometimes send a key again on purpose."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import gevent
import orjson
from locust import task

from harness.journal import PARTNER
from harness.load.http import Answer
from harness.load.http_user import HttpUser, Judge
from harness.load.transport import Meaning
from harness.outcomes import DONE, Failure, Outcome
from harness.plan import template
from systems import ids, messages

FORM = "form of a message"
"""Where the users of a process share theirs."""


class Form:
    """What a message is sent as, by the contract: with places for the values of messages.WORDS."""

    def __init__(self, contract: Mapping[str, Any]) -> None:
        self.body = template.body(contract["body"], messages.WORDS)
        self.headers = template.headers(contract["headers"], messages.WORDS) if contract["headers"] else None
        self._route: str = contract["process"]
        self._places = "{user}" in self._route

    def route(self, user: int) -> str:
        """Method and path of a message to user number `user`."""
        return self._route.replace("{user}", ids.uuid_of(user)) if self._places else self._route

    @staticmethod
    def encoded(values: tuple[str, str, str, str, str]) -> tuple[bytes, ...]:
        """The `values` of WORDS: only a text of a message has what JSON escapes."""
        user, kind, time, content, key = values
        return user.encode(), kind.encode(), time.encode(), template.escaped(content), key.encode()


class MessageSender(HttpUser):
    """Sends messages; systems/messages.py defines how often each kind is sent, and its expected outcomes."""

    abstract = False
    system = messages
    first, again = "process", frozenset({"repeat", "conflict"})

    @cached_property
    def _form(self) -> "Form":
        """The request of the contract, resolved once in this process."""
        shared = self.session.shared
        if FORM not in shared:
            shared[FORM] = Form(self.contract)
        found: Form = shared[FORM]
        return found

    @cached_property
    def _special(self) -> Sequence[str]:
        """The texts that the service allows, besides the plain one."""
        return messages.texts(self.contract["content"])

    @task(messages.MIX["process"])
    def process(self) -> None:
        """A new message to a user of the pool."""
        user = self.random.randint(1, self.pool["users"])
        number, outcome = self._send("process", user)
        if outcome in DONE:
            self.session.acknowledged.append((number, user))

    @task(messages.MIX["repeat"])
    def repeat(self) -> None:
        """The same key and body again."""
        original, user = self.random.choice(self.session.acknowledged)
        self._send("repeat", user, key_of=original, body_of=original)

    @task(messages.MIX["conflict"])
    def conflict(self) -> None:
        """The same key with another body."""
        original, user = self.random.choice(self.session.acknowledged)
        self._send("conflict", user, key_of=original, judge=self._judge_conflict)

    @task(messages.MIX["stranger"])
    def stranger(self) -> None:
        """A message to a user that does not exist."""
        self._send("stranger", self.pool["users"] + self.random.randint(1, self.pool["strangers"]))

    @task(messages.MIX["race"])
    def race(self) -> None:
        """A new message twice at the same instant, with one key, on two connections."""
        user = self.random.randint(1, self.pool["users"])
        partners: list[gevent.Greenlet] = []

        def second(number: int) -> None:
            # Between the first half's intent and its first byte: the earliest moment at which its key is known.
            again = partial(self._send, "race", user, key_of=number, body_of=number, partner=True)
            partners.append(gevent.spawn(again))

        try:
            self._send("race", user, begun=second)
        finally:
            # The second half ends with its user, too: a killed user must not leave one behind.
            gevent.joinall(partners)

    @task(messages.MIX["later"])
    def later(self) -> None:
        """A new message that is not due yet."""
        self._send("later", self.random.randint(1, self.pool["users"]))

    def _send(
        self,
        kind: str,
        user: int,
        key_of: int | None = None,
        body_of: int | None = None,
        partner: bool = False,
        judge: Judge | None = None,
        begun: Callable[[int], None] | None = None,
    ) -> tuple[int, Outcome]:
        """Send a message; `begun` is told its number between its intent and its first byte."""
        form = self._form

        def words(number: int) -> tuple[bytes, ...]:
            op, key = (number if body_of is None else body_of), (number if key_of is None else key_of)
            said = messages.values(self.session.id, op, user, key, self._special, kind == "later")
            return form.encoded(said)

        def body(number: int) -> bytes:
            if begun:
                begun(number)
            return form.body(words(number))

        headers = form.headers
        return self.send(
            kind,
            form.route(user),
            user,
            body,
            judge or self._judge,
            key_of=key_of,
            flags=PARTNER if partner else 0,
            connection=self.second_connection if partner else None,
            headers=(lambda number: headers(words(number))) if headers else None,
        )

    def _judge(self, answer: Answer) -> Meaning:
        """What the body says, whatever was sent: something on the way may have sent a new message twice.

        Where the contract has no word for it, a used key is told, and no more: what was sent under it is stored.
        """
        contract = self.contract
        if answer.status == contract["unknown_user"]:
            return Outcome.REJECT, Failure.NONE, 0
        if answer.status not in (contract["created"], contract["used_key"]):
            return Outcome.UNKNOWN, Failure.NONE, 0
        said = _object(answer)
        new = answer.status == contract["created"]
        bare = not new and not contract["same"]
        same = True if new or bare else said.get(contract["same"])
        if same is False:
            return Outcome.REJECT, Failure.NONE, 0
        stored = _number(said.get(contract["message_id"])) if contract["message_id"] else 0
        if same is not True or not (stored or bare or not contract["message_id"]):
            return Outcome.UNKNOWN, Failure.BAD_BODY, 0
        return Outcome.ACK if new else Outcome.REPLAY, Failure.NONE, stored

    def _judge_conflict(self, answer: Answer) -> Meaning:
        """The same of another body under a used key: where nothing tells it from a repeated message, the status alone
        is the refusal, and the stored row must show that it was one.
        """
        if not self.contract["same"] and answer.status == self.contract["used_key"]:
            return Outcome.REJECT, Failure.NONE, 0
        return self._judge(answer)


def _number(said: object) -> int:
    """The number of an id in the journal; 0 for what is none."""
    try:
        return ids.digest(said)
    except TypeError:
        return 0


def _object(answer: Answer) -> dict[str, object]:
    """The JSON object in the answer's body; empty if there is none."""
    try:
        value = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
