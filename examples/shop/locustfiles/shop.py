"""Customers: they order, and sometimes order again by mistake."""

import orjson
from locust import task

from harness.load.http import Answer
from harness.load.http_user import HttpUser
from harness.load.transport import Meaning
from harness.outcomes import DONE, Failure, Outcome
from systems import ids, shop


class Customer(HttpUser):
    """Orders things."""

    abstract = False
    system = shop
    first, again = "order", frozenset({"repeat"})

    @task(shop.MIX["order"])
    def order(self) -> None:
        """An order of one of the things."""
        thing = self.random.randint(1, self.pool["things"])
        number, outcome = self._order("order", thing)
        if outcome in DONE:
            self.session.acknowledged.append((number, thing))

    @task(shop.MIX["stranger"])
    def stranger(self) -> None:
        """An order of something that does not exist."""
        self._order("stranger", self.pool["things"] + self.random.randint(1, 100))

    @task(shop.MIX["repeat"])
    def repeat(self) -> None:
        """The same order again."""
        original, thing = self.random.choice(self.session.acknowledged)
        body = orjson.dumps(shop.body(self.session.id, thing, original))
        self.send("repeat", self.contract["order"], thing, lambda _: body, self._judge, key_of=original)

    def _order(self, kind: str, thing: int) -> tuple[int, Outcome]:
        return self.send(
            kind,
            self.contract["order"],
            thing,
            lambda number: orjson.dumps(shop.body(self.session.id, thing, number)),
            self._judge,
        )

    def _judge(self, answer: Answer) -> Meaning:
        if answer.status == self.contract["unknown"]:
            return Outcome.REJECT, Failure.NONE, 0
        outcomes = {self.contract["created"]: Outcome.ACK, self.contract["replayed"]: Outcome.REPLAY}
        outcome = outcomes.get(answer.status, Outcome.UNKNOWN)
        if outcome is Outcome.UNKNOWN:
            return outcome, Failure.NONE, 0
        try:
            return outcome, Failure.NONE, ids.digest(orjson.loads(answer.body)["id"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return Outcome.UNKNOWN, Failure.BAD_BODY, 0
