"""What the parts of the keys hand on to those by stream, by position and by time; and what is learnt of all of them.

What is known of a key's operations and rows, only the part of the key knows: when a row was begun and done, at which
position an append ended, and whether the key is in several parts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from systems.event_store import TOKENS
from verification.arrays import Array
from verification.divided.division import table_of
from verification.divided.judging import Task
from verification.divided.ranges import ranges
from verification.divided.splitting import read
from verification.divided.store import Store
from verification.event_store import ends
from verification.event_store.case import Events
from verification.event_store.delivery import NEVER
from verification.event_store.ends import SUBJECTS
from verification.event_store.kept import EVENT, POSITION, STREAM, TIME, structured
from verification.event_store.observation import EventStore
from verification.event_store.order import HIGHEST
from verification.event_store.received import Records
from verification.ledger import Ledger, find

OWN = table_of(POSITION, "own")
ASKED, ROWS, ANSWERED = (table_of(STREAM, name) for name in ("operations", "rows", "loaded"))
QUESTIONS, CERTAIN, POSSIBLE = (table_of(TIME, name) for name in ("operations", "certain", "possible"))
"""The tables that are handed on."""
OF_RUN = np.dtype([*EVENT.descr, ("done", "<i8")])
ROW = np.dtype([(name, "<i8") for name in ("stream", "seq", "begun", "done")])
REACHED = np.dtype([(name, "<i8") for name in ("time", "position", "tenant")])


@dataclass(frozen=True)
class Learnt:
    """What is known of parts of the keys, and then of the positions."""

    done: Array
    """In each range of positions, when the first event was acknowledged."""
    certain: Array
    possible: Array
    """In each part of the time the highest positions (`ends.highest`), by when events were done, and begun."""
    highest: Records
    """HIGHEST of what was received."""


@dataclass(frozen=True)
class Handing:
    """Hands on what one part has to the others."""

    store: Store
    number: int

    def to(self, table: str, parts: Array, lines: Mapping[str, npt.NDArray[Any]]) -> None:
        """Each line of these columns to the part with that number."""
        self.store.spread(
            f"{table}.{self.number}", parts, lambda some: {name: one.take(some) for name, one in lines.items()}
        )


def hand_on(case: Events, task: Task, store: Store) -> Learnt:
    """Hand on a part of the keys to `store`; what was learnt of it."""
    seen, last, count = case.seen, task.last, store.parts
    assert seen.span is not None
    handing = Handing(store, task.number)
    _hand_on_operations(case, task, handing)
    rows = structured(case.rows)
    of_streams = np.zeros(len(rows), ROW)
    for name in ("stream", "seq"):
        of_streams[name] = rows[name]
    of_streams["begun"], of_streams["done"] = case.row_begun, case.row_done
    handing.to(ROWS, store.part_of(rows["stream"]), {"": of_streams})
    earliest = np.full(count, NEVER)
    if seen.processors:
        of_run = np.zeros(len(rows), OF_RUN)
        for name in EVENT.names or ():
            of_run[name] = rows[name]
        of_run["done"] = case.row_done
        to = ranges(rows["position"], seen.span.first, seen.span.last, count)
        handing.to(OWN, to, {"": of_run})
        np.minimum.at(earliest, to, case.row_done)
    certain, possible = np.zeros((2, count, SUBJECTS), np.int64)
    if "head" in last.scenario.expected:
        certain = _by_time(handing, CERTAIN, rows, case.row_done, last)
        possible = _by_time(handing, POSSIBLE, rows, case.row_begun, last)
    return Learnt(earliest, certain, possible, np.zeros(0, HIGHEST))


def _by_time(handing: Handing, table: str, rows: Records, times: Array, last: Ledger) -> Array:
    """Hand on when positions were reached; the highest ones of each part of the time."""
    count = handing.store.parts
    # What is never done is reached at no time.
    own = np.flatnonzero(times < NEVER)
    to = windows(times[own], last, count)
    found = np.zeros(len(own), REACHED)
    found["time"], found["position"], found["tenant"] = times[own], rows["position"][own], rows["tenant"][own]
    handing.to(table, to, {"": found})
    return ends.highest(found["position"], found["tenant"], to, count)


def windows(times: Array, last: Ledger, count: int) -> Array:
    """In which of so many parts of the time of a run each time is."""
    return ranges(times, last.began, last.ended, count)


def _hand_on_operations(case: Events, task: Task, handing: Handing) -> None:
    """Those about a stream to the part of that, those that ask for a position to the parts of the time in which they
    began and ended.
    """
    ledger, store, thing = case.ledger, handing.store, case.thing_of()
    sent = read(task.store, task.number)
    # The ledger has them in the order of their numbers.
    line, _ = find(ledger.ops["op"].to_numpy(), sent["numbers"])
    about = np.flatnonzero(thing[line] >= 0)
    part = store.part_of(thing)
    lowest, highest = np.full(len(ledger.keys), store.parts), np.full(len(ledger.keys), -1)
    lines = np.flatnonzero(thing >= 0)
    np.minimum.at(lowest, ledger.key_place[lines], part[lines])
    np.maximum.at(highest, ledger.key_place[lines], part[lines])
    several = (lowest != highest)[ledger.key_place]
    more = {"ends at": case.last[line], "several": several[line]}
    handing.to(ASKED, part[line[about]], {name: one.take(about) for name, one in (sent | more).items()})
    asked = np.flatnonzero(ledger.ops["kind"].isin(TOKENS).to_numpy()[line])
    begun, ended = (windows(times[line[asked]], task.last, store.parts) for times in (ledger.earliest, ledger.latest))
    twice = begun != ended
    both = np.concatenate([asked, asked[twice]])
    handing.to(QUESTIONS, np.concatenate([begun, ended[twice]]), {name: one.take(both) for name, one in sent.items()})
    answered, there = find(ledger.ops["op"].to_numpy(), case.seen.loaded["op"])
    loaded = case.seen.loaded[there]
    handing.to(ANSWERED, part[answered[there]], {"": loaded})


def joined(seen: EventStore, learnt: Sequence[Learnt]) -> EventStore:
    """What was read beside the rows, with what was learnt of all keys."""
    return replace(
        seen,
        learnt=Learnt(
            np.min([one.done for one in learnt], axis=0),
            np.max([one.certain for one in learnt], axis=0),
            np.max([one.possible for one in learnt], axis=0),
            np.zeros(0, HIGHEST),
        ),
    )
