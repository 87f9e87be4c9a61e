"""A run in parts by its authorizations, and by time: what the parts of its keys hand on, and what is made of that.

All that was sent under a key, or is stored under it, comes together in the part of each authorization that any of it
is about: a key that is sent again for another authorization is in two parts, whole in both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from verification.arrays import Array, Mask
from verification.authorizations.accounts import Authorizations, Learnt, Units
from verification.authorizations.intervals import width
from verification.authorizations.movements import NUMBERS, frame
from verification.authorizations.moves import NOWHERE, about, content
from verification.authorizations.rewritten import BEGUN, NONE, OVER, Written, written
from verification.binary import MOMENT
from verification.constraints import repeated, with_repeated
from verification.divided.columns import packing, unpacked
from verification.divided.division import Division
from verification.divided.judging import Task
from verification.divided.piece import concatenated, taken
from verification.divided.splitting import ledger_of, read
from verification.divided.store import Store
from verification.ledger import ELSEWHERE, Ledger, find

ACCOUNT, TIME = "authorization", "time"
"""The divisions, as `Check.of` calls them; and the tables of the operations and of the keys that are over."""
MOVEMENTS, STRAYS, MAKERS_OF, BEGINNINGS = "movements", "strays", "makers of", "begun"
"""Further tables of theirs."""
ROW: Mapping[str, npt.DTypeLike] = {
    "order": np.int64,
    "other": bool,
    "op": np.int64,
    **{name: "datetime64[us]" if kind == MOMENT else np.int64 for name, kind in NUMBERS.items()},
}
"""A movement: its place among all, whether that is among those under keys of others, and what it is."""
OTHERS = 1 << 62
"""Above any place."""


def hand_on(case: Units, task: Task, store: Store) -> Learnt:
    """Hand on a part of the keys to `store`; what was learnt of it."""
    number, last = task.number, task.last
    _by_account(case, task, store)
    own = repeated(case.ledger.run, case.rows)
    if case.seen.early is None:
        return Learnt(case.made, 0, np.full(store.parts, NONE), own)
    keys = written(case)
    begun, over = (_window(keys_of, last, store.parts) for keys_of in (keys.begun["begun"], keys.over["done"]))
    store.spread(_from(BEGINNINGS, number), begun, lambda lines: taken({"": keys.begun}, lines))
    store.spread(_from(TIME, number), over, lambda lines: taken({"": keys.over}, lines))
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
    number, rows = task.number, len(case.rows)
    sent, moved = store.part_of(case.sent.place), store.part_of(case.moved.place)
    to = _Parts(case, sent, moved)
    kept = read(task.store, number)
    line, part = to.of(case.ledger.key_place)
    store.spread(_from(ACCOUNT, number), part, lambda some: taken(kept, line[some]))
    place, sent_by_others = find(case.ledger.keys["key"].to_numpy(), case.ledger.elsewhere["op"])
    makers = case.ledger.elsewhere[sent_by_others]
    maker, part = to.of(place[sent_by_others])
    store.spread(_from(MAKERS_OF, number), part, lambda some: taken({"": makers}, maker[some]))
    order = np.concatenate([case.row_order, np.arange(len(moved) - rows)])
    found = {"order": order, "other": np.arange(len(moved)) >= rows}
    found |= {name: case.moved_rows[name].to_numpy() for name in ("op", *NUMBERS)}
    theirs, nobodys = np.flatnonzero(case.moved_key >= 0), np.flatnonzero(case.moved_key < 0)
    line, part = to.of(case.moved_key[theirs])
    line, part = np.concatenate([theirs[line], nobodys]), np.concatenate([part, moved[nobodys]])
    store.spread(_from(MOVEMENTS, number), part, lambda some: taken(found, line[some]))
    strays = np.flatnonzero(case.moved_rows["stray"].notna().to_numpy()[line])
    texts = case.moved_rows[["stray"]].iloc[line[strays]]
    texts = texts.assign(order=order[line[strays]], other=found["other"][line[strays]])
    store.spread(_from(STRAYS, number), part[strays], packing(texts))


class _Parts:
    """The parts of the authorizations that each key is about: mostly it is one."""

    def __init__(self, case: Units, sent: Array, moved: Array) -> None:
        """`sent` and `moved` are the parts of each operation, and of each movement."""
        count = int(max(sent.max(initial=0), moved.max(initial=0))) + 1
        self._first = np.zeros(len(case.ledger.keys), np.int64)
        self._first[case.ledger.key_place[::-1]] = sent[::-1]
        keys, parts = np.concatenate([case.ledger.key_place, case.moved_key]), np.concatenate([sent, moved])
        other = np.flatnonzero((keys >= 0) & (parts != self._first[keys]))
        self._key, self._part = np.divmod(np.unique(keys[other] * count + parts[other]), count)

    def of(self, keys: Array) -> tuple[Array, Array]:
        """Lines with these keys, each as often as its key has parts, and these parts."""
        begins, ends = (np.searchsorted(self._key, keys, side) for side in ("left", "right"))
        several = np.flatnonzero(begins < ends)
        counts = (ends - begins)[several]
        line = np.repeat(several, counts)
        within = np.arange(len(line)) - np.repeat(np.cumsum(counts) - counts, counts)
        part = self._part[begins[line] + within]
        return np.concatenate([np.arange(len(keys)), line]), np.concatenate([self._first[keys], part])


def _all(store: Store, table: str, number: int) -> list[dict[str, npt.NDArray[Any]]]:
    """What all parts of the keys handed on."""
    return [piece for writer in range(store.parts) for piece in store.read(_from(table, writer), number)]


def _lines(store: Store, table: str, number: int, dtype: Any) -> npt.NDArray[np.void]:
    return concatenated((piece[""] for piece in _all(store, table, number)), dtype)


def account_ledger(store: Store, last: Ledger, number: int) -> Ledger:
    """The operations of a part of the authorizations, in the order of their numbers."""
    return ledger_of(last, _all(store, ACCOUNT, number), _lines(store, MAKERS_OF, number, ELSEWHERE))


def operations_about(store: Store, last: Ledger, number: int) -> pd.DataFrame:
    """The operations of that part."""
    return account_ledger(store, last, number).ops


def _accounts(last: Ledger, seen: Authorizations, store: Store, number: int) -> Units:
    pieces = _all(store, MOVEMENTS, number)
    kept = {name: concatenated((one[name] for one in pieces), of) for name, of in ROW.items()}
    # Each piece is in order: to merge them costs less than to sort.
    order = np.argsort(np.where(kept["other"], kept["order"] + OTHERS, kept["order"]), kind="stable")
    kept = taken(kept, order)
    rows = frame({name: kept[name] for name in ("op", *NUMBERS)})
    if pieces := _all(store, STRAYS, number):
        texts = unpacked(pieces).set_index(["other", "order"])["stray"]
        rows["stray"] = texts.reindex(pd.MultiIndex.from_arrays([kept["other"], kept["order"]])).to_numpy()
    own = int((~kept["other"]).sum())
    seen = replace(
        seen.without_others(),
        rows=rows.iloc[:own],
        order=kept["order"][:own],
        others=rows.iloc[own:].reset_index(drop=True),
    )
    case = Units(account_ledger(store, last, number), seen, content, thing="move")
    count = len(case.pool.number)
    # NOWHERE is the last one.
    mine: Mask = np.roll(store.part_of(np.arange(NOWHERE, count)) == number, -1)
    named = mine.copy()
    for numbers in (about(case.ledger.ops["subject"].to_numpy())["authorization"], case.moved_rows["authorization"]):
        named[case.places(np.asarray(numbers))] = True
    among = np.flatnonzero(named[:count])
    return replace(case, mine=np.append(mine[among], mine[count]), among=among)


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
