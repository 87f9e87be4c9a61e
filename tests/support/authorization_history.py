"""A history of authorizations: what was sent and answered, and what a target that keeps the contract has stored of it.

Both are plain lines, to be edited. Each operation takes effect at an instant of its own, in the order in which they
are made; it may begin before and end after others do.
"""

from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import pandas as pd

from harness.check import Finding
from harness.database import quoted
from harness.outcomes import Outcome
from harness.plan import reading
from harness.plan.scenario import Scenario
from systems import authorizations as facts
from systems import ids
from systems.authorizations import MOVES, PATIENTS, PRACTITIONERS, ROUND_UNITS, UNITS, Pool
from tests.support.operation import operation
from tests.support.surroundings import around, looked
from verification import authorizations as judged
from verification.authorizations import movements
from verification.authorizations.accounts import Authorizations, Units
from verification.authorizations.movements import Early
from verification.constraints import UniqueKey
from verification.ledger import Ledger
from verification.rows import Source

RUN = "20261120T235501a1b2c3"
WALL = 1_795_218_901_000_000_000
"""ns that the wall clock is ahead of CLOCK_MONOTONIC."""
STEP_NS = 1_000_000
"""From one effect to the next."""
SEEDED_BY, FIRST_XID = 700, 1000
POOL = Pool(spread=3, hot_used=10, hot_scheduled=20)
USERS = 7
"""Who meet in rounds: of 50 units, 10 each, five of them are served."""

HOT, SPREAD, THEIRS = 1, 1002, 1001
"""Two authorizations of organization 1, and one of another."""
HOURS = 3_600 * 10**9


@cache
def scenario(rounds: bool = False) -> Scenario:
    """The plan of a history."""
    if rounds:
        return replace(reading.find("high-contention", "smoke"), pool=Pool(3, 0, 0).as_json(), max_users=USERS)
    return replace(reading.find("mixed", "smoke"), pool=POOL.as_json())


@dataclass
class History:
    """What was sent, and what is stored."""

    scenario: Scenario = field(default_factory=scenario)
    ops: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    others: list[dict[str, Any]] = field(default_factory=list)
    """Movements under keys that are not of the run."""
    standing: dict[int, dict[str, Any]] = field(default_factory=dict)
    people: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)
    """What of the observation is otherwise."""
    kept: bool = False
    """Whether a replay is answered as the first one was, instead of with the authorization as it is now."""

    versions: dict[int, int] = field(default_factory=dict)
    first: dict[int, int] = field(default_factory=dict)
    """What each key was answered at first, or would have been."""

    def __post_init__(self) -> None:
        for one in Pool(**self.scenario.pool):
            self.standing[one.number] = {
                "number": one.number,
                "organization": one.organization,
                "patient": one.patient,
                "total": one.total,
                "used": one.used,
                "scheduled": one.scheduled,
                "version": 0,
                "writer": SEEDED_BY,
            }
        organizations = range(1, len(PATIENTS) + 1)
        self.people = {"organizations": [{"number": n} for n in organizations]}
        for thing, counts in (("practitioners", PRACTITIONERS), ("patients", PATIENTS)):
            owners = [n for n, count in zip(organizations, counts, strict=True) for _ in range(count)]
            self.people[thing] = [{"number": n, "organization": owner} for n, owner in enumerate(owners, 1)]

    def act(
        self,
        kind: str,
        number: int = SPREAD,
        move: str = "reserve",
        units: int | None = None,
        by: int | None = None,
        key_of: int | None = None,
        lost: bool = False,
        done: bool = True,
        force: bool = False,
        partner: bool = False,
        sched: int | None = None,
        early_ns: int = STEP_NS // 4,
        late_ns: int = STEP_NS // 4,
    ) -> int:
        """Operation of that `kind`, and what became of it; its number. A key of before brings its own subject.

        `lost`: no answer comes; `done`: the target got to it; `force`: it does it whatever units there are. It begins
        `early_ns` before its effect and ends `late_ns` after it.
        """
        op = len(self.ops)
        if key_of is None:
            move = kind if kind in MOVES else move
            staff = facts.practitioners(facts.organization_of(number))
            who = staff[0] if by is None else by
            subject = facts.subject(number, who, UNITS[move] if units is None else units, move)
        else:
            number, who, first, move = facts.about(self.op(key_of)["subject"])
            subject = facts.subject(number, who, first if units is None else units, move)
        at = (op + 1) * STEP_NS
        key = op if key_of is None else key_of
        if not done:
            outcome, status = Outcome.UNKNOWN, 0
        elif kind == "forged":
            outcome, status = Outcome.REJECT, 401
        elif facts.employer(who) != facts.organization_of(number):
            outcome, status = Outcome.REJECT, 403
        else:
            outcome, status = self._move(subject, key, at, force)
        answer = self.said(number) if outcome in (Outcome.ACK, Outcome.REPLAY) else 0
        self.first.setdefault(key, answer)
        if outcome is Outcome.REPLAY and self.kept:
            answer = self.first[key]
        if outcome is Outcome.REPLAY and kind == "race" and not self.scenario.contract["replayed"]:
            outcome = Outcome.ACK
        if lost:
            outcome, status, answer = Outcome.UNKNOWN, 0, 0
        how: dict[str, Any] = {"subject": subject, "key_of": key, "answer": answer, "sched": sched, "status": status}
        self.ops.append(operation(op, kind, outcome, at - early_ns, at + late_ns, partner=partner, **how))
        return op

    def _move(self, subject: int, key: int, at: int, force: bool) -> tuple[Outcome, int]:
        number, who, units, move = facts.about(subject)
        before = next((row for row in self.rows if row["op"] == key), None)
        if before:
            same = (before["units"], MOVES[before["move"]]) == (units, move)
            return (Outcome.REPLAY, 200) if same else (Outcome.REJECT, 422)
        stands = self.standing[number]
        free = stands["total"] - stands["used"] - stands["scheduled"]
        if not force and units > (free if move == "reserve" else stands["scheduled"]):
            return Outcome.REJECT, 409
        self.store(key, number, who, units, move, at)
        self.count(number, move, units)
        return Outcome.ACK, 200

    def store(self, op: int, number: int, who: int, units: int, move: str, at: int, **otherwise: Any) -> None:
        """A movement, written by the next transaction, and the row of its authorization with it."""
        writer = FIRST_XID + len(self.rows) + len(self.others)
        row = {
            "op": op,
            "stray": None,
            "authorization": number,
            "move": MOVES.index(move),
            "units": units,
            "practitioner": who,
            "created_at": pd.Timestamp(WALL + at),
            "writer": writer,
        }
        stray = otherwise.get("stray", "")
        (self.rows if not stray or stray.startswith(RUN) else self.others).append(row | otherwise)
        self.standing[number]["writer"] = writer

    def count(self, number: int, move: str, units: int, version: int = 1) -> None:
        """The counters after a move."""
        stands = self.standing[number]
        stands["scheduled"] += units if move == "reserve" else -units
        stands["used"] += units if move == "consume" else 0
        stands["version"] += version if self.scenario.database["version"] else 0
        self.versions[number] = self.versions.get(number, 0) + version

    def said(self, number: int, **otherwise: Any) -> int:
        """What is said of an authorization as it stands."""
        stands = self.standing[number]
        version = self.versions.get(number, 0) if self.scenario.contract["version"] else 0
        state = {"used": stands["used"], "scheduled": stands["scheduled"], "version": version}
        return facts.state(**{**state, "unbalanced": False, "another": False, **otherwise})

    def op(self, number: int) -> dict[str, Any]:
        return self.ops[number]

    def row(self, op: int) -> dict[str, Any]:
        return next(row for row in self.rows if row["op"] == op)

    def ledger(self) -> Ledger:
        columns = ["op", "kind", "outcome", "subject", "key_of", "answer", "sched", "start", "end", "status"]
        ops = pd.DataFrame(self.ops, columns=[*columns, "partner", "doubt"])
        types = {name: "bool" if name == "partner" else "int64" for name in ops if name != "kind"}
        return Ledger(
            RUN,
            ops.astype({**types, "kind": pd.CategoricalDtype(list(self.scenario.expected))}),
            0,
            WALL,
            self.scenario,
        )

    def observation(self) -> Authorizations:
        names = {name: quoted(word) if word else "" for name, word in self.scenario.database.items()}
        moved = bool(names["movements"])
        rows, others = (frame(lines if moved else []) for lines in (self.rows, self.others))
        over = [
            {"id": ids.uuid_of(n)} | {name: one[name] for name in ("total", "used", "scheduled")}
            for n, one in self.standing.items()
            if one["used"] + one["scheduled"] > one["total"]
        ]
        latest = max((row["writer"] for row in self.rows), default=FIRST_XID)
        seen: dict[str, Any] = {
            "source": Source(names["movements"], names["movement_key"], {"stored": "created_at"}, {}),
            **looked(WALL),
            "rows": rows,
            "foreign": others,
            "others": others,
            "scenario": self.scenario,
            "names": names,
            "standing": pd.DataFrame(list(self.standing.values()), columns=_STANDING, dtype="int64"),
            "people": {thing: pd.DataFrame(lines or _NOBODY, dtype=int) for thing, lines in self.people.items()},
            "overbooked": pd.DataFrame(over, columns=["id", "total", "used", "scheduled"]),
            "queried": len(self.standing),
            **around(WALL),
            "early": Early(f"{latest + 1}:{latest + 1}:", len(rows)) if moved else None,
            "keys": UniqueKey(
                names["movements"],
                names["movement_key"],
                len(rows),
                pd.DataFrame(columns=["value", "copies"]),
                {"i": True},
            )
            if moved
            else None,
        }
        return Authorizations(**{**seen, **self.seen})

    def case(self) -> Units:
        return judged.case(self.ledger(), self.observation())

    def judge(self) -> dict[str, Finding]:
        return {finding.id: finding for finding in judged.judge(self.case())}


_NOBODY: dict[str, list[int]] = {"number": [], "organization": []}
_STANDING = ["number", "organization", "patient", "total", "used", "scheduled", "version", "writer"]


def frame(lines: list[dict[str, Any]]) -> pd.DataFrame:
    """Movements as they are read."""
    nothing = movements.none()
    return pd.DataFrame(lines, columns=list(nothing)).astype(nothing.dtypes.to_dict())


def clean(of: Scenario | None = None) -> History:
    """A history of that plan in which everything happens once or twice."""
    history = History(of or scenario())
    first = history.act("reserve")
    second = history.act("reserve", by=2)
    history.act("release", late_ns=STEP_NS * 2)
    consumed = history.act("consume")
    history.act("repeat", key_of=first)
    history.act("repeat", key_of=consumed)
    history.act("reuse", key_of=second, units=6)
    history.act("stranger", THEIRS, by=1)
    history.act("forged")
    raced = history.act("race")
    history.act("race", key_of=raced, partner=True, early_ns=STEP_NS + STEP_NS // 4)
    for _ in range(4):
        history.act("reserve", HOT)
    history.act("reserve", HOT)  # refused: 20 + 10 + 4 × 5 = 50
    history.act("release", HOT)
    history.act("consume", HOT, lost=True)
    history.act("reserve", HOT)
    history.act("reserve", lost=True)
    history.act("release", lost=True)
    history.act("reserve", lost=True, done=False)
    history.act("consume")
    return history


def rounds(users: int = USERS) -> History:
    """Rounds of as many as there are users: in each five are served, and give back what they got."""
    history = History(scenario(rounds=True))
    for place in range(4):
        meet(history, 1 + place % 2, users)
    first = next(op["op"] for op in history.ops if op["outcome"] == Outcome.ACK)
    history.act("repeat", key_of=first)
    history.act("reuse", key_of=first, units=11)
    history.act("stranger", THEIRS, by=1)
    history.act("forged")
    history.act("consume")
    raced = history.act("race")
    history.act("race", key_of=raced, partner=True, early_ns=STEP_NS + STEP_NS // 4)
    return history


def meet(history: History, number: int, users: int, release: bool = True) -> list[int]:
    """A round at authorization `number`, after which those who were served `release`; its reserves."""
    began = len(history.ops)
    sched = (began + 1) * STEP_NS - STEP_NS // 2
    members = [
        history.act("reserve", number, units=ROUND_UNITS, sched=sched, early_ns=STEP_NS * place + STEP_NS // 4)
        for place in range(users)
    ]
    for member in members:
        if release and history.op(member)["outcome"] == Outcome.ACK:
            history.act("release", number, units=ROUND_UNITS)
    return members
