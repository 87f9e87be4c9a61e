"""A run in parts by its orders, its coupons and its users: what the parts of its keys hand on, and what is made of
that.

A validation has a key of its own. An order may be sent again under another: what was sent of it comes together by the
operation that sent it first.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from systems import coupons
from systems.coupons import ORDERS
from verification.arrays import Array, Mask
from verification.coupons.case import Validations
from verification.coupons.observation import USAGES, Coupons
from verification.coupons.rate import allowed
from verification.divided.columns import unpacked
from verification.divided.division import Division
from verification.divided.judging import Task
from verification.divided.keeping import ORDER as PLACE
from verification.divided.piece import taken
from verification.divided.splitting import ledger_of, read
from verification.divided.store import Store
from verification.ledger import ELSEWHERE, Ledger

ORDER, COUPON, USER = "order", "coupon", "user"
"""The divisions, as `Check.of` calls them, and the tables of their operations."""
RECORDED = "recorded"
"""The table by coupon of the orders that were left without an answer and are recorded."""

Case = Callable[[Ledger, Coupons], Validations]


def of_part(seen: Coupons, tables: Mapping[str, pd.DataFrame]) -> Coupons:
    """What was read of a part of the keys, which `seen` has already, with the usages of its orders."""
    return _with_usages(seen, tables.get(USAGES))


def _with_usages(seen: Coupons, usages: pd.DataFrame | None) -> Coupons:
    if usages is None:
        return replace(seen, usage_order=np.zeros(0, np.int64))
    names = list(seen.usages)
    assert seen.usage_totals is not None
    names[2:2] = ["item"] * seen.usage_totals.items
    return replace(seen, usages=usages[names], usage_order=usages[PLACE].to_numpy())


def joined(seen: Coupons, _learnt: Sequence[None]) -> Coupons:
    """What was read beside the rows."""
    return seen


def hand_on(case: Validations, task: Task, store: Store) -> None:
    """Hand on a part of the keys to `store`."""
    sent = read(task.store, task.number)

    def give(table: str, which: Mask, by: Array) -> None:
        lines = np.flatnonzero(which)
        store.divide(f"{table}.{task.number}", by[lines], lambda some: taken(sent, lines[some]))

    give(ORDER, case.ledger.ops["kind"].isin(ORDERS).to_numpy(), case.first)
    # What is said of most validations depends on no other.
    give(COUPON, ~case.validation | case.applies | case.depends, case.coupon)
    if allowed(case):
        give(USER, case.validation, case.user)
    # What applies a coupon sends an order of its own, which is recorded in this part.
    orders = np.flatnonzero(case.unanswered_and_recorded)
    store.divide(f"{RECORDED}.{task.number}", case.coupon[orders], lambda some: {"": case.first[orders[some]]})


def _ledger(store: Store, last: Ledger, table: str, number: int) -> Ledger:
    pieces = [piece for writer in range(store.parts) for piece in store.read(f"{table}.{writer}", number)]
    return ledger_of(last, pieces, np.zeros(0, ELSEWHERE))


def operations_about(store: Store, last: Ledger, number: int) -> pd.DataFrame:
    """All operations about a part of the coupons, of whatever part of the keys each is."""
    pieces = []
    for part in range(store.parts):
        kept = read(store, part)
        mine = store.part_of(coupons.about(kept["records"]["subject"])[0]) == number
        pieces.append(taken(kept, np.flatnonzero(mine)))
    return ledger_of(last, pieces, np.zeros(0, ELSEWHERE)).ops


def divisions(case: Case) -> Sequence[Sequence[Division]]:
    """What a run is divided by; `case` makes one of a ledger and what was read."""

    def orders(last: Ledger, seen: Coupons, store: Store, number: int) -> Validations:
        # What is under other keys is looked at once.
        own = seen if number == 0 else seen.without_others()
        pieces = store.read(USAGES, number)
        own = _with_usages(own, unpacked(pieces) if pieces else None)
        return case(_ledger(store, last, ORDER, number), own)

    def about(table: str) -> Callable[[Ledger, Any, Store, int], Validations]:
        def made(last: Ledger, seen: Coupons, store: Store, number: int) -> Validations:
            kept = [one[""] for writer in range(store.parts) for one in store.read(f"{RECORDED}.{writer}", number)]
            found = case(_ledger(store, last, table, number), seen.without_others())
            return replace(found, recorded=np.concatenate([np.zeros(0, np.int64), *kept]))

        return made

    return ((Division(ORDER, orders), Division(COUPON, about(COUPON)), Division(USER, about(USER))),)
