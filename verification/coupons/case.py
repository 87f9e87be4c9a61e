"""What was asked and answered beside the log; and the same of orders beside the usages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, partial

import numpy as np
import pandas as pd

from harness.outcomes import DONE
from systems import coupons, coupons_pool, ids
from systems.coupons import ORDERS, VALIDATIONS
from systems.effect import Effect
from verification.arrays import Array, Mask
from verification.case import Case
from verification.coupons.counting import before
from verification.coupons.model import Pool
from verification.coupons.observation import Coupons
from verification.found import Found, Part, Witness
from verification.ledger import Ledger

LEFT_BY_ORDERS = {"redeem": {"ACK": Effect()}, "contend": {"ACK": Effect()}, "repeat": {}}
"""What an order leaves in the usages."""


@dataclass(frozen=True)
class Validations(Case):
    """The validations of a run, beside the rows of the log."""

    seen: Coupons
    recorded: Array | None = field(default=None, kw_only=True)
    """Of a part by coupon: the orders (numbers) that were left without an answer and are recorded."""

    @cached_property
    def pool(self) -> Pool:
        """The coupons as they were seeded."""
        return pool_of(self.ledger, self.seen)

    @cached_property
    def _about(self) -> tuple[Array, Array, Array]:
        coupon, user, ago = coupons.about(self.ledger.ops["subject"].to_numpy())
        return coupon, user, ago

    @property
    def coupon(self) -> Array:
        """For each operation, the number of the coupon that it names; of an unknown one that of another."""
        return self._about[0]

    @property
    def user(self) -> Array:
        """For each operation, the number of the user."""
        return self._about[1]

    def thing_of(self) -> Array:
        """The coupon: one that is validated, read or switched."""
        return self.coupon

    def asks(self, lines: Array) -> list[str]:
        """Coupon and user of a validation of a coupon that there is."""
        known = self.validation & ~self.ledger.kind("unknown")
        each = zip(known[lines].tolist(), self.coupon[lines].tolist(), self.user[lines].tolist(), strict=True)
        return [f"{coupons_pool.code(coupon)}, user {user:,}" if there else "" for there, coupon, user in each]

    @cached_property
    def first(self) -> Array:
        """For each operation, the one that sent its order first."""
        first: Array = self.ledger.ops["op"].to_numpy() - self._about[2]
        return first

    @cached_property
    def value(self) -> Array:
        """For each operation, the value of its order in cents."""
        return values(self.ledger.kind("minimum"), self.first, self.pool.minimum[self.coupon])

    @cached_property
    def validation(self) -> Mask:
        """Which operations validate a coupon."""
        found: Mask = self.ledger.ops["kind"].isin(VALIDATIONS).to_numpy()
        return found

    @cached_property
    def orders(self) -> "Orders":
        """The orders beside the usages."""
        ledger = self.ledger
        which = np.flatnonzero(ledger.ops["kind"].isin(ORDERS).to_numpy())
        ops = ledger.ops.iloc[which].assign(key_of=self.first[which]).reset_index(drop=True)
        effects = {kind: LEFT_BY_ORDERS.get(kind, {}) for kind in ledger.scenario.effects}
        own = replace(ledger, ops=ops, scenario=replace(ledger.scenario, effects=effects))
        seen = replace(
            self.seen,
            source=self.seen.usage_source,
            rows=self.seen.usages,
            foreign=self.seen.foreign_usages,
            totals=self.seen.usage_totals,
            order=self.seen.usage_order,
        )
        return Orders(own, seen, partial(_usage, self.pool, [*self.seen.usages]), thing="order")

    @cached_property
    def uses(self) -> "Uses":
        """When coupons were used during the load."""
        ledger = self.ledger
        done = self.applies & ledger.outcome(*DONE)
        maybe = done | self.unanswered_and_recorded
        return Uses(
            self.coupon[done],
            self.user[done],
            ledger.latest[done],
            self.coupon[maybe],
            self.user[maybe],
            ledger.earliest[maybe],
        )

    @cached_property
    def depends(self) -> Mask:
        """Which validations are answered by what others did meanwhile: how often the coupon was used, or its status."""
        named = np.where(self.ledger.kind("unknown"), 0, self.coupon)
        depends: Mask = self.validation & self.pool.changing[named]
        return depends

    @property
    def applies(self) -> Mask:
        """Which operations apply a coupon."""
        found: Mask = self.ledger.ops["kind"].isin(["redeem", "contend"]).to_numpy()
        return found

    @property
    def unanswered_and_recorded(self) -> Mask:
        """Which of these were left without an answer and are recorded."""
        recorded = self.seen.usages["op"].to_numpy() if self.recorded is None else self.recorded
        found: Mask = self.applies & self.ledger.unknown & np.isin(self.first, recorded)
        return found

    def witness_of(self, keys: Array) -> Witness | None:
        """The first of these keys; a part by something else than keys has not all that is to be shown."""
        if self.recorded is None or not len(keys):
            return self.breaking(keys)
        number = int(self.ledger.keys["key"].iloc[int(keys[0])])
        return Witness((number,), {}, key=number)

    def part(self, tell: Callable[[Part], Found], compared: int, keys: Array) -> Part:
        """What is found if `keys`, in order, break the invariant."""
        return Part(tell, compared, len(keys), self.witness_of(keys))


@dataclass(frozen=True)
class Orders(Case):
    """The orders of a run, beside the rows of the usages."""


@dataclass(frozen=True)
class Uses:
    """Uses of coupons: by when each was certain, and from when it was possible."""

    coupon: Array
    user: Array
    certain: Array
    maybe_coupon: Array
    maybe_user: Array
    possible: Array

    def at_least(self, coupon: Array, time: Array) -> Array:
        """How often each coupon had been used for sure by a time."""
        return before(self.coupon, self.certain, coupon, time)

    def at_most(self, coupon: Array, time: Array) -> Array:
        """How often it can have been."""
        return before(self.maybe_coupon, self.possible, coupon, time)

    def own_at_least(self, coupon: Array, user: Array, time: Array) -> Array:
        """How often a user had used it for sure."""
        return before(self.coupon << 20 | self.user, self.certain, coupon << 20 | user, time)

    def own_at_most(self, coupon: Array, user: Array, time: Array) -> Array:
        """How often a user can have."""
        return before(self.maybe_coupon << 20 | self.maybe_user, self.possible, coupon << 20 | user, time)


def pool_of(ledger: Ledger, seen: Coupons) -> Pool:
    """The coupons of a run as they were seeded."""
    return _pool(seen.seed, ledger.scenario.pool["users"], ids.born(ledger.run).strftime("%Y-%m-%d %H:%M:%S+00"))


@lru_cache(maxsize=1)
def _pool(seed: int, users: int, at: str) -> Pool:
    """Once in a process, which judges several parts of a run."""
    return Pool(seed, users, at)


def _usage(pool: Pool, columns: Sequence[str], _run: str, items: pd.DataFrame) -> pd.DataFrame:
    """What must be in these `columns` of the usages of orders."""
    coupon, user, _ = coupons.about(items["subject"].to_numpy())
    op = items["key"].to_numpy()
    value = values(np.zeros(len(op), bool), op, pool.minimum[coupon])
    there = {"coupon": coupon, "user": user, "discount": pool.off(coupon, value)}
    return pd.DataFrame({name: column for name, column in there.items() if name in columns})


def values(minimum_kind: Mask, op: Array, minimum: Array) -> Array:
    """The value of each order."""
    found: Array = np.where(
        minimum_kind, coupons.order_value("minimum", op, minimum), coupons.order_value("valid", op, minimum)
    )
    return found
