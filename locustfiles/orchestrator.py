"""Submitters: they send events one by one and by the hundred, some wrong, some again, and ask for the routes."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from locust import task

from harness.feed import Rows
from harness.load.http import Answer, Connection
from harness.load.http_user import HttpUser, Judge
from harness.load.session import Session
from harness.load.transport import Meaning
from harness.outcomes import DONE, Failure, Outcome
from systems import ids, orchestrator, orchestrator_routes
from systems.orchestrator import EFFECTS, MIX
from systems.orchestrator_orders import EXAMPLES, ORCHESTRATION, Event, orders

SHARED = "orchestrator of the load"
"""Where the users of a process share the orders that they draw from."""
JSON_TYPE, TEXT_TYPE = b"Content-Type: application/json\r\n", b"Content-Type: text/plain\r\n"
MOST_ROWS = 100_000
"""So many orders of a file are drawn from: all of them are kept in memory."""


class Orders:
    """What events are made of: the orders of the plan's file, or those of their numbers."""

    def __init__(self, session: Session) -> None:
        feeds = session.scenario.feeds if session.scenario else {}
        drawn = orders(EXAMPLES)
        for feed in feeds.values():
            rows = Rows(Path(feed.file), check=False)
            drawn = (rows.row(number) for number in range(1, min(len(rows), MOST_ROWS) + 1))
        self.events: list[Event] = list(islice(drawn, MOST_ROWS))
        # Around the key of an event nothing depends on the operation.
        self.heads, self.tails = zip(*map(_around, self.events), strict=True)
        effects = session.scenario.effects if session.scenario else EFFECTS
        self.sizes = {kind: orchestrator.events_each(effects, kind) for kind in MIX}

    def number(self, op: int, place: int) -> int:
        """The place of the order that an event is."""
        return int(orchestrator.order_number(op, place, len(self.events))) - 1


def _around(event: Event) -> tuple[bytes, bytes]:
    """What stands before and behind the key of an event that is sent as it is."""
    head, tail = orjson.dumps({**event, "correlationId": "\0"}).split(b"\\u0000")
    return head, tail


class Submitter(HttpUser):
    """Asks for what systems/orchestrator.py says, as often as it says."""

    abstract = False
    system = orchestrator
    first, again = "bulk", frozenset({"repeat"})

    @cached_property
    def orders(self) -> Orders:
        """Made once in this process."""
        shared = self.session.shared
        if SHARED not in shared:
            shared[SHARED] = Orders(self.session)
        found: Orders = shared[SHARED]
        return found

    def prepare(self, session: Session) -> None:
        """The orders are made before the load, and not by its first request."""
        if SHARED not in session.shared:
            session.shared[SHARED] = Orders(session)

    @task(MIX["bulk"])
    def bulk(self) -> None:
        """Many events."""
        number, outcome = self._send("bulk", "bulk", self._bulk, self._judge_many("bulk"))
        if outcome in DONE:
            self.session.acknowledged.append((number, 0))

    @task(MIX["ndjson"])
    def ndjson(self) -> None:
        """Many events, one a line."""
        index, route = self.kinds["ndjson"], self.contract["ndjson"]
        how = (index, route, self._lines, None, self.connection)
        self.perform("ndjson", 0, self._exchange_text, self._judge_many("ndjson"), how=how)

    @task(MIX["single"])
    def single(self) -> None:
        """One event."""
        self._send("single", "single", lambda op: self._events("single", op)[0], self._judge_one)

    @task(MIX["partial"])
    def partial(self) -> None:
        """Many events, some of them wrong."""
        self._send("partial", "bulk", self._made("partial"), self._judge_many("partial"))

    @task(MIX["poison"])
    def poison(self) -> None:
        """Events that a service fails at."""
        self._send("poison", "bulk", self._made("poison"), self._judge_many("poison"))

    @task(MIX["repeat"])
    def repeat(self) -> None:
        """Events that were accepted."""
        original, _ = self.random.choice(self.session.acknowledged)
        body = self._bulk(original)
        self.send(
            "repeat", self.contract["bulk"], 0, lambda _: body, self._judge_many("bulk", original), key_of=original
        )

    @task(MIX["dry_run"])
    def dry_run(self) -> None:
        """Where an event would go."""
        self._send("dry_run", "dry_run", self._asked, self._judge_dry_run)

    @task(MIX["refused"])
    def refused(self) -> None:
        """What is cut short, and no JSON any more."""
        self._send("refused", "bulk", lambda op: self._bulk(op)[:-2], self._judge_refused)

    @task(MIX["reload"])
    def reload(self) -> None:
        """The routes are read again."""
        self._send("reload", "reload", lambda _: b"", self._judge_plain)

    @task(MIX["orchestrations"])
    def orchestrations(self) -> None:
        """Which there are."""
        self._send("orchestrations", "orchestrations", lambda _: b"", self._judge_listed)

    @task(MIX["config"])
    def config(self) -> None:
        """By which routes: all of them, or those of one orchestration."""
        whole = self.contract["config"], lambda said: said["orchestrations"]
        one = self.contract["orchestration"].replace("{name}", ORCHESTRATION), lambda said: [said]
        route, named = (whole, one)[self._next_number() % 2]
        self.send("config", route, 0, lambda _: b"", self._judge_config(named))

    def _send(self, kind: str, route: str, body: Any, judge: Judge) -> tuple[int, Outcome]:
        return self.send(kind, self.contract[route], 0, body, judge)

    def _next_number(self) -> int:
        """The number of the operation that is begun next: nothing else can run before its intent."""
        return ids.operation(self.session.worker, self.session.journal.count)

    def _exchange_text(
        self, number: int, index: int, route: str, body: Any, headers: None, connection: Connection
    ) -> Answer:
        """As `send` does it, with a body that is text and not JSON."""
        request = connection.origin.request(route, body(number), self.traced(number) if self.traced else b"")
        answer = connection.exchange(request.replace(JSON_TYPE, TEXT_TYPE, 1))
        tally = self.session.tally
        tally.bytes[index] += len(answer.body)
        tally.routes[index] = route
        return answer

    def _events(self, kind: str, op: int) -> list[bytes]:
        """The events of operation `op`, sent as they are but for their keys."""
        drawn, key = self.orders, ids.item_key(self.session.id, op, 0)[: -ids.ITEM_DIGITS].encode()
        base, count = orchestrator.event_number(op, 0), len(drawn.events)
        heads, tails = drawn.heads, drawn.tails
        return [
            b"%b%b%04x%b" % (heads[(base + place) % count], key, place, tails[(base + place) % count])
            for place in range(drawn.sizes[kind])
        ]

    def _bulk(self, op: int) -> bytes:
        return b'{"%b":[%b]}' % (self.contract["events"].encode(), b",".join(self._events("bulk", op)))

    def _lines(self, op: int) -> bytes:
        return b"\n".join(self._events("ndjson", op))

    def _asked(self, op: int) -> bytes:
        """An event of a dry run, under the key of its operation: nothing of it may ever be stored."""
        event = self.orders.events[self.orders.number(op, 0)]
        key = ids.item_key(self.session.id, op, 0)
        return orjson.dumps({**event, "type": orchestrator.dry_run_type(op), "correlationId": key})

    def _made(self, kind: str) -> Any:
        """The body of a kind whose events are not as in the file."""

        def body(op: int) -> bytes:
            drawn, size = self.orders, self.orders.sizes[kind]
            events = [
                orchestrator.made(
                    kind, drawn.events[drawn.number(op, place)], ids.item_key(self.session.id, op, place), place, size
                )
                for place in range(size)
            ]
            return orjson.dumps({self.contract["events"]: events})

        return body

    def _judge_many(self, kind: str, original: int | None = None) -> Judge:
        """What an answer to many events means, those of the operation `original` or of the next one; which were refused
        is recorded.
        """
        size, contract, number = self.orders.sizes[kind], self.contract, self._next_number()
        made_by = number if original is None else original

        def judge(answer: Answer) -> Meaning:
            if answer.status != contract["accepted"]:
                return self._otherwise(answer)
            said = _object(answer)
            total, good, failed = (said.get(contract[name]) for name in ("total", "successful", "failed"))
            failures = said.get(contract["failures"])
            sums = isinstance(good, int) and isinstance(failed, int) and good + failed == total == size
            if not sums or not isinstance(failures, list) or len(failures) != failed:
                return Outcome.UNKNOWN, Failure.BAD_BODY, 0
            if failed:
                places = self._places(failures, made_by)
                if places is None:
                    return Outcome.UNKNOWN, Failure.BAD_BODY, 0
                self.session.journal.refuse(number, places)
            again = said.get(contract["duplicates"]) if contract["duplicates"] else 0
            return (Outcome.REPLAY if good and again == good else Outcome.ACK), Failure.NONE, 0

        return judge

    def _places(self, failures: Sequence[Any], number: int) -> list[int] | None:
        """The places of the events that were refused; None if one of them is not of that operation."""
        found = set()
        for one in failures:
            key = one.get(self.contract["correlation"]) if isinstance(one, dict) else None
            parsed = ids.parse(self.session.id, key) if isinstance(key, str) else None
            if parsed is None or parsed[0] != number:
                return None
            found.add(parsed[1])
        return sorted(found) if len(found) == len(failures) else None

    def _judge_one(self, answer: Answer) -> Meaning:
        if answer.status != self.contract["accepted"]:
            return self._otherwise(answer)
        word = _object(answer).get(self.contract["status"])
        if word == self.contract["status_duplicate"]:
            return Outcome.REPLAY, Failure.NONE, 0
        if word == self.contract["status_accepted"]:
            return Outcome.ACK, Failure.NONE, 0
        return Outcome.UNKNOWN, Failure.BAD_BODY, 0

    def _judge_refused(self, answer: Answer) -> Meaning:
        return self._otherwise(answer)

    def _otherwise(self, answer: Answer) -> Meaning:
        """What an answer means that says of nothing that it is enqueued."""
        if answer.status == self.contract["rejected"]:
            return Outcome.REJECT, Failure.NONE, 0
        if answer.status == self.contract["shed"]:
            return Outcome.SHED, Failure.NONE, 0
        return Outcome.UNKNOWN, Failure.NONE, 0

    def _judge_plain(self, answer: Answer) -> Meaning:
        if answer.status != self.contract["ok"]:
            return self._otherwise(answer)
        return Outcome.ACK, Failure.NONE, 0

    def _judge_dry_run(self, answer: Answer) -> Meaning:
        if answer.status != self.contract["ok"]:
            return self._otherwise(answer)
        said = _object(answer)
        text = orchestrator.dry_run(said.get(self.contract["target"]), said.get(self.contract["type"]))
        return Outcome.ACK, Failure.NONE, ids.digest(text)

    def _judge_listed(self, answer: Answer) -> Meaning:
        if answer.status != self.contract["ok"]:
            return self._otherwise(answer)
        found = next((one for one in _object(answer).values() if isinstance(one, list)), None)
        if found is None:
            return Outcome.UNKNOWN, Failure.BAD_BODY, 0
        return Outcome.ACK, Failure.NONE, ids.digest(orchestrator.listed(found))

    def _judge_config(self, named: Callable[[Mapping[str, Any]], Any]) -> Judge:
        """`named`: the orchestrations in an answer."""

        def judge(answer: Answer) -> Meaning:
            if answer.status != self.contract["ok"]:
                return self._otherwise(answer)
            try:
                return Outcome.ACK, Failure.NONE, ids.digest(orchestrator_routes.text(named(_object(answer))))
            except (KeyError, TypeError, ValueError, AttributeError):
                return Outcome.UNKNOWN, Failure.BAD_BODY, 0

        return judge


def _object(answer: Answer) -> Mapping[str, Any]:
    try:
        value = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
