"""The coupons that seeding makes: what each is follows from its number, the seed and how many users there are.

Coupons 1 … 2,500 are for one user each, 2,501 … 5,000 for everybody within their dates. Of each half 60 % are active,
25 % expired and 15 % inactive; ranges of the active ones have a part in the load, which their names say.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

USER_SPECIFIC, TIME_SPECIFIC = "user_specific", "time_specific"
ACTIVE, EXPIRED, INACTIVE = "active", "expired", "inactive"
PERCENTAGE, FIXED = "percentage", "fixed"

HALF = 2_500
COUPONS = 2 * HALF
_ACTIVE, _EXPIRED = 1_500, 625

OWNED = range(1, 1_001)
"""Active, for one user, without limits on their uses."""
OWNED_USED = range(1_001, 1_501)
"""Active, for one user, who may use it once, and has."""
OWNED_EXPIRED = range(1_501, 2_126)
OWNED_INACTIVE = range(2_126, 2_501)
TIGHT = range(2_501, 3_101)
"""Active, for everybody, with TIGHT_LEFT uses left, one for each user."""
SWITCHED = range(3_101, 3_301)
"""Active, for everybody; their status is switched during the load."""
EARLY = range(3_301, 3_351)
"""Active by their status, but their time has not come."""
LAPSED = range(3_351, 3_401)
"""Active by their status, but their time is over: nothing has marked them as expired yet."""
USED_UP = range(3_401, 3_501)
"""Active, for everybody, and used as often as they may be."""
ONCE = range(3_501, 3_701)
"""Active, for everybody, once for each user; some users have."""
OPEN = range(3_701, 4_001)
"""Active, for everybody, without limits on their uses."""
OPEN_EXPIRED = range(4_001, 4_626)
OPEN_INACTIVE = range(4_626, 5_001)

TIGHT_LEFT = 10
LEAST_USERS, MOST_USERS = 1_000, 1_000_000

BEGAN, ENDED = "2024-01-01 00:00:00+00", "2025-06-30 00:00:00+00"
"""When all but the early ones began, and when those ended that are over."""
COMING, LAST = "2034-01-01 00:00:00+00", "2038-01-01 00:00:00+00"
"""When the early ones begin, and when all others end: no run is later."""

PERCENTS = (500, 1_000, 1_250, 1_500, 2_000, 3_333, 5_000)
"""Hundredths of a percent: with some of them half cents come about."""


@dataclass(frozen=True, slots=True)
class Coupon:
    """A coupon as it is seeded; amounts in cents, percentages in hundredths of a percent."""

    number: int
    code: str
    type: str
    status: str
    discount_type: str
    discount_value: int
    cap: int | None
    """The most that a percentage takes off."""
    minimum: int
    """The least value of an order."""
    owner: int | None
    """The number of the user that it is for; None: for everybody."""
    valid_from: str
    valid_until: str
    max_total_uses: int | None
    uses: int
    """How often it was used before."""
    max_uses_per_user: int | None


def code(number: int) -> str:
    """The code of coupon `number`, of one that exists or not."""
    return f"{'USER' if number <= HALF else 'TIME'}-{number:05d}"


def user_id(number: int) -> str:
    """The id of user `number`, from 0."""
    return f"user_{number:07d}"


def users_of(coupon: int, uses: int, seed: int, users: int) -> Iterator[int]:
    """The users that used a coupon before, each once."""
    return ((coupon * 104_729 + place * 15_485_863 + seed) % users for place in range(uses))


def owner(coupon: int, seed: int, users: int) -> int:
    """The user that a user-specific coupon is for; who used one before is just that user."""
    return next(users_of(coupon, 1, seed, users))


@lru_cache(maxsize=4)
def coupons(seed: int, users: int) -> tuple[Coupon, ...]:
    """All coupons, in the order of their numbers from 1."""
    return tuple(_coupon(number, seed, users) for number in range(1, COUPONS + 1))


def _coupon(number: int, seed: int, users: int) -> Coupon:
    draw = int.from_bytes(blake2b(f"{seed} {number}".encode(), digest_size=8).digest(), "big")
    mine = number <= HALF
    place = (number - 1) % HALF
    status = ACTIVE if place < _ACTIVE else EXPIRED if place < _ACTIVE + _EXPIRED else INACTIVE
    percentage = draw % 2 == 0
    uses = _uses(number)
    return Coupon(
        number,
        code(number),
        USER_SPECIFIC if mine else TIME_SPECIFIC,
        status,
        PERCENTAGE if percentage else FIXED,
        PERCENTS[(draw >> 8) % len(PERCENTS)] if percentage else 100 * (1 + (draw >> 8) % 50),
        1_000 + (draw >> 16) % 40 * 100 if percentage and (draw >> 24) % 2 else None,
        500 + (draw >> 32) % 100 * 100,
        owner(number, seed, users) if mine else None,
        COMING if number in EARLY else BEGAN,
        ENDED if status == EXPIRED or number in LAPSED else LAST,
        uses + TIGHT_LEFT if number in TIGHT else uses if number in USED_UP else None,
        uses,
        1 if number in TIGHT or number in ONCE or number in OWNED_USED else None,
    )


def _uses(number: int) -> int:
    """How often a coupon was used before: 3,000 times all of them."""
    if number in TIGHT:
        return number % 4
    if number in USED_UP:
        return 8
    if number in ONCE:
        return 4
    return int(number in OWNED_USED)


def usages(seed: int, users: int) -> Iterator[tuple[int, Coupon, int]]:
    """What was used before: a number from 1, the coupon and the user."""
    number = 0
    for coupon in coupons(seed, users):
        for user in users_of(coupon.number, coupon.uses, seed, users):
            number += 1
            yield number, coupon, user


def seeded_order(number: int) -> str:
    """The order of usage `number`, from 1."""
    return f"seeded-{number:06d}"


def used_cents(coupon: Coupon) -> int:
    """What a use before the load took off: that of an order of the least value."""
    if coupon.discount_type == FIXED:
        return min(coupon.discount_value, coupon.minimum)
    exact = (coupon.minimum * coupon.discount_value * 2 + 10_000) // 20_000
    return min(exact, coupon.cap) if coupon.cap is not None else exact
