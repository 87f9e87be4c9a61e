"""A run in parts by its authorizations, and by time: what the parts of its keys hand on, and what is made of that.

All that was sent under a key, or is stored under it, comes together in the part of each authorization that any of it
is about: a key that is sent again for another authorization is in two parts, whole in both.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from verification.arrays import Array, Mask
from verification.authorizations.accounts import Authorizations, Learnt, Units
from verification.authorizations.intervals import width
from verification.authorizations.movements import NUMBERS, frame
from verification.authorizations.moves import content
from verification.authorizations.rewritten import BEGUN, NONE, OVER, Written, written
from verification.constraints import repeated, with_repeated
from verification.divided.columns import packed, unpacked
from verification.divided.division import Division
from verification.divided.judging import Task
from verification.divided.splitting import ledger_of, read
from verification.divided.store import Store
from verification.ledger import ELSEWHERE, Ledger, find

ACCOUNT, TIME = "authorization", "time"
"""The divisions, as `Check.of` calls them; and the tables of the operations and of the keys that are over."""
MOVEMENTS, STRAYS, MAKERS_OF, BEGINNINGS = "movements", "strays", "makers of", "begun"
"""Further tables of theirs."""
ROW = np.dtype(
    [("order", "<i8"), ("other", "?"), ("op", "<i8")]
    + [(name, "<M8[us]" if name == "created_at" else "<i8") for name in NUMBERS]
)
"""A movement: its place among all, whether that is among those under keys of others, and what it is."""


def hand_on(case: Units, task: Task, store: Store) -> Learnt:
    """Hand on a part of the keys to `store`; what was learnt of it."""
    number, last = task.number, task.last
    _by_account(case, task, store)
    own = repeated(case.ledger.run, case.rows)
    if case.seen.early is None:
        return Learnt(case.made, 0, np.full(store.parts, NONE), own)
    keys = written(case)
    begun, over = (_window(keys_of, last, store.parts) for keys_of in (keys.begun["begun"], keys.over["done"]))
    store.spread(_from(BEGINNINGS, number), begun, lambda lines: {"": keys.begun[lines]})
    store.spread(_from(TIME, number), over, lambda lines: {"": keys.over[lines]})
    oldest = np.full(store.parts, NONE)
    np.maximum.at(oldest, begun, keys.begun["age"])
    return Learnt(case.made, keys.saw, oldest, own)


def joined(seen: Authorizations, learnt: Sequence[Learnt]) -> Authorizations:
    """What was read beside the rows, with what was learnt of all keys."""
    keys = seen.keys and with_repeated(seen.keys, [one.repeated for one in learnt])
    every = Learnt(
        np.any([one.made for one in learnt], axis=0),
        sum(one.saw for one in learnt),
        np.max([one.oldest for one in learnt], axis=0),
        learnt[0].repeated.iloc[:0],
    )
    return replace(seen, keys=keys, learnt=every)


def _from(table: str, writer: int) -> str:
    return f"{table}.{writer}"


def _window(times: Array, last: Ledger, count: int) -> Array:
    """In which of so many equal parts of the run each time is; those before and after it are in the first and last."""
    began, span = last.began, last.ended - last.began + 1
    # In µs: in ns the product of days and thousands of parts would be too large a number.
    windows: Array = ((times - began) // 1000 * count // (span // 1000 + 1)).clip(0, count - 1)
    return windows


def _by_account(case: Units, task: Task, store: Store) -> None:
    number = task.number
    rows, moved = len(case.rows), store.part_of(case.moved.place)
    keys = np.concatenate([case.ledger.key_place, case.moved_key])
    parts = np.concatenate([store.part_of(case.sent.place), moved])
    known = keys >= 0
    pairs = np.unique(keys[known] * store.parts + parts[known])
    key, part = np.divmod(pairs, store.parts)
    first = np.searchsorted(key, np.arange(len(case.ledger.keys) + 1))

    def each(of: Array) -> tuple[Array, Array]:
        """Lines with these keys, each as often as its key has parts, and these parts."""
        counts = (first[1:] - first[:-1])[of]
        line = np.repeat(np.arange(len(of)), counts)
        within = np.arange(len(line)) - np.repeat(np.cumsum(counts) - counts, counts)
        return line, part[first[of[line]] + within]

    sent = read(task.store, number)
    line, to = each(case.ledger.key_place)
    store.spread(_from(ACCOUNT, number), to, lambda some: {name: one[line[some]] for name, one in sent.items()})
    place, sent_by_others = find(case.ledger.keys["key"].to_numpy(), case.ledger.elsewhere["op"])
    makers = case.ledger.elsewhere[sent_by_others]
    maker, to_makers = each(place[sent_by_others])
    store.spread(_from(MAKERS_OF, number), to_makers, lambda some: {"": makers[maker[some]]})
    kept = np.zeros(len(moved), ROW)
    kept["order"], kept["other"] = np.arange(len(moved)) - rows, np.arange(len(moved)) >= rows
    kept["order"][:rows] = case.row_order
    for name in ("op", *NUMBERS):
        kept[name] = case.moved_rows[name].to_numpy()
    theirs, nobodys = np.flatnonzero(case.moved_key >= 0), np.flatnonzero(case.moved_key < 0)
    line, to = each(case.moved_key[theirs])
    line, to = np.concatenate([theirs[line], nobodys]), np.concatenate([to, moved[nobodys]])
    store.spread(_from(MOVEMENTS, number), to, lambda some: {"": kept[line[some]]})
    stray = case.moved_rows["stray"].notna().to_numpy()[line]
    texts = pd.DataFrame(
        {"order": kept["order"][line], "other": kept["other"][line], "stray": case.moved_rows["stray"].array.take(line)}
    )
    strays = np.flatnonzero(stray)
    store.spread(_from(STRAYS, number), to[strays], lambda some: packed(texts.iloc[strays[some]]))


def _all(store: Store, table: str, number: int) -> list[dict[str, npt.NDArray[Any]]]:
    """What all parts of the keys handed on."""
    return [piece for writer in range(store.parts) for piece in store.read(_from(table, writer), number)]


def _lines(store: Store, table: str, number: int, dtype: Any) -> npt.NDArray[np.void]:
    return np.concatenate([np.zeros(0, dtype), *(piece[""] for piece in _all(store, table, number))])


def account_ledger(store: Store, last: Ledger, number: int) -> Ledger:
    """The operations of a part of the authorizations, in the order of their numbers."""
    return ledger_of(last, _all(store, ACCOUNT, number), _lines(store, MAKERS_OF, number, ELSEWHERE))


def operations_about(store: Store, last: Ledger, number: int) -> pd.DataFrame:
    """The operations of that part."""
    return account_ledger(store, last, number).ops


def _accounts(last: Ledger, seen: Authorizations, store: Store, number: int) -> Units:
    kept = _lines(store, MOVEMENTS, number, ROW)
    kept = kept[np.lexsort((kept["order"], kept["other"]))]
    rows = frame({name: kept[name] for name in ("op", *NUMBERS)})
    if pieces := _all(store, STRAYS, number):
        texts = unpacked(pieces).set_index(["other", "order"])["stray"]
        rows["stray"] = texts.reindex(pd.MultiIndex.from_arrays([kept["other"], kept["order"]])).to_numpy()
    own = np.flatnonzero(~kept["other"])
    seen = replace(
        seen.without_others(),
        rows=rows.iloc[own],
        order=kept["order"][own],
        others=rows.iloc[len(own) :].reset_index(drop=True),
    )
    case = Units(account_ledger(store, last, number), seen, content, thing="move")
    places = np.arange(-1, len(case.pool.number))
    mine: Mask = np.roll(store.part_of(places) == number, -1)
    return replace(case, mine=mine)


def _opened(seen: Authorizations, widths: Sequence[tuple[int, int, int]]) -> Authorizations:
    units, places, most = zip(*widths, strict=True)
    return replace(seen, open=(sum(units), sum(places), max(most)))


def _timed(last: Ledger, seen: Authorizations, store: Store, number: int) -> Written:
    assert seen.learnt is not None
    assert seen.totals is not None
    return Written(
        last,
        seen,
        _lines(store, BEGINNINGS, number, BEGUN),
        _lines(store, TIME, number, OVER),
        seen.totals.rows,
        seen.learnt.saw,
        int(seen.learnt.oldest[number + 1 :].max(initial=NONE)),
    )


DIVISIONS = ((Division(ACCOUNT, _accounts, width, _opened), Division(TIME, _timed)),)
