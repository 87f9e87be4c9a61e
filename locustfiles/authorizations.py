"""Users of the authorizations: practitioners who reserve, release and consume units, alone or all at one instant."""

import base64
import hmac
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import gevent
import orjson
from locust import task

from harness import fixtures
from harness.journal import PARTNER
from harness.load.http import Answer
from harness.load.http_user import HttpUser
from harness.load.session import Session
from harness.load.transport import Meaning
from harness.outcomes import DONE, Failure, Outcome
from harness.settings import Settings
from systems import authorizations, authorizations_contract, ids
from systems.authorizations import (
    HOT_SHARE,
    MIX,
    MOVES,
    ROUND_UNITS,
    TOKEN_DEFECTS,
    UNITS,
    Pool,
    about,
    pool_of,
)
from systems.authorizations_given import Given

Judge = Callable[[int, Answer], Meaning]
"""What an answer to an operation about a subject means."""

ROUND = ("reserve", "release")
"""What a round is made of."""

PICKS = 50
"""How often an acknowledged operation is drawn until one of the wanted move is found; then any will do."""


class Practitioner(HttpUser):
    """Works at authorizations of the spread pool, which are so many that users hardly ever meet."""

    abstract = False
    system = authorizations
    first, again = "reserve", frozenset({"repeat", "reuse"})
    hot_every = 0
    """Every so-many-th operation goes to a hot authorization; 0 = none does."""

    units: Pool | Given = Pool(0, 0, 0)
    """The authorizations and practitioners."""

    def prepare(self, session: Session) -> None:
        """Tokens, and how many authorizations there are, as seeding left them."""
        # A plan that has no consume must not be sent one by a kind that goes through the moves in turn.
        self.moves = tuple(move for move in MOVES if move in session.kinds)
        self.first = self.moves[0]
        run = session.run
        seeded = _seeded(fixtures.fixtures_of(run.folder if run else Settings().home / "authorizations"))
        self.tokens: list[str] = seeded["practitionerTokens"]
        self.expired: list[str] = seeded["expiredTokens"]
        self.elsewhere: list[str] = seeded["otherAudienceTokens"]
        self.units = pool_of(run.scenario.pool) if run else Pool(len(seeded["throughputAuthIds"]), 0, 0)

    @task(MIX["reserve"])
    def reserve(self) -> None:
        """Units are set aside."""
        self._move("reserve")

    @task(MIX["release"])
    def release(self) -> None:
        """Units that were set aside are given back."""
        self._move("release")

    @task(MIX["consume"])
    def consume(self) -> None:
        """Units that were set aside are used."""
        self._move("consume")

    @task(MIX["repeat"])
    def repeat(self) -> None:
        """The same again: each move as often as the others, though they are not as frequent."""
        wanted = self.moves[int(self.random.random() * len(self.moves))]
        for _ in range(PICKS):
            original, subject = self.random.choice(self.session.acknowledged)
            if about(subject)[3] == wanted:
                break
        self._send("repeat", subject, self._judge_again, key_of=original)

    @task(MIX["reuse"])
    def reuse(self) -> None:
        """An earlier key, for other units, another authorization or another move in turn."""
        original, subject = self.random.choice(self.session.acknowledged)
        number, practitioner, units, move = about(subject)
        turn = self._turn("reuse") % (3 if len(self.moves) > 1 else 2)
        if turn == 0:
            units += 1
        elif turn == 1:
            other = self._elsewhere(number, practitioner)
            number, units = other, units + (other == number)
        else:
            move = self.moves[(self.moves.index(move) + 1) % len(self.moves)]
        other = authorizations.subject(number, practitioner, units, move)
        self._send("reuse", other, partial(self._judge_refusal, "key_reused"), key_of=original)

    @task(MIX["stranger"])
    def stranger(self) -> None:
        """A move by a member of another organization."""
        number, move = self._number(spread=True), self._move_in_turn("stranger")
        owner = self.units.organization_of(number)
        others = [n for n, organization in enumerate(self.units.staff, 1) if organization != owner]
        subject = authorizations.subject(number, self.random.choice(others), UNITS[move], move)
        self._send("stranger", subject, partial(self._judge_refusal, "forbidden"))

    @task(MIX["forged"])
    def forged(self) -> None:
        """A move with a token that names a practitioner, and must not be believed."""
        turn, defects = self._turn("forged"), self.contract["token_defects"]
        defect = TOKEN_DEFECTS.index(defects[turn % len(defects)])
        move = self.moves[(turn + turn // len(defects)) % len(self.moves)]
        subject = self._subject(self._number(spread=True), UNITS[move] + defect, move)
        self._send("forged", subject, partial(self._judge_refusal, "unauthorized"), defect=TOKEN_DEFECTS[defect])

    @task(MIX["race"])
    def race(self) -> None:
        """A move twice at the same instant, with one key, on two connections."""
        move = self._move_in_turn("race")
        subject = self._subject(self._number(spread=True), UNITS[move], move)
        judge = self._judge_move if isinstance(self.units, Given) else self._judge_new
        partners: list[gevent.Greenlet] = []

        def second(number: int) -> None:
            # Between the first half's intent and its first byte: the earliest moment at which its key is known.
            again = partial(self._send, "race", subject, judge, key_of=number, partner=True)
            partners.append(gevent.spawn(again))

        try:
            self._send("race", subject, judge, before=second)
        finally:
            # The second half ends with its user, too: a killed user must not leave one behind.
            gevent.joinall(partners)

    def _turn(self, kind: str) -> int:
        """How many of this kind there were: what varies goes through all in turn, so that a few show each."""
        turns = self.session.shared
        turns[kind] = turns.get(kind, -1) + 1
        return int(turns[kind])

    def _move_in_turn(self, kind: str) -> str:
        return self.moves[self._turn(kind) % len(self.moves)]

    def _elsewhere(self, number: int, practitioner: int) -> int:
        """Another authorization of the practitioner's organization; the same, if none is found."""
        for _ in range(PICKS):
            other = self._number(spread=True)
            if other != number and self.units.organization_of(other) == self.units.staff[practitioner - 1]:
                return other
        return number

    def _move(self, move: str) -> None:
        subject = self._subject(self._number(), UNITS[move], move)
        self._acknowledge(*self._send(move, subject, self._judge_move), subject)

    def _acknowledge(self, number: int, outcome: Outcome, subject: int) -> None:
        if outcome in DONE:
            self.session.acknowledged.append((number, subject))

    def _number(self, spread: bool = False) -> int:
        """An authorization to work at; of the `spread` pool, where units must not be wanting."""
        # Evenly, not by chance: a short run must not have more of the hot ones than its pool is made for.
        if not spread and self.hot_every and self.units.hot and not self.session.journal.count % self.hot_every:
            return self.random.choice(self.units.hot)
        return self.units.drawn(self.random.random(), spread)

    def _subject(self, number: int, units: int, move: str) -> int:
        mine = self.units.staff_of(self.units.organization_of(number))
        return authorizations.subject(number, self.random.choice(mine), units, move)

    def _send(
        self,
        kind: str,
        subject: int,
        judge: Judge,
        key_of: int | None = None,
        partner: bool = False,
        before: Callable[[int], None] | None = None,
        defect: str = "",
    ) -> tuple[int, Outcome]:
        """Do what `subject` says; `before` gets the operation's number before its first byte is sent."""
        number, practitioner, units, move = about(subject)
        token = self._forge(defect, practitioner) if defect else self.tokens[practitioner - 1]
        token_header, key_header = self.contract["token_header"], self.contract["key_header"]

        def headers(operation: int) -> bytes:
            if before:
                before(operation)
            key = ids.key(self.session.id, operation if key_of is None else key_of)
            said = self.contract["token"].replace("{token}", token)
            shown = f"{token_header}: {said}\r\n" if token and token_header else ""
            return f"{shown}{key_header}: {key}\r\n".encode() if key_header else shown.encode()

        return self.send(
            kind,
            self.contract[move].replace("{id}", self.units.id_of(number)),
            subject,
            lambda _: orjson.dumps({self.contract["units"]: units}),
            partial(judge, subject),
            key_of=key_of,
            flags=PARTNER if partner else 0,
            connection=self.second_connection if partner else None,
            headers=headers,
        )

    def _forge(self, defect: str, practitioner: int) -> str:
        """A token of the practitioner with this defect; "": none at all."""
        match defect:
            case "absent":
                return ""
            case "garbage":
                return "not.a.token"
            case "expired":
                return str(self.expired[practitioner - 1])
            case "other audience":
                return str(self.elsewhere[practitioner - 1])
        head, claims, _ = self.tokens[practitioner - 1].split(".")
        if defect == "alg none":
            return f"{_base64(orjson.dumps({'alg': 'none', 'typ': 'JWT'}))}.{claims}."
        return f"{head}.{claims}.{_base64(hmac.digest(b'another key', f'{head}.{claims}'.encode(), 'sha256'))}"

    def _judge_move(self, subject: int, answer: Answer) -> Meaning:
        """A key that was never sent before: done, or refused for want of units."""
        if self._refused(answer, *authorizations_contract.conflict(self.contract, about(subject)[3])):
            return Outcome.REJECT, Failure.NONE, 0
        return self._judge_new(subject, answer)

    def _judge_again(self, subject: int, answer: Answer) -> Meaning:
        """A key that was acknowledged: what is done now was done before, unless the answer says otherwise."""
        return self._judge_done(subject, answer, Outcome.REPLAY)

    def _judge_new(self, subject: int, answer: Answer) -> Meaning:
        """The first or the second under its key; if the target does not tell, both are acknowledged."""
        return self._judge_done(subject, answer, Outcome.ACK)

    def _judge_refusal(self, status: str, subject: int, answer: Answer) -> Meaning:
        """What must be refused with just this status; any other no is not the one that was asked for."""
        if answer.status == self.contract[status]:
            return Outcome.REJECT, Failure.NONE, 0
        return self._judge_new(subject, answer)

    def _judge_done(self, subject: int, answer: Answer, outcome: Outcome) -> Meaning:
        """Done now, or before: as the body says; `outcome` if it doesn't say."""
        if self._refused(answer, self.contract["exhausted"], self.contract["serialization_exhausted"]):
            return Outcome.SHED, Failure.NONE, 0
        if answer.status != self.contract["done"]:
            return Outcome.UNKNOWN, Failure.NONE, 0
        said = _object(answer)
        state = self._said(about(subject)[0], said)
        if state is None:
            return Outcome.UNKNOWN, Failure.BAD_BODY, 0
        replayed = said.get(self.contract["replayed"]) if self.contract["replayed"] else None
        if isinstance(replayed, bool):
            outcome = Outcome.REPLAY if replayed else Outcome.ACK
        return outcome, Failure.NONE, state

    def _refused(self, answer: Answer, status: int, expected: str) -> bool:
        """Whether it has `status` and the contract's own word for it: a proxy has that status, too."""
        if answer.status != status:
            return False
        return not expected or _object(answer).get(self.contract["error"]) == expected

    def _said(self, number: int, said: dict[str, Any]) -> int | None:
        """The state of authorization `number` in an answer, as the journal has it; None if the answer is not whole."""
        contract = self.contract
        units = authorizations_contract.units(contract, said, self.units.total_of(number))
        if units is None:
            return None
        used, scheduled, version, balanced = units
        another = bool(contract["id"]) and _id(said.get(contract["id"])) != self.units.id_of(number)
        return authorizations.state(used, scheduled, version, not balanced, another)


class Clinic(Practitioner):
    """Works at the hot authorizations, too, where others are at the same time."""

    hot_every = round(1 / HOT_SHARE)


class Contender(Practitioner):
    """Meets all others, and reserves of the same authorization at the same instant; winners release before the next
    round, which takes the next of the hot ones. Between two rounds one of them does what the rounds do not.
    """

    together = "reserve"

    @task
    def reserve(self) -> None:
        """One round."""
        rounds = self.session.rounds
        if rounds is None:
            self._move("reserve")
            return
        place = rounds.held // 2  # two meetings make a round
        hot = self.units.hot[place % len(self.units.hot)]
        subject = self._subject(hot, ROUND_UNITS, "reserve")
        number, outcome = self._send("reserve", subject, self._judge_move)
        self._acknowledge(number, outcome, subject)
        self.frame.sched = 0
        # No units are released before all are answered, else the round would have more to serve.
        rounds.meet(to_begin=False)
        if outcome in DONE:
            back = self._subject(hot, ROUND_UNITS, "release")
            self._acknowledge(*self._send("release", back, self._judge_move), back)
        if self.number == place % rounds.users:
            known = self.session.acknowledged
            others = [kind for kind in self.session.kinds if kind not in ROUND and (known or kind not in self.again)]
            if others:
                self._do(others[place % len(others)])


@cache
def _seeded(path: Path) -> dict[str, Any]:
    return fixtures.read(path, "authorizations")


def _base64(data: bytes) -> str:
    """As a token has it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _object(answer: Answer) -> dict[str, Any]:
    """The JSON object in the answer's body; empty if there is none."""
    try:
        value = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _id(said: object) -> str:
    """An id in an answer, as we write it; "" if it is none."""
    try:
        return ids.canonical(said)
    except TypeError:
        return ""
