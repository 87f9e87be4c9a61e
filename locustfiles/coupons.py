"""Shoppers: they validate coupons of each kind, apply some of them to orders, and look at what there is."""

import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import Any

import orjson
from locust import task

from harness.load.http import Answer
from harness.load.http_user import HttpUser, Judge
from harness.load.session import Session
from harness.load.transport import Meaning
from harness.outcomes import DONE, Failure, Outcome
from harness.plan import template
from systems import coupons, coupons_pool, ids
from systems.coupons import MIX, ORDERS
from systems.coupons_pool import ACTIVE, INACTIVE, Coupon
from systems.zipf import Zipf

SHARED = "coupons of the load"
"""Where the users of a process share what they know."""
WORDS = ("code", "user", "value", "order", "request")
CROWD = 16
"""So many contend for a tight coupon, which has ten uses left, before the next one is taken."""
FLOODING = 7
"""The user that validates again and again."""
REPEATERS = 10
"""Of so many users of a round one sends an order again."""


class Form:
    """A validation as it is sent by the contract: with an order, and without."""

    def __init__(self, contract: Mapping[str, Any]) -> None:
        whole = contract["body"]
        bare = {name: one for name, one in whole.items() if b"{order}" not in orjson.dumps(one)}
        self.bodies = [template.body(one, WORDS, numbers=("value",)) for one in (bare, whole)]
        self.headers = template.headers(contract["headers"], WORDS) if contract["headers"] else None


class Known:
    """What the users of a process know: the coupons of each kind, and what became of them."""

    def __init__(self, session: Session, contract: Mapping[str, Any], users: int) -> None:
        seed, place = session.seed, session.worker
        self.users, self.form = users, Form(contract)
        self.coupons = coupons_pool.coupons(seed, users)
        chance = random.Random(seed)
        self.open = Zipf(chance.sample(coupons_pool.OPEN, len(coupons_pool.OPEN)))
        self.expired = [*coupons_pool.OWNED_EXPIRED, *coupons_pool.OPEN_EXPIRED]
        self.inactive = [*coupons_pool.OWNED_INACTIVE, *coupons_pool.OPEN_INACTIVE]
        self.dated = [*coupons_pool.EARLY, *coupons_pool.LAPSED]
        self.once = [*coupons_pool.OWNED_USED, *coupons_pool.ONCE]
        self.words = {contract[f"reason_{one}"]: one for one in coupons.REASONS}
        processes = session.run.processes if session.run else 1
        self.tight = coupons_pool.TIGHT[place::processes]
        self.contended = 0
        self.unlimited: list[tuple[int, int]] = []
        """Orders that were applied and their subjects, of coupons that allow any number: applied again, each shows."""
        self.repeated = 0
        self.switched = list(coupons_pool.SWITCHED[place::processes])
        self.inactive_now: set[int] = set()
        self.asking: Counter[int] = Counter()
        """How many validations of a coupon that can be switched are under way, …"""
        self.switching: set[int] = set()
        """… and which are being switched: never both, so that it is known what is to be answered."""

    def of(self, number: int) -> Coupon:
        """A coupon."""
        return self.coupons[number - 1]


class Shopper(HttpUser):
    """Asks for what systems/coupons.py says, as often as it says."""

    abstract = False
    system = coupons
    again = frozenset({"repeat"})

    def prepare(self, session: Session) -> None:
        """An order can be sent again only after one of the kinds that the plan has was acknowledged."""
        self.first = "redeem" if "redeem" in session.kinds else "contend"

    @cached_property
    def known(self) -> Known:
        """Made once in this process."""
        shared = self.session.shared
        if SHARED not in shared:
            users = self.pool["users"]
            shared[SHARED] = Known(self.session, self.contract, users["full"] if isinstance(users, dict) else users)
        found: Known = shared[SHARED]
        return found

    @task(MIX["valid"])
    def valid(self) -> None:
        """A coupon that is valid."""
        self._validate("valid", self._roomy())

    @task(MIX["expired"])
    def expired(self) -> None:
        """One that is expired."""
        self._validate("expired", self.random.choice(self.known.expired))

    @task(MIX["inactive"])
    def inactive(self) -> None:
        """One that is inactive."""
        self._validate("inactive", self.random.choice(self.known.inactive))

    @task(MIX["dated"])
    def dated(self) -> None:
        """One that is out of its dates."""
        self._validate("dated", self.random.choice(self.known.dated))

    @task(MIX["foreign"])
    def foreign(self) -> None:
        """One that is another user's."""
        coupon = self.random.choice(coupons_pool.OWNED)
        owner = self.known.of(coupon).owner or 0
        self._validate("foreign", coupon, (owner + self.random.randint(1, self.known.users - 1)) % self.known.users)

    @task(MIX["unknown"])
    def unknown(self) -> None:
        """A code that no coupon has."""
        self._validate("unknown", self.random.choice(coupons_pool.OPEN))

    @task(MIX["minimum"])
    def minimum(self) -> None:
        """An order that is worth too little."""
        self._validate("minimum", self._roomy())

    @task(MIX["used_up"])
    def used_up(self) -> None:
        """One that is used up."""
        self._validate("used_up", self.random.choice(coupons_pool.USED_UP))

    @task(MIX["used_before"])
    def used_before(self) -> None:
        """One that its user has used before."""
        coupon = self.known.of(self.random.choice(self.known.once))
        users = [*coupons_pool.users_of(coupon.number, coupon.uses, self.session.seed, self.known.users)]
        self._validate("used_before", coupon.number, self.random.choice(users))

    @task(MIX["redeem"])
    def redeem(self) -> None:
        """One that is valid, with an order."""
        self._order("redeem", self.known.open.draw(self.random.random()), self._anybody())

    @task(MIX["contend"])
    def contend(self) -> None:
        """A tight one, with an order."""
        known = self.known
        tight = known.tight[known.contended // CROWD % len(known.tight)]
        known.contended += 1
        self._order("contend", tight, self._anybody())

    @task(MIX["repeat"])
    def repeat(self) -> None:
        """An order that was applied: any, or by turns one that no limit keeps from being applied again."""
        known = self.known
        known.repeated += 1
        by_turns = known.unlimited if known.repeated % 2 else []
        self._repeat(*self.random.choice(by_turns or self.session.acknowledged))

    @task(MIX["switched"])
    def switched(self) -> None:
        """One whose status is switched now and then."""
        asking, switching = self.known.asking, self.known.switching
        coupon = next(one for one in self.known.switched if one not in switching)
        asking[coupon] += 1
        try:
            self._validate("switched", coupon, self._anybody())
        finally:
            asking[coupon] -= 1

    @task(MIX["switch"])
    def switch(self) -> None:
        """Set its status, while nobody asks for it."""
        known = self.known
        coupon = next(one for one in known.switched if one not in known.switching and not known.asking[one])
        # It is the next to be asked for, too.
        known.switched.remove(coupon)
        known.switched.insert(0, coupon)
        status = ACTIVE if coupon in known.inactive_now else INACTIVE
        known.switching.add(coupon)
        try:
            route = self.contract["switch"].replace("{code}", coupons_pool.code(coupon))
            body = orjson.dumps({self.contract["coupon_status"]: status})
            flag = int(status == ACTIVE)
            _, outcome = self.send(
                "switch", route, coupons.subject(coupon, flag), lambda _: body, self._judge_switch(coupon, status)
            )
        finally:
            known.switching.discard(coupon)
        if outcome is Outcome.ACK:
            (known.inactive_now.discard if status == ACTIVE else known.inactive_now.add)(coupon)
        else:
            known.switched.remove(coupon)

    @task(MIX["coupon"])
    def coupon(self) -> None:
        """One coupon, by its code."""
        number = self.known.open.draw(self.random.random())
        route = self.contract["coupon"].replace("{code}", coupons_pool.code(number))
        self._read("coupon", route, number, 0, self._seen_coupon)

    @task(MIX["mine"])
    def mine(self) -> None:
        """The active coupons of a user who has some."""
        coupon = self.random.choice(coupons_pool.OWNED)
        owner = self.known.of(coupon).owner or 0
        route = self.contract["mine"].replace("{user}", coupons_pool.user_id(owner))
        self._read("mine", route, coupon, owner, lambda said: self._listed(said, "coupon_code"))

    @task(MIX["history"])
    def history(self) -> None:
        """The uses of a coupon that is used up."""
        coupon = self.random.choice(coupons_pool.USED_UP)
        route = self.contract["history"].replace("{id}", ids.uuid_of(coupon))
        self._read("history", route, coupon, 0, lambda said: self._listed(said, "usage_order"))

    @task(MIX["listed"])
    def listed(self) -> None:
        """All coupons that everybody can use now."""
        self._read("listed", self.contract["listed"], 0, 0, self._seen_listed)

    @task(MIX["flood"])
    def flood(self) -> None:
        """One that is valid, by the same user as ever."""
        self._validate("flood", self.known.open.draw(self.random.random()), FLOODING)

    def _roomy(self) -> int:
        """A coupon without limits: as often one of somebody's own, each alike, as one for everybody, some much more
        often than others.
        """
        if self.random.random() < 0.5:
            return self.random.choice(coupons_pool.OWNED)
        return self.known.open.draw(self.random.random())

    def _anybody(self) -> int:
        return self.random.randrange(self.known.users)

    def _validate(self, kind: str, coupon: int, user: int | None = None) -> tuple[int, Outcome]:
        """Validate a coupon for a user: its owner, or anybody, if none is named."""
        if user is None:
            owner = self.known.of(coupon).owner
            user = self._anybody() if owner is None else owner
        return self._send(kind, coupon, user)

    def _order(self, kind: str, coupon: int, user: int) -> None:
        number, outcome = self._send(kind, coupon, user)
        if outcome in DONE:
            order = (number, coupons.subject(coupon, user))
            self.session.acknowledged.append(order)
            if kind == "redeem":
                self.known.unlimited.append(order)

    def _repeat(self, original: int, subject: int) -> None:
        coupon, user, _ = coupons.about(subject)
        self._send("repeat", coupon, user, original)

    def _send(self, kind: str, coupon: int, user: int, original: int | None = None) -> tuple[int, Outcome]:
        """Send a validation; `original` is the operation whose order it has."""
        journal, form = self.session.journal, self.known.form
        # Nothing else can run between here and the intent.
        number = ids.operation(self.session.worker, journal.count)
        first = number if original is None else original
        minimum = self.known.of(coupon).minimum
        value = coupons.order_value("redeem" if kind in ORDERS else kind, first, minimum)
        said = (
            coupons.code_sent(kind, coupon, number).encode(),
            coupons_pool.user_id(user).encode(),
            b"%d.%02d" % divmod(value, 100),
            coupons.order_id(self.session.id, first).encode(),
            ids.key(self.session.id, number).encode(),
        )
        body = form.bodies[kind in ORDERS](said)
        return self.send(
            kind,
            self.contract["validate"],
            coupons.subject(coupon, user, number - first),
            lambda _: body,
            self._judge_again if kind == "repeat" else self._judge,
            headers=(lambda _: form.headers(said)) if form.headers else None,
        )

    def _judge(self, answer: Answer) -> Meaning:
        """What a validation was answered; done now, unless the answer says that its order was applied before."""
        return self._meaning(answer, Outcome.ACK)

    def _judge_again(self, answer: Answer) -> Meaning:
        """Likewise, of an order that was sent before: a replay, unless the answer says otherwise."""
        return self._meaning(answer, Outcome.REPLAY)

    def _meaning(self, answer: Answer, done: Outcome) -> Meaning:
        contract = self.contract
        if answer.status == contract["limited"]:
            return Outcome.SHED, Failure.NONE, 0
        if answer.status != contract["ok"]:
            return Outcome.UNKNOWN, Failure.NONE, 0
        said = _object(answer)
        valid = said.get(contract["valid"])
        if valid is False:
            word = said.get(contract["reason"]) if contract["reason"] else None
            reason = self.known.words.get(word, f"{word}") if isinstance(word, str) else ""
            return Outcome.REJECT, Failure.NONE, ids.digest(coupons.answer(False, reason, "", ""))
        if valid is not True:
            return Outcome.UNKNOWN, Failure.BAD_BODY, 0
        amounts = [coupons.cents(said.get(contract[one])) if contract[one] else "" for one in ("discount", "final")]
        replayed = said.get(contract["replayed"]) if contract["replayed"] else None
        if isinstance(replayed, bool):
            done = Outcome.REPLAY if replayed else Outcome.ACK
        return done, Failure.NONE, ids.digest(coupons.answer(True, "", *amounts))

    def _judge_switch(self, coupon: int, status: str) -> Judge:
        wanted = coupons.switched(coupon, status)

        def judge(answer: Answer) -> Meaning:
            said = _object(answer)
            told = f"{said.get(self.contract['coupon_code'])} {said.get(self.contract['coupon_status'])}"
            if answer.status != self.contract["ok"] or told != wanted:
                return Outcome.UNKNOWN, Failure.BAD_BODY, 0
            return Outcome.ACK, Failure.NONE, ids.digest(told)

        return judge

    def _read(self, kind: str, route: str, coupon: int, user: int, seen: Callable[[Any], int | None]) -> None:
        def judge(answer: Answer) -> Meaning:
            if answer.status != self.contract["ok"]:
                return Outcome.UNKNOWN, Failure.NONE, 0
            said = seen(_json(answer))
            if said is None:
                return Outcome.UNKNOWN, Failure.BAD_BODY, 0
            return Outcome.ACK, Failure.NONE, said

        self.send(kind, route, coupons.subject(coupon, user), lambda _: b"", judge)

    def _seen_coupon(self, said: Any) -> int | None:
        if not isinstance(said, dict):
            return None
        uses = said.get(self.contract["coupon_uses"], 0) if self.contract["coupon_uses"] else 0
        if not isinstance(uses, int):
            return None
        text = f"{said.get(self.contract['coupon_code'])} {said.get(self.contract['coupon_status'])}"
        return coupons.seen(text, uses)

    def _seen_listed(self, said: Any) -> int | None:
        # What is switched during the load may be in it or not.
        changing = {coupons_pool.code(number) for number in coupons_pool.SWITCHED}
        return self._listed(said, "coupon_code", changing)

    def _listed(self, said: Any, field: str, but: Collection[str] = ()) -> int | None:
        """What a list says: one by itself, or under any name."""
        if isinstance(said, dict):
            said = next((one for one in said.values() if isinstance(one, list)), None)
        if not isinstance(said, list) or not all(isinstance(one, dict) for one in said):
            return None
        found = [str(one.get(self.contract[field])) for one in said]
        return coupons.seen_list(one for one in found if one not in but)


class Redeemer(Shopper):
    """Meets all others, and applies the same coupon at the same instant; each round has a fresh one with ten uses left.
    After a round some send an order of theirs again.
    """

    together = "contend"

    @task
    def contend(self) -> None:
        """One round."""
        rounds = self.session.rounds
        if rounds is None:
            super().contend()
            return
        place = rounds.held // 2  # two meetings make a round
        tight = self.known.tight[place % len(self.known.tight)]
        # No user twice in a round.
        self._order("contend", tight, (place * rounds.users + self.number) * 7_919 % self.known.users)
        self.frame.sched = 0
        rounds.meet(to_begin=False)
        acknowledged = self.session.acknowledged
        if acknowledged and "repeat" in self.kinds and self.number % REPEATERS == place % REPEATERS:
            self._repeat(*self.random.choice(acknowledged))


def _json(answer: Answer) -> Any:
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None


def _object(answer: Answer) -> dict[str, Any]:
    return value if isinstance(value := _json(answer), dict) else {}
