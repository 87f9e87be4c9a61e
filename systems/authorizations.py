"""Authorizations: units that are reserved, released and consumed, and never promised twice.

What seeding, users, target and verification must agree on. The wire format and the names of tables
are in `systems/authorizations.toml` ([contract], [database]) where another implementation may differ.
"""

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from systems import authorizations_given, ids
from systems.authorizations_contract import MOVES as MOVES
from systems.authorizations_contract import TOKEN_DEFECTS as TOKEN_DEFECTS
from systems.authorizations_contract import answers as answers
from systems.authorizations_contract import unsent as unsent
from systems.authorizations_contract import wrong as wrong
from systems.authorizations_given import Given
from systems.effect import Effect

PATIENTS = (10, 5, 5)
"""How many patients each organization has; patients are numbered through from 1, organization by organization."""

PRACTITIONERS = (4, 3, 3)
"""… and how many practitioners, likewise. Organizations are numbered from 1."""

BLOCKS = (
    (50, (5, 3, 2)),
    (200, (11, 5, 4)),
    (1000, (14, 7, 4)),
)
"""The authorizations of the document: a number of units, and how many of that size each organization has.

Numbered through from 1 in this order: 1 … 10 have 50 units (the hot ones), 11 … 30 have 200, 31 … 55 have 1000.
"""

HOT = range(1, 11)
"""The ten authorizations of 50 units on which users contend; of them the first, if `hot_authorizations` in [pool] says
fewer."""

DOCUMENTED = sum(sum(counts) for _, counts in BLOCKS)
"""How many authorizations the document names: 55."""

SPREAD_FIRST = 1001
"""The number of the first authorization of the spread pool, which is as large as a plan needs."""

SPREAD_UNITS, SPREAD_SCHEDULED = 1000, 500
"""What one of the spread pool has in total, and what of it is scheduled from the beginning: what is released or
consumed there was reserved before. The document's own, but for the hot ones, have half of theirs scheduled, too."""

SPREAD_REPEATS = math.lcm(len(PATIENTS), *PATIENTS)
"""One of the spread pool is like the one that comes so many before it, but for its number."""

SPREAD_LEAST, SPREAD_MOST = 100, 200_000
"""How many authorizations the spread pool has at least, and can have at most."""

MARGIN = 2
"""How many times the units that a plan can reserve at most are there: users choose at random, and none may run out."""

UNITS = {"reserve": 5, "release": 5, "consume": 3}
"""How many units an operation moves, but for the reserves and releases of rounds:"""

ROUND_UNITS = 10
"""… so that of 50 users who meet at an authorization of 50 units exactly five are served."""

HOT_SHARE = 0.2
"""The share of reserves, releases and consumes that goes to the hot ones; the others are spread.

To all ten of them, where the document's scenario has one: it names ten as targets of contention, and the 50 units of
a single one are consumed within seconds, after which it only refuses and nothing contends (`hot_authorizations = 1`
in [pool] has it so). `high-contention` has one at a time.
"""

MIX = {"reserve": 66, "release": 18, "consume": 9, "repeat": 3, "reuse": 1, "stranger": 1, "forged": 1, "race": 1}
"""Of every 100 operations, how many are of which kind; 70/20/10 for the first three, as the document has it.

reserve, release, consume   a new operation; done, or refused for want of units. Told as a replay it is done, too:
          something on the way may have sent it twice
repeat    an earlier, acknowledged operation again, same key and body; must be answered as a replay
reuse     an earlier key for something else: other units, another authorization, another move; must be refused
stranger  a move of another organization's authorization; must be refused
forged    a move with a token that has one of TOKEN_DEFECTS; must be refused
race      a move sent twice at the same instant with one key; done once

The last four go through all moves in turn.

The last five are there so that identity and rejection are exercised in every run: a check of
something that never happened proves nothing.
"""

EXPECTED = {
    "reserve": ("ACK", "REPLAY", "REJECT"),
    "release": ("ACK", "REPLAY", "REJECT"),
    "consume": ("ACK", "REPLAY", "REJECT"),
    "repeat": ("REPLAY",),
    "reuse": ("REJECT",),
    "stranger": ("REJECT",),
    "forged": ("REJECT",),
    "race": ("ACK", "REPLAY"),
}
"""The outcomes that an operation of each kind may have; any other is an error of the target."""

EXPECTED_OF_GIVEN = {"race": ("ACK", "REPLAY", "REJECT")}
"""The same where the pool is of a file: there need not be units enough for all."""

EFFECTS = {
    "reserve": {"ACK": Effect()},
    "release": {"ACK": Effect()},
    "consume": {"ACK": Effect()},
    "repeat": {},
    "reuse": {},
    "stranger": {},
    "forged": {},
    "race": {"ACK": Effect()},
}
"""What an outcome of each kind leaves: one movement, stored when it is acknowledged. A replay leaves nothing new."""

POINTS = ("stored",)
"""The times that the database holds of a movement: when it was stored."""

ITEMS = "movements"
"""What the effects are called."""

ROWS = ("movements", "movement_key")
"""The table that has them, and its column of keys, as [database] calls them: there the monitor looks for them."""

AUDIENCE = "https://elsewhere.example"
"""Whom a token with the wrong audience is for."""

CLAIM_ORGANIZATION = "organizationId"
"""The claim of a practitioner's token by which the reference target knows the organization; `sub` names the
practitioner. HS256. Another service's are `claims` in [contract]."""

CONFLICT_SHARE = 0.15
"""Where in the document's 10 to 20 % of conflicts the seeded units of the hot ones are to put a correct target."""

TRIED = 2000
"""How many operations are tried to find that out, at least."""


@dataclass(frozen=True)
class Authorization:
    """As it is seeded. Units that are used from the beginning leave the hot ones just so much as a plan needs."""

    number: int
    organization: int
    patient: int
    total: int
    used: int
    scheduled: int

    @property
    def id(self) -> str:
        """Its UUID."""
        return ids.uuid_of(self.number)

    @property
    def auth_number(self) -> str:
        """What people call it."""
        return f"AUTH-{self.number:06d}"


@dataclass(frozen=True)
class Pool:
    """Which authorizations there are, and in what state a run begins; `as_json` goes into run.json."""

    spread: int
    """How many authorizations the spread pool has."""
    hot_used: int
    """How many units of each hot one are used from the beginning …"""
    hot_scheduled: int
    """… and how many are scheduled."""
    hot_authorizations: int = len(HOT)
    """How many hot ones there are."""

    @property
    def hot(self) -> range:
        """The numbers of the hot ones."""
        return HOT[: self.hot_authorizations]

    @property
    def organizations(self) -> int:
        """How many there are, numbered from 1."""
        return len(PRACTITIONERS)

    @property
    def staff(self) -> list[int]:
        """The organization of each practitioner."""
        return [employer(n) for n in range(1, sum(PRACTITIONERS) + 1)]

    def id_of(self, number: int) -> str:
        """The id of an authorization."""
        return ids.uuid_of(number)

    def organization_of(self, number: int) -> int:
        """Its organization."""
        return organization_of(number)

    def total_of(self, number: int) -> int:
        """Its units."""
        return total_units(number)

    def staff_of(self, organization: int) -> range:
        """The practitioners of an organization."""
        return practitioners(organization)

    def drawn(self, chance: float, spread: bool) -> int:
        """The authorization of a move that goes to none of the hot ones, for a `chance` from 0 to below 1; one of the
        `spread` pool, where units must not be wanting.
        """
        return SPREAD_FIRST + int(chance * self.spread) if spread else drawn(chance, self.spread)

    def as_json(self) -> dict[str, int]:
        """The arguments that make it again."""
        return asdict(self)

    def describe(self) -> tuple[str, ...]:
        """Lines for a plan."""
        units, free = BLOCKS[0][0], self.spread * (SPREAD_UNITS - SPREAD_SCHEDULED)
        return (
            f"the document's {DOCUMENTED} authorizations; of the {units} units of each of the {len(self.hot)} hot ones "
            f"{self.hot_scheduled} are scheduled and {self.hot_used} used",
            f"{self.spread:,} more with {free:,} free units",
        )

    def __iter__(self) -> Iterator[Authorization]:
        """Every authorization, by number."""
        yield from map(self.authorization, range(1, DOCUMENTED + 1))
        yield from map(self.authorization, range(SPREAD_FIRST, SPREAD_FIRST + self.spread))

    def authorization(self, number: int) -> Authorization:
        """Authorization `number` as it is seeded."""
        used, scheduled = (self.hot_used, self.hot_scheduled) if number in self.hot else (0, total_units(number) // 2)
        organization = organization_of(number)
        patients = _numbers(PATIENTS, organization)
        return Authorization(
            number, organization, patients[number % len(patients)], total_units(number), used, scheduled
        )


def pool(sizes: Mapping[str, Any], operations: float, rounds: bool) -> dict[str, Any]:
    """The arguments of the Pool that feeds `operations`, each of which may reserve; ValueError if none of ours does.

    In `rounds` the hot ones begin untouched: what is reserved there is released again. A pool of a file is as it is.
    """
    if "given" in sizes:
        return dict(sizes)
    hot = sizes.get("hot_authorizations", len(HOT))
    if hot > len(HOT):
        raise ValueError(f"hot_authorizations = {hot}: expected 1 to {len(HOT)}, as many have {BLOCKS[0][0]} units")
    if operations == math.inf:
        raise ValueError("users that never pause reserve without bound: expected think above 0")
    spread = math.ceil(MARGIN * operations * UNITS["reserve"] / (SPREAD_UNITS - SPREAD_SCHEDULED))
    if spread > SPREAD_MOST:
        raise ValueError(
            f"{operations:,.0f} operations can reserve {operations * UNITS['reserve']:,.0f} units, for which "
            f"{spread:,} authorizations would be needed (twice as many units, as users choose at random): expected at "
            f"most {SPREAD_MOST:,}; fewer users, a longer think time or a shorter load"
        )
    scheduled = 0 if rounds else hot_scheduled(round(operations), hot)
    return Pool(max(spread, SPREAD_LEAST), 0 if rounds else BLOCKS[0][0] - scheduled, scheduled, hot).as_json()


def pool_of(stated: Mapping[str, Any]) -> Pool | Given:
    """The pool with these arguments, as run.json has them."""
    return Given(**stated) if "given" in stated else Pool(**stated)


def describe_pool(pool: Mapping[str, Any]) -> tuple[str, ...]:
    """Lines for a plan."""
    return pool_of(pool).describe()


def sample(
    contract: Mapping[str, Any], pool: Mapping[str, Any], mix: Mapping[str, int]
) -> tuple[str, Mapping[str, str], Any, Mapping[str, str]]:
    """A request as it is sent: route, headers, body, and what stands for the words in them."""
    there, move = pool_of(pool), next(move for move in MOVES if move in mix)
    shown = {contract["token_header"]: contract["token"], contract["key_header"]: "{key}"}
    words = {
        "id": there.id_of(there.drawn(0.0, spread=False)),
        "token": "<the token of a practitioner>",
        "key": ids.key(ids.SAMPLE_RUN, 1),
    }
    headers = {name: text for name, text in shown.items() if name}
    return contract[move], headers, {contract["units"]: UNITS[move]}, words


def given(path: Path, contract: Mapping[str, Any], rounds: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pool of the file at `path`, and what of the contract it leaves; ValueError for what is wrong with it."""
    found = authorizations_given.pool(path, rounds)
    return found, authorizations_given.agreed(path, contract)


@cache
def hot_scheduled(operations: int, hot: int = len(HOT)) -> int:
    """How many of its 50 units each of the `hot` ones has scheduled, none available, for CONFLICT_SHARE of `operations`
    to conflict at a correct target: found by trying each number with the operations that would go there.

    Units are consumed for good, so that the more operations there are, the more must be there to begin with.
    """
    shares = {units: _conflicts(operations, units, hot) for units in range(BLOCKS[0][0] + 1)}
    return min(shares, key=lambda units: abs(shares[units] - CONFLICT_SHARE))


def _conflicts(operations: int, scheduled: int, hot: int) -> float:
    """The share of `operations` that conflicts if each of the `hot` ones has `scheduled` units to begin with."""
    draw = random.Random(1)
    weights = [MIX[move] for move in MOVES]
    at_hot = operations * sum(weights) / sum(MIX.values()) * HOT_SHARE
    each = max(round(at_hot / hot), 1)
    # All of them have the same expectation; where one sees few operations, more are tried.
    tries = max(TRIED // each, 1)
    conflicts = sum(_refused(draw.choices(MOVES, weights, k=each), scheduled) for _ in range(tries))
    return conflicts / (tries * each) * at_hot / max(operations, 1)


def _refused(moves: list[str], scheduled: int) -> int:
    """How many of `moves` one authorization refuses that has `scheduled` units to begin with and none available."""
    free = refused = 0
    for move in moves:
        n = UNITS[move]
        if (free if move == "reserve" else scheduled) < n:
            refused += 1
        elif move == "reserve":
            free, scheduled = free - n, scheduled + n
        else:
            scheduled -= n
            free += n if move == "release" else 0
    return refused


def drawn(chance: float, spread: int) -> int:
    """The authorization at which a move is made that goes to none of the hot ones, for a `chance` from 0 to below 1.

    Of those of 200 and 1,000 units and of the spread pool, each as often as it has units: none runs out before others.
    """
    (small, smaller), (_, larger) = BLOCKS[1], BLOCKS[2]
    each, first = SPREAD_UNITS // small, HOT[-1] + 1
    slot = int(chance * (sum(smaller) + each * (sum(larger) + spread)))
    if slot < sum(smaller):
        return first + slot
    place = (slot - sum(smaller)) // each
    return first + sum(smaller) + place if place < sum(larger) else SPREAD_FIRST + place - sum(larger)


def organization_of(number: int) -> int:
    """The organization (from 1) that authorization `number` belongs to."""
    return _block(number)[0]


def total_units(number: int) -> int:
    """How many units authorization `number` has."""
    return _block(number)[1]


@cache
def _block(number: int) -> tuple[int, int]:
    """Organization and units of authorization `number`; ValueError if there is none."""
    if number >= SPREAD_FIRST:
        return 1 + number % len(PATIENTS), SPREAD_UNITS
    last = 0
    for units, counts in BLOCKS:
        for organization, count in enumerate(counts, 1):
            last += count
            if 1 <= number <= last:
                return organization, units
    raise ValueError(f"there is no authorization {number}")


def practitioners(organization: int) -> range:
    """The numbers of the practitioners of an organization."""
    return _numbers(PRACTITIONERS, organization)


def employer(practitioner: int) -> int:
    """The organization of a practitioner."""
    return next(n for n in range(1, len(PRACTITIONERS) + 1) if practitioner in practitioners(n))


def _numbers(counts: tuple[int, ...], organization: int) -> range:
    first = 1 + sum(counts[: organization - 1])
    return range(first, first + counts[organization - 1])


# A journal record has one number for what an operation is about, and one for what was answered.
_SUBJECT = (("authorization", 24), ("practitioner", 8), ("units", 16), ("move", 2))
_STATE = (("used", 20), ("scheduled", 20), ("version", 21), ("unbalanced", 1), ("another", 1))


def subject(authorization: int, practitioner: int, units: int, move: str) -> int:
    """All that an operation is about, as one number: from the lowest bit, authorization (24 bits), practitioner (8),
    units (16), place of the move in MOVES (2).
    """
    return authorization | practitioner << 24 | units << 32 | MOVES.index(move) << 48


def about(subject: int) -> tuple[int, int, int, str]:
    """Authorization, practitioner, units and move of a `subject`; of an array of them too, but for the move."""
    return subject & 0xFFFFFF, subject >> 24 & 0xFF, subject >> 32 & 0xFFFF, MOVES[subject >> 48 & 3]


def state(used: int, scheduled: int, version: int, unbalanced: bool, another: bool) -> int:
    """What an answer said, as one number: from the lowest bit, used (20 bits), scheduled (20), version (21), whether
    total, used, scheduled and available contradict each other or the seeded total (1), whether it was about another
    authorization than was asked for (1). A number that does not fit is `unbalanced`.
    """
    if not (0 <= used < 1 << 20 and 0 <= scheduled < 1 << 20 and 0 <= version < 1 << 21):
        used, scheduled, version, unbalanced = 0, 0, 0, True
    return used | scheduled << 20 | version << 40 | unbalanced << 61 | another << 62
