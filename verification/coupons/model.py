"""What a validation must say, by nothing but the coupon, the order and the uses at that time: in whole cents.

`verdict` is for one, and is what the other says; `Pool.judged` for a million at once.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from systems import coupons, coupons_pool, ids
from systems.coupons_pool import ACTIVE, EXPIRED, PERCENTAGE, Coupon
from verification.arrays import Array, Mask

NONE = np.iinfo(np.int64).max
"""In an array, what is not limited."""

VALID = -1
"""The place of no reason."""


@dataclass(frozen=True)
class Verdict:
    """What a validation comes to; amounts in cents, 0 if it is not valid."""

    reason: str
    """Why it is not valid; "" = it is."""
    discount: int = 0
    final: int = 0


def verdict(coupon: Coupon | None, status: str, user: int, value: int, at: str, uses: int, own_uses: int) -> Verdict:
    """What must be said of a `coupon` that has this `status` and was used so often, by this user and by all.

    `at` is the time in UTC as seeding writes times.
    """
    if coupon is None:
        return Verdict(coupons.NOT_FOUND)
    if status != ACTIVE:
        return Verdict(coupons.STATUS_EXPIRED if status == EXPIRED else coupons.STATUS_INACTIVE)
    if at < coupon.valid_from:
        return Verdict(coupons.NOT_STARTED)
    if at >= coupon.valid_until:
        return Verdict(coupons.STATUS_EXPIRED)
    if coupon.owner is not None and coupon.owner != user:
        return Verdict(coupons.NOT_YOURS)
    if value < coupon.minimum:
        return Verdict(coupons.BELOW_MINIMUM)
    if coupon.max_total_uses is not None and uses >= coupon.max_total_uses:
        return Verdict(coupons.TOTAL_USED)
    if coupon.max_uses_per_user is not None and own_uses >= coupon.max_uses_per_user:
        return Verdict(coupons.USER_USED)
    discount = off(coupon, value)
    return Verdict("", discount, value - discount)


def off(coupon: Coupon, value: int) -> int:
    """What is taken off an order of `value`: half a cent is one, never more than the cap or the order."""
    if coupon.discount_type != PERCENTAGE:
        return min(coupon.discount_value, value)
    whole, rest = divmod(value * coupon.discount_value, 10_000)
    exact = whole + (rest >= 5_000)
    return min(exact if coupon.cap is None else min(exact, coupon.cap), value)


class Pool:
    """All coupons as arrays, by their number; number 0 is none."""

    def __init__(self, seed: int, users: int, at: str) -> None:
        """`at` is when the run was born, in UTC as seeding writes times."""
        self.coupons = coupons_pool.coupons(seed, users)
        self.seed, self.users = seed, users

        def column(values: list[int | None], none: int = NONE) -> Array:
            return np.array([0, *(none if value is None else value for value in values)], np.int64)

        every = self.coupons
        self.percentage: Mask = np.array([False, *(one.discount_type == PERCENTAGE for one in every)])
        self.value = column([one.discount_value for one in every])
        self.cap, self.minimum = column([one.cap for one in every]), column([one.minimum for one in every])
        self.owner = column([one.owner for one in every], -1)
        self.most = column([one.max_total_uses for one in every])
        self.own_most = column([one.max_uses_per_user for one in every])
        self.uses = column([one.uses for one in every])
        self.changing: Mask = (self.most < NONE) | (self.own_most < NONE)
        """Whether a run changes what is said of a coupon: its uses are limited, or its status is switched."""
        self.changing[[*coupons_pool.SWITCHED]], self.changing[0] = True, False
        place = {name: index for index, name in enumerate(coupons.REASONS)} | {"": VALID}
        self.place = place
        self.status = np.array([VALID, *(place[_by_status(one.status)] for one in every)])
        """Why its status makes it not valid, as it was seeded."""
        self.dates = np.array([VALID, *(place[_by_dates(one, at)] for one in every)])
        self.used = np.array([one.number << 20 | user for _, one, user in coupons_pool.usages(seed, users)], np.int64)
        """Who used what before: coupon << 20 | user."""

    def static(self, coupon: Array, status: Array, user: Array, value: Array) -> Array:
        """Why each is not valid, whatever its uses are, as a place among REASONS; VALID: for no such reason.

        `status` is why its status makes it not valid. Coupon 0 is one that does not exist.
        """
        owner = self.owner[coupon]
        return np.select(
            [
                coupon == 0,
                status != VALID,
                self.dates[coupon] != VALID,
                (owner >= 0) & (owner != user),
                value < self.minimum[coupon],
            ],
            [
                np.full(len(coupon), self.place[coupons.NOT_FOUND]),
                status,
                self.dates[coupon],
                np.full(len(coupon), self.place[coupons.NOT_YOURS]),
                np.full(len(coupon), self.place[coupons.BELOW_MINIMUM]),
            ],
            VALID,
        )

    def off(self, coupon: Array, value: Array) -> Array:
        """What is taken off each order."""
        exact = (value * np.where(self.percentage[coupon], self.value[coupon], 0) * 2 + 10_000) // 20_000
        amount = np.where(self.percentage[coupon], np.minimum(exact, self.cap[coupon]), self.value[coupon])
        return np.minimum(amount, value)


def _by_status(status: str) -> str:
    return "" if status == ACTIVE else coupons.STATUS_EXPIRED if status == EXPIRED else coupons.STATUS_INACTIVE


def _by_dates(coupon: Coupon, at: str) -> str:
    if at < coupon.valid_from:
        return coupons.NOT_STARTED
    return coupons.STATUS_EXPIRED if at >= coupon.valid_until else ""


def digests_of_reasons(told: bool) -> Array:
    """What stands in a journal for each of REASONS; `told`: whether answers say why."""
    return np.array([ids.digest(coupons.answer(False, one if told else "", "", "")) for one in coupons.REASONS])


def digests_of_amounts(discount: Array, final: Array, discount_told: bool, final_told: bool) -> Array:
    """What stands in a journal for each valid one with these amounts."""
    # Amounts may be −1 (none) or −2 (not whole cents), as they are read of the log.
    both = (discount + 2) << 32 | (final + 2)
    different, place = np.unique(both, return_inverse=True)
    found = [_digest(one, discount_told, final_told) for one in different.tolist()]
    return np.array(found, np.int64)[place.reshape(-1)] if found else np.zeros(0, np.int64)


@lru_cache(maxsize=1 << 18)  # what is answered is logged, too
def _digest(both: int, discount_told: bool, final_told: bool) -> int:
    discount, final = (both >> 32) - 2, (both & 0xFFFFFFFF) - 2
    told = (str(discount) if discount_told else "", str(final) if final_told else "")
    return ids.digest(coupons.answer(True, "", *told))
