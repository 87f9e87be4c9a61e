"""Authorizations by every account: as seeded, as requested, as answered, as moved, and as they are now."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd

from harness.outcomes import DONE, Outcome
from harness.plan.scenario import Scenario
from systems import authorizations_contract, ids
from systems.authorizations import MOVES, Pool, pool_of
from systems.authorizations_given import Given
from verification.arrays import Array, Mask
from verification.authorizations import contested, movements
from verification.authorizations.moments import NEVER, Moments
from verification.authorizations.movements import Early
from verification.authorizations.moves import NOWHERE, Moves, Said, Seeded, about, said, seeded
from verification.authorizations.standing import Names
from verification.authorizations.turns import Turns, in_turn
from verification.case import Case, Observation
from verification.constraints import UniqueKey
from verification.found import Found, Part, Witness
from verification.quiescence import UNANSWERED


@dataclass(frozen=True, kw_only=True)
class Authorizations(Observation):
    """What was read of authorizations and movements."""

    scenario: Scenario
    names: Names
    standing: pd.DataFrame
    """The authorizations: number, organization, patient, total, used, scheduled, version (0 if there is none), writer
    (xmin)."""
    people: dict[str, pd.DataFrame]
    """Organizations, practitioners and patients: number and, but for the first, organization."""
    overbooked: pd.DataFrame
    """What the document's own query returned: id, total, used, scheduled."""
    queried: int
    """How many rows it read."""
    others: pd.DataFrame
    """The movements of the pool under other keys, whenever they were stored; those of meanwhile are `foreign`."""
    early: Early | None
    keys: UniqueKey | None
    begins: Sequence[Sequence[int]] = ()
    """Used, scheduled and version of each authorization of a file, before the load."""
    learnt: "Learnt | None" = None
    """What was learnt of all keys, where they are judged in parts."""
    open: tuple[int, int, int] | None = None
    """As `intervals.width` has it, of all authorizations, where they are judged in parts."""

    def without_others(self) -> Self:
        """Without the movements under other keys, too."""
        return replace(super().without_others(), others=self.others.iloc[:0])


@dataclass(frozen=True)
class Learnt:
    """What is to be known of all keys to judge what is about something else."""

    made: Mask
    """Which of MOVES were ever done."""
    saw: int
    """How many of the run's movements the early snapshot saw."""
    oldest: Array
    """For each window of time the age of the oldest transaction of the operations that began in it (`rewritten`)."""
    repeated: pd.DataFrame
    """The keys that are in several movements."""


@dataclass(frozen=True)
class Units(Case):
    """The requested moves beside the stored ones; without a table of movements the latter are not known."""

    mine: Mask | None = field(default=None, kw_only=True)
    """Of a part by authorization: which places are those of the part; the last one stands for NOWHERE. All that was
    sent under a key, or is stored under it, is in the part of each authorization that any of it is about. None: all.
    """
    among: Array | None = field(default=None, kw_only=True)
    """Of such a part: the places of the authorizations that anything of it is about, in order; here these have numbers
    of their own, and of the others nothing is reckoned. None: all.
    """

    @cached_property
    def own(self) -> Mask:
        """The places that are judged here."""
        return np.ones(len(self.pool.number), bool) if self.mine is None else self.mine[:-1]

    def here(self, places: Array) -> Mask:
        """For each of these, NOWHERE too, whether it is judged here."""
        return np.ones(len(places), bool) if self.mine is None else self.mine[places]

    @cached_property
    def shared(self) -> Mask:
        """The keys of which something is about a place that is judged elsewhere."""
        found: Mask = np.zeros(len(self.ledger.keys), bool)
        if self.mine is not None:
            found[self.ledger.key_place[~self.here(self.sent.place)]] = True
            rows = self.moved_key[~self.here(self.moved.place)]
            found[rows[rows >= 0]] = True
        return found

    def part(self, tell: Callable[[Part], Found], compared: int, keys: Array) -> Part:
        """What is found if `keys`, in order, break the invariant; another part may find one of them, too."""
        shared = self.shared[keys]
        numbers = self.ledger.keys["key"].to_numpy()[keys[shared]]
        return Part(
            tell, compared, int((~shared).sum()), self.breaking(keys), shared=frozenset(int(one) for one in numbers)
        )

    @property
    def movements(self) -> bool:
        """Whether there is a table of movements."""
        return bool(self.seen.names["movements"])

    @property
    def versions(self) -> bool:
        """Whether authorizations have a version in the database."""
        return bool(self.seen.names["version"])

    @property
    def replays_told(self) -> bool:
        """Whether an answer says that its key was used before."""
        contract = self.seen.scenario.contract
        return bool(contract["replayed"] and contract["key_header"])

    @property
    def units_told(self) -> bool:
        """Whether an answer tells used and scheduled units."""
        return authorizations_contract.tells_units(self.seen.scenario.contract)

    @cached_property
    def conflicts(self) -> Array:
        """The status of a refusal for want of units, for each of MOVES."""
        contract = self.seen.scenario.contract
        return np.array([authorizations_contract.conflict(contract, move)[0] for move in MOVES])

    @cached_property
    def pool(self) -> Seeded:
        """The authorizations as they were seeded."""
        every = seeded(self.stated, self.seen.begins)
        return every if self.among is None else every.at(self.among)

    def places_in_all(self, places: Array) -> Array:
        """The places of these among all authorizations of the run."""
        return places if self.among is None else np.append(self.among, NOWHERE)[places]

    def place_in_all(self, place: int) -> int:
        """The same of one."""
        return int(self.places_in_all(np.array([place]))[0])

    @cached_property
    def made(self) -> Mask:
        """Which of MOVES were ever done in the run."""
        if self.seen.learnt:
            made: Mask = self.seen.learnt.made
            return made
        return np.bincount(self.sent.move[self.ledger.outcome(*DONE)], minlength=len(MOVES)) > 0

    @cached_property
    def stated(self) -> Pool | Given:
        """The pool as the plan has it."""
        return pool_of(self.seen.scenario.pool)

    def id_at(self, place: int) -> str:
        """The id of the authorization at `place`."""
        return self.stated.id_of(int(self.pool.number[place]))

    def places(self, numbers: Array) -> Array:
        """The place of each of these authorizations; NOWHERE for those that are not in the pool."""
        numbered = np.full(int(self.pool.number.max()) + 2, NOWHERE)
        numbered[self.pool.number] = np.arange(len(self.pool.number))
        # The last number belongs to no authorization, and neither does 0.
        places: Array = numbered[numbers.clip(0, len(numbered) - 1)]
        return places

    @cached_property
    def sent(self) -> Moves:
        """What each operation asked for."""
        return self._moves(about(self.ledger.ops["subject"].to_numpy()))

    @cached_property
    def asked(self) -> Moves:
        """What each key was first sent for."""
        return self._moves(about(self.ledger.keys["subject"].to_numpy()))

    @cached_property
    def moved(self) -> Moves:
        """The movements: first those of the run, as in `rows`, then those under other keys."""
        return self._moves({name: self.moved_rows[name].to_numpy() for name in movements.NUMBERS})

    @cached_property
    def moved_rows(self) -> pd.DataFrame:
        """The same as they were read."""
        others: pd.DataFrame = self.seen.others
        return pd.concat([self.rows, others], ignore_index=True) if len(others) else self.rows

    def _moves(self, lines: Mapping[str, Array]) -> Moves:
        return Moves(self.places(lines["authorization"]), lines["practitioner"], lines["units"], lines["move"])

    @cached_property
    def moved_key(self) -> Array:
        """For each of `moved`, the line of its key; −1 if no operation sent that key."""
        return np.concatenate([self.row_key, np.full(len(self.seen.others), -1)])

    @cached_property
    def answers(self) -> Said:
        """What each operation was answered."""
        found, place = said(self.ledger.ops["answer"].to_numpy()), self.sent.place
        # Counted from what it was before the load.
        earlier = np.where((place >= 0) & (found.version > 0), self.pool.version[place], 0)
        return replace(found, version=(found.version - earlier).clip(min=0))

    @cached_property
    def standing(self) -> pd.DataFrame:
        """The current authorizations, by place; those that are missing have the number 0."""
        found: pd.DataFrame = self.seen.standing
        place = self.places(found["number"].to_numpy())
        # Of several the first; the last line is that of those that are missing.
        line = np.full(len(self.pool.number), len(found))
        known = np.flatnonzero(place >= 0)[::-1]
        line[place[known]] = known
        every = {str(name): np.append(column.to_numpy(), 0)[line] for name, column in found.items()}
        # Counted from what it was before the load.
        every["version"] = every["version"] - self.pool.version * (every["number"] > 0)
        return pd.DataFrame(every, copy=False)

    @cached_property
    def stands(self) -> Mask:
        """The keys that had their effect: their movement is stored; without movements, they were acknowledged."""
        return self.copies > 0 if self.movements else self.ledger.keys["lower"].to_numpy() == 1

    @cached_property
    def may_stand(self) -> Mask:
        """The keys that may have had their effect, as far as is known. What was acknowledged may be lost since."""
        limit = "lower" if self.movements else "upper"
        may: Mask = self.stands | (self.ledger.keys[limit].to_numpy() == 1)
        return may

    @cached_property
    def begun(self) -> Array:
        """For each key, when it was first sent, at the earliest (ns): no effect of it was before."""
        start = np.full(len(self.ledger.keys), NEVER)
        np.minimum.at(start, self.ledger.key_place, self.ledger.earliest)
        return start

    @cached_property
    def done(self) -> Array:
        """For each key, when its effect, if it had any, had happened at the latest (ns); the end of time if never."""
        ops, latest = self.ledger.ops, self.ledger.latest
        # A target that answered 500 itself is done with it: its effect is stored or it isn't.
        resolved = self.ledger.unknown & ~ops["status"].isin(UNANSWERED).to_numpy() & self.movements
        closed = (self.ledger.outcome(*DONE) | resolved) & (latest > 0)
        end = np.full(len(self.ledger.keys), NEVER)
        np.minimum.at(end, self.ledger.key_place[closed], latest[closed])
        return end

    @cached_property
    def version(self) -> Array:
        """For each stored key, the version that its move was answered with; 0 if no answer has it."""
        ledger, said = self.ledger, self.answers
        acked = ledger.outcome(Outcome.ACK) & ~said.another & (said.version > 0) & (self.sent.place >= 0)
        version = np.full(len(ledger.keys), NEVER)
        # Acknowledged again, a key was answered with a later state.
        np.minimum.at(version, ledger.key_place[acked], said.version[acked])
        version[(version == NEVER) | ~self.stands] = 0
        if self.movements:
            keys = np.flatnonzero(version)
            version[keys[self.moved.place[self.key_row[keys]] != self.asked.place[keys]]] = 0
        if not self.replays_told:
            # Of a race of which one half was not answered, it is not known which one moved.
            version[ledger.key_place[ledger.unknown & ledger.kind("race")]] = 0
        return version

    @cached_property
    def disturbed(self) -> Array:
        """The places at which others moved units, at unknown times."""
        return np.unique(self.moved.place[self.moved_key < 0])

    @cached_property
    def moved_version(self) -> Array:
        """For each of `moved`, its version, if an answer has it; else 0. Only one row of a key can have it."""
        version = np.zeros(len(self.moved_key), np.int64)
        told = (self.version > 0) & (self.copies > 0)
        version[self.key_row[told]] = self.version[told]
        return version

    @cached_property
    def in_turn(self) -> Turns:
        """The counters after each movement, where the order is known."""
        return in_turn(self.moved, self.moved_version, self.pool)

    @cached_property
    def moments(self) -> Moments:
        """What is certain of the units, and when."""
        return Moments(self.asked, self.begun, self.done, self.may_stand, self.stands)

    def named(self, attempts: Array) -> Mask:
        """Answers name no row; but what the target reports as done twice must be stored twice."""
        key = self.ledger.key_place[attempts]
        acks = self.ledger.keys["acks"].to_numpy()[key]
        return self.copies[key] >= (acks if self.replays_told else acks.clip(max=1))

    def resolution(self, unknown: int, committed: int, operations: int) -> dict[str, Any]:
        """As of every case; without movements nothing is known of the unknown ones."""
        found = super().resolution(unknown, committed, operations)
        return found if self.movements else {**found, "committed": None, "absent": None}

    def said(self, answer: int) -> Any:
        """The state that was answered."""
        if not answer:
            return None
        found = said(np.array([answer]))
        return {name: np.asarray(value)[0].item() for name, value in vars(found).items()}

    def shown(self, frame: pd.DataFrame) -> list[dict[str, Any]]:
        """With ids and words for numbers; None is something that is not ours."""
        words = frame.copy()
        for name in {"authorization", "practitioner"} & set(words):
            id_of = ids.uuid_of if isinstance(self.stated, Pool) else self._given_id_of[name]
            words[name] = [id_of(n) if n >= 0 else None for n in words[name].tolist()]
        words["move"] = [MOVES[n] if n >= 0 else None for n in words["move"].tolist()]
        return super().shown(words)

    @property
    def _given_id_of(self) -> Mapping[str, Callable[[int], str]]:
        return {"authorization": self.stated.id_of, "practitioner": lambda number: f"practitioners[{number - 1}]"}

    def sql_of(self, key: int) -> str:
        """The movements of the key; without movements, the authorization that it was about."""
        return super().sql_of(key) if self.movements else self.sql_at(int(self.asked.place[key]))

    def sql_at(self, place: int) -> str:
        """The query that shows an authorization beside the sums of its movements."""
        names, uuid = self.seen.names, self.id_at(place)
        if not self.movements:
            return f"SELECT * FROM {names['authorizations']} WHERE {names['authorization_id']} = '{uuid}';"
        counters = ", ".join(f"a.{names[name]}" for name in ("total", "used", "scheduled", "version") if names[name])
        kind, units = f"m.{names['movement_kind']}", f"m.{names['movement_units']}"
        return (
            f"SELECT {counters}, {kind}, count({units}), sum({units}) FROM {names['authorizations']} a "
            f"LEFT JOIN {names['movements']} m ON m.{names['movement_authorization']} = a.{names['authorization_id']} "
            f"WHERE a.{names['authorization_id']} = '{uuid}' GROUP BY a.{names['authorization_id']}, {kind};"
        )

    def thing_of(self) -> Array:
        """The authorization."""
        return self.places_in_all(self.sent.place)

    def asks(self, lines: Array) -> list[str]:
        """Move and units."""
        pairs = zip(self.sent.move[lines].tolist(), self.sent.units[lines].tolist(), strict=True)
        return [f"{MOVES[move]} {units:,}" for move, units in pairs]

    def sentence(self, witness: Mapping[str, Any], wrong: str) -> str:
        """Of an authorization: by how much its counters are off."""
        return contested.sentence(witness) if "stands" in witness else super().sentence(witness, wrong)

    def part_at(
        self,
        tell: Callable[[Part], Found],
        compared: int,
        places: Array,
        off: Array | None = None,
        sums: Mapping[str, int] | None = None,
    ) -> Part:
        """What is found if the authorizations at `places` break the invariant: the first, and the one most `off`."""
        worst = None
        if off is not None and len(places):
            most = int(np.abs(off).argmax())
            worst = self._at(int(places[most]), -abs(int(off[most])))
        return Part(tell, compared, len(places), self.breaking_at(places), worst, sums=sums or {})

    def breaking_at(self, places: Array) -> Witness | None:
        """The first of these authorizations."""
        return self._at(int(places[0])) if len(places) else None

    def _at(self, place: int, *rank: int) -> Witness:
        return Witness((*rank, self.place_in_all(place)), self.account(place), self.sql_at(place))

    def account(self, place: int) -> dict[str, Any]:
        """All that is known of one authorization."""
        standing = self.standing.iloc[place]
        asked = self.asked.sums(len(self.pool.number), self.may_stand & (self.asked.place == place))[place]
        account: dict[str, Any] = {
            "authorization": self.id_at(place),
            "seeded": {name: int(getattr(self.pool, name)[place]) for name in ("total", "used", "scheduled")},
            "stands": {name: int(standing[name]) for name in ("total", "used", "scheduled", "version")},
            "asked": dict(zip(MOVES, asked.tolist(), strict=True)),
        }
        if self.movements:
            mine = self.moved.place == place
            moved = self.moved.sums(len(self.pool.number), mine)[place]
            account |= {"movements": int(mine.sum()), "moved": dict(zip(MOVES, moved.tolist(), strict=True))}
        lines = contested.lines(self.ledger, self.sent.place == place, self.answers)
        return account | {"attempts": self.attempts(np.union1d(lines, self.beside(lines)))}
