"""Whether a coupon is valid for a user and an order, and what it takes off: all that needs no count of its uses."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

import msgspec

from systems.coupons_pool import ACTIVE, EXPIRED, PERCENTAGE, USER_SPECIFIC

CENT = Decimal("0.01")

NOT_FOUND, INACTIVE, EXPIRED_, NOT_STARTED = "NOT_FOUND", "INACTIVE", "EXPIRED", "NOT_STARTED"
WRONG_USER, BELOW_MINIMUM, USED_UP, USED_BY_USER = "WRONG_USER", "BELOW_MINIMUM", "USED_UP", "USED_BY_USER"
ORDER_USED = "ORDER_USED"

Row = Mapping[str, Any]
"""A coupon as the database gives it, by columns."""


class Asked(msgspec.Struct, frozen=True):
    """A validation that was asked for."""

    request: str
    code: str
    user: str
    value: Decimal
    order: str | None


class Said(msgspec.Struct, frozen=True):
    """What a validation comes to."""

    coupon: Row | None
    reason: str | None = None
    """Why it is not valid; None: it is."""
    discount: Decimal | None = None
    final: Decimal | None = None
    replayed: bool = False


class Rules:
    """What makes a coupon valid, in the order in which it is asked."""

    def judge(self, coupon: Row | None, asked: Asked) -> Said:
        """What is to be said before any use is counted."""
        if coupon is None:
            return Said(None, NOT_FOUND)
        reason = self.status(coupon) or self.dates(coupon) or self.owner(coupon, asked) or self.minimum(coupon, asked)
        if reason:
            return Said(coupon, reason)
        discount = self.discount(coupon, asked.value)
        return Said(coupon, None, discount, asked.value - discount)

    def status(self, coupon: Row) -> str | None:
        """Its status, as it is written."""
        if coupon["status"] == ACTIVE:
            return None
        return EXPIRED_ if coupon["status"] == EXPIRED else INACTIVE

    def dates(self, coupon: Row) -> str | None:
        """Its dates, whatever its status says."""
        now = datetime.now(UTC)
        if now < coupon["valid_from"]:
            return NOT_STARTED
        return EXPIRED_ if now >= coupon["valid_until"] else None

    def owner(self, coupon: Row, asked: Asked) -> str | None:
        """Whose it is."""
        return WRONG_USER if coupon["type"] == USER_SPECIFIC and coupon["user_id"] != asked.user else None

    def minimum(self, coupon: Row, asked: Asked) -> str | None:
        """The least value of an order."""
        return BELOW_MINIMUM if asked.value < coupon["min_order_value"] else None

    def discount(self, coupon: Row, value: Decimal) -> Decimal:
        """What is taken off, to the cent: never more than the cap, nor than the order is worth."""
        off: Decimal = coupon["discount_value"]
        if coupon["discount_type"] == PERCENTAGE:
            off = self.rounded(value * off / 100)
            cap = coupon["max_discount_amount"]
            off = self.capped(off, cap) if cap is not None else off
        return min(off, value)

    def rounded(self, amount: Decimal) -> Decimal:
        """Half a cent is one."""
        return amount.quantize(CENT, ROUND_HALF_UP)

    def capped(self, amount: Decimal, cap: Decimal) -> Decimal:
        """At most `cap`."""
        return min(amount, cap)


def shown(coupon: Row) -> dict[str, Any]:
    """A coupon as answers show it."""
    return {
        "id": str(coupon["id"]),
        "code": coupon["code"],
        "type": coupon["type"],
        "status": coupon["status"],
        "discountType": coupon["discount_type"],
        "discountValue": float(coupon["discount_value"]),
        "maxDiscountAmount": _number(coupon["max_discount_amount"]),
        "minOrderValue": float(coupon["min_order_value"]),
        "userId": coupon["user_id"],
        "validFrom": coupon["valid_from"].isoformat(),
        "validUntil": coupon["valid_until"].isoformat(),
        "maxTotalUses": coupon["max_total_uses"],
        "currentTotalUses": coupon["current_total_uses"],
        "maxUsesPerUser": coupon["max_uses_per_user"],
    }


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)


def id_of(coupon: Row | None) -> UUID | None:
    """Its id."""
    return coupon["id"] if coupon else None
