"""A journal and what the database holds, laid side by side: key by key, row by row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd

from harness.effects import fields
from harness.outcomes import Outcome
from systems import ids
from verification import meanwhile, told
from verification.arrays import Array, Mask
from verification.before import Before
from verification.catalogue import Schema
from verification.durability import Durability
from verification.found import Found as Found
from verification.found import Part, Witness
from verification.ledger import Ledger, find
from verification.looks import Looks
from verification.meanwhile import Beside
from verification.own_checks import Answers
from verification.rows import Source

SHOWN = 10
"""So many items and rows of an operation are shown at most."""
NO_ITEMS = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Totals:
    """What is known of all rows of a run, where a case has those of a part of its keys."""

    rows: int
    items: bool
    """Whether any is of an item other than 0."""
    resolution: int
    """ns to which the times are given when they were stored (`verification.before.resolution`)."""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What was read of the database, in one snapshot. Each system adds what its own checks need."""

    source: Source
    """Where it was read."""

    settings: dict[str, str]
    taken: pd.Timestamp
    """When the snapshot was taken, by the database's clock."""
    clock_offset: int
    """ns by which the database's clock is ahead of ours."""
    drained_seconds: float | None
    disturbance: str
    """Why it was not quiescent; "" = it was."""
    rows: pd.DataFrame
    """The rows of this run, as `verification.rows.own` gives them."""
    foreign: pd.DataFrame
    """What was written since the load began under other keys, as `verification.rows.foreign` gives it."""
    before: Before | None = None
    """The database before the load; None if that is not on record."""
    durability: Durability | None = None
    schema: Schema | None = None
    looks: Looks = field(default_factory=Looks)
    """What was looked for during the load."""
    own: Answers = field(default_factory=dict)
    """What the queries of the plan gave."""
    totals: Totals | None = None
    """Of all rows of the run, where `rows` are those of a part of its keys; None: they are all."""
    order: Array | None = None
    """For each row its place among all of the run; None: as they stand here."""

    def without_others(self) -> Self:
        """The same without what is under other keys: it is of no part of the keys, and looked at in one of them."""
        return replace(self, foreign=self.foreign.iloc[:0])

    def as_json(self) -> dict[str, Any]:
        """As integrity.json holds it."""
        return {
            "settings": self.settings,
            "snapshot": self.taken.isoformat(),
            "clock_offset_seconds": self.clock_offset / 1e9,
            "drained_seconds": self.drained_seconds,
            "quiescent": not self.disturbance,
            "disturbance": self.disturbance,
            "rows": self.totals.rows if self.totals else len(self.rows),
            "foreign_rows": len(self.foreign),
        }


@dataclass(frozen=True)
class Case:
    """What a check reads. Lines of the ledger's keys and rows of the observation are named by their position."""

    ledger: Ledger
    seen: Any
    """The system's Observation."""
    content: Callable[[str, pd.DataFrame], pd.DataFrame]
    """What must be stored for items of keys of a run (key, subject, kind, item), column by column."""
    thing: str = field(default="operation", kw_only=True)
    """What an operation asks for, or leaves, in the singular: the word for it in sentences about witnesses."""

    @property
    def rows(self) -> pd.DataFrame:
        """The rows of the run."""
        rows: pd.DataFrame = self.seen.rows
        return rows

    @property
    def row_order(self) -> Array:
        """For each row, its place among all of the run."""
        order: Array | None = self.seen.order
        return np.arange(len(self.rows)) if order is None else order

    @cached_property
    def row_key(self) -> Array:
        """For each row, the line of its key; −1 if no operation sent that key."""
        place, there = find(self.ledger.keys["key"].to_numpy(), self.rows["op"].to_numpy())
        return np.where(there, place, -1)

    @cached_property
    def copies(self) -> Array:
        """For each key, how many rows it has."""
        return np.bincount(self.row_key[self.row_key >= 0], minlength=len(self.ledger.keys))

    @cached_property
    def row_item(self) -> Array:
        """For each row, the item that its key names."""
        return self.rows["item"].to_numpy() if "item" in self.rows else np.zeros(len(self.rows), np.int64)

    @cached_property
    def row_effect(self) -> Array:
        """For each row, which of the ledger's possible effects it is; −1 if it is none."""
        effect = np.full(len(self.rows), -1)
        known = np.flatnonzero(self.row_key >= 0)
        effect[known] = self.ledger.possible.lines(self.row_key[known], self.row_item[known])
        return effect

    @cached_property
    def row_upper(self) -> Array:
        """For each row, how many items its key may have; −1 if no operation sent that key."""
        upper = np.full(len(self.rows), -1)
        known = np.flatnonzero(self.row_key >= 0)
        upper[known] = self.ledger.possible.upper[self.row_key[known]]
        return upper

    @cached_property
    def effect_copies(self) -> Array:
        """For each possible effect, how many rows it has."""
        return np.bincount(self.row_effect[self.row_effect >= 0], minlength=len(self.ledger.possible.key))

    @cached_property
    def key_row(self) -> Array:
        """For each key, its first row; −1 if it has none."""
        first = np.full(len(self.ledger.keys), -1)
        known = np.flatnonzero(self.row_key >= 0)[::-1]
        first[self.row_key[known]] = known
        return first

    @cached_property
    def digests(self) -> Array:
        """For each row, the number for its id in a journal."""
        # Of a row that has none, it is the number of no id that was answered.
        words = np.frombuffer(b"".join(map(ids.hashed, self.rows["id"].fillna(ids.NIL).tolist())), ">u8")
        return (words >> np.uint64(1)).astype(np.int64)

    def named(self, attempts: Array) -> Mask:
        """For each of `attempts` (lines of ops), whether its answer is the id of a row of its key.

        If rows have no id, whether its key has as many as all that say that they stored something new.
        """
        if "id" not in self.rows:
            return self._often_enough(self.ledger.key_place[attempts])
        key, answer = self.ledger.key_place[attempts], self.ledger.ops["answer"].to_numpy()[attempts]
        row = self.key_row[key]
        right = row >= 0
        right[right] = self.digests[row[right]] == answer[right]
        several = np.flatnonzero(self.row_key >= 0)
        several = several[self.copies[self.row_key[several]] > 1]
        stored = set(zip(self.row_key[several].tolist(), self.digests[several].tolist(), strict=True))
        for n in np.flatnonzero(~right & (self.copies[key] > 1)):
            right[n] = (key[n], answer[n]) in stored
        return right

    def _often_enough(self, key: Array) -> Mask:
        keys, possible = self.ledger.keys, self.ledger.possible
        # Where nobody tells a replay from a first answer, two may speak of the same.
        told = any("REPLAY" in outcomes for outcomes in self.ledger.scenario.expected.values())
        times = keys["acks"].to_numpy() if told else keys["acks"].to_numpy().clip(max=1)
        enough: Mask = self.copies >= times * np.bincount(possible.key[possible.must], minlength=len(keys))
        return enough[key]

    def resolved(self) -> dict[str, Any]:
        """What became of the operations whose outcome is not known: their key is there, or it isn't."""
        unknown, committed = self.unknown_committed()
        return self.resolution(unknown, committed, len(self.ledger.ops))

    def unknown_committed(self) -> tuple[int, int]:
        """How many operations have an outcome that is not known, and of how many of them the key is there."""
        unknown = self.ledger.unknown
        return int(unknown.sum()), int(np.count_nonzero(self.copies[self.ledger.key_place[unknown]]))

    def resolution(self, unknown: int, committed: int, operations: int) -> dict[str, Any]:
        """What integrity.json says of so many operations of a run."""
        share = unknown / operations if unknown else 0.0
        return {"unknown": unknown, "committed": committed, "absent": unknown - committed, "share": share}

    def effects(self) -> Any:
        """When each item of a known operation reached each point, on the master's clock (`harness.effects.fields`)."""
        place = self._first_rows()
        rows, points = self.rows.iloc[place], self.seen.source.points
        effects = np.zeros(len(place), fields(self.ledger.scenario.points))
        effects["op"], effects["item"] = rows["op"], self.row_item[place]
        for point in self.ledger.scenario.points:
            if points.get(point):
                moments = rows[points[point]]
                here = moments.to_numpy().astype(np.int64) * 1000 - self._ahead
                effects[point] = np.where(moments.isna(), 0, here)
        return effects

    @property
    def _ahead(self) -> int:
        """By how many ns the database's clock is ahead of the master's, as near as is known."""
        before: Before | None = self.seen.before
        return sum(before.ahead) // 2 if before else int(self.seen.clock_offset) + self.ledger.clock

    def _first_rows(self) -> Array:
        """Of the rows of each item the first, in the order of operations and items."""
        if not self.row_item.any():
            return self.key_row[self.key_row >= 0]
        known = np.flatnonzero(self.row_key >= 0)
        _, first = np.unique(self.row_key[known] * ids.MOST_ITEMS + self.row_item[known], return_index=True)
        return known[first]

    def broken(self, compared: int, keys: Array, detail: str, worst: int | None = None) -> Found:
        """What is found if `keys`, in order, break the invariant: the first one is shown, and the `worst`."""
        if not len(keys):
            return Found(compared)
        return Found(
            compared,
            len(keys),
            detail,
            self.witness(int(keys[0])),
            {} if worst is None else self.witness(worst),
            self.sql_of(int(keys[0])),
        )

    def breaking(
        self, keys: Array, items: Array | None = None, place: int = 0, rank: int | None = None
    ) -> Witness | None:
        """The witness at `place` of these keys (and of these items of them), in order; None if there are none.

        `rank`: of witnesses of which one may be worse than another, the lower the worse.
        """
        if not len(keys):
            return None
        key, several = int(keys[place]), self.has_items
        number, item = int(self.ledger.keys["key"].iloc[key]), 0 if items is None else int(items[place])
        return Witness(
            (number, item) if rank is None else (rank, number, item),
            self.witness(key) if items is None else self.witness(key, items[keys == key]),
            self.sql_of(key),
            f"{f'item {item} of ' * (several and items is not None)}operation {number}",
        )

    def part(self, tell: Callable[[Part], Found], compared: int, keys: Array) -> Part:
        """What is found if `keys`, in order, break the invariant."""
        return Part(tell, compared, len(keys), self.breaking(keys))

    def items_of(self, key: Array, item: Array) -> pd.DataFrame:
        """What `content` is told of these items of these keys."""
        keys = self.ledger.keys
        taken = {name: keys[name].array.take(key) for name in ("key", "subject", "kind")}
        return pd.DataFrame({**taken, "item": item}, copy=False)

    def witness(self, key: int, items: Array = NO_ITEMS) -> dict[str, Any]:
        """All that is known of a key: what was sent, what was answered, what must be stored, and what is; of one with
        many items, of the first of `items`.
        """
        ledger = self.ledger
        line, several = ledger.keys.iloc[[key]], self.has_items
        item = int(items[0]) if len(items) else 0
        attempts = np.flatnonzero(ledger.key_place == key)
        others = self._shown_beside(attempts)
        may_be, rows = item < self.ledger.possible.upper[key], self.row_key == key
        if several and len(items):
            rows &= np.isin(self.row_item, items[:SHOWN])
        return {
            "operation": int(line["key"].iloc[0]),
            "key": ids.key(ledger.run, int(line["key"].iloc[0])),
            **({"items": items[:SHOWN].tolist(), "of": len(items)} if several else {}),
            "attempts": self.attempts(attempts),
            **({"beside": others} if others else {}),
            "expected": self.shown(self.content(ledger.run, self.items_of(np.array([key]), np.array([item]))))[0]
            if may_be
            else None,
            "stored": self.shown(self.rows.iloc[np.flatnonzero(rows)[:SHOWN]]),
        }

    def attempts(self, lines: Array) -> list[dict[str, Any]]:
        """All that is known of these operations, by their lines: what was asked and answered, and when."""
        clock = self.ledger.clock
        ops: list[Any] = [*self.ledger.ops.iloc[lines].itertuples()]
        return [
            {
                "operation": int(one.op),
                "kind": str(one.kind),
                **({"asked": asks} if asks else {}),
                "outcome": Outcome(one.outcome).name,
                "status": int(one.status),
                "began": _wall(one.start + clock),
                "ended": _wall(one.end + clock) if one.end else None,
                "answer": self.said(int(one.answer)),
            }
            for one, asks in zip(ops, self.asks(lines), strict=True)
        ]

    def asks(self, lines: Array) -> list[str]:
        """What each of these operations asked for, in words; "": its kind says all of it."""
        return [""] * len(lines)

    def thing_of(self) -> Array | None:
        """For each operation a number of the thing that it is about, which others may be about, too; None: each is
        about one of its own.
        """
        return None

    def beside(self, lines: Array) -> Array:
        """The other operations about the same thing that were under way with one of these: what comes of one depends
        on when they came.
        """
        about = self.thing_of()
        if about is None or not len(lines):
            return NO_ITEMS
        return meanwhile.of(self.ledger.ops, about, lines).among(self.ledger.ops, about)

    def _shown_beside(self, lines: Array) -> list[dict[str, Any]] | Beside | None:
        """All that is known of them; where the case is of a part of the keys, which does not have them all: which."""
        if self.seen.totals is None:
            return self.attempts(self.beside(lines))
        about = self.thing_of()
        return meanwhile.of(self.ledger.ops, about, lines) if about is not None and len(lines) else None

    def sentence(self, witness: Mapping[str, Any], wrong: str) -> str:
        """A witness in the words of the domain (`verification.told`); "" if it is none that an operation made."""
        return told.operation(self.thing, witness, wrong) if witness.keys() >= told.NEEDED else ""

    @cached_property
    def has_items(self) -> bool:
        """Whether an operation may have several items, by what is stated or by what is there."""
        totals: Totals | None = self.seen.totals
        return self.ledger.stated.ever > 1 or (totals.items if totals else bool(self.row_item.any()))

    def said(self, answer: int) -> Any:
        """An answer in words for people."""
        return answer

    def shown(self, frame: pd.DataFrame) -> list[dict[str, Any]]:
        """Lines of content or rows, for people."""
        return shown(frame)

    def sql_of(self, key: int) -> str:
        """The query that shows what the key on line `key` did."""
        return self.sql(ids.key(self.ledger.run, int(self.ledger.keys["key"].iloc[key])))

    def sql(self, key: str | None) -> str:
        """The query that shows the rows under `key`, and those of its items; None: those without one."""
        is_it = "IS NULL" if key is None else "= '{}'".format(key.replace("'", "''"))
        if key and self.has_items and ids.parse(self.ledger.run, key):
            is_it = f"LIKE '{key}%'"
        return f"SELECT * FROM {self.seen.source.table} WHERE {self.seen.source.key} {is_it};"


def shown(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The lines of `frame` in words that JSON has."""
    return [{str(name): _plain(value) for name, value in line.items()} for line in frame.to_dict("records")]


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    return _wall(value) if isinstance(value, pd.Timestamp) else value


def _wall(moment: pd.Timestamp | int) -> str:
    return f"{pd.Timestamp(moment).isoformat()}Z"
