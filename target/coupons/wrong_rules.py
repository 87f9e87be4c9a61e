"""Faults of what makes a coupon valid, what it takes off, and who is limited."""

# ruff: noqa: D102 (the clean class documents each method)

from decimal import ROUND_DOWN, Decimal

from target.coupons.rules import Asked, Row, Rules
from target.coupons.user_rate import UserRate
from target.faults import every


class DatesIgnored(Rules):
    """A coupon is valid if its status says so, whatever its dates are."""

    def dates(self, coupon: Row) -> str | None:
        return None


class ForEverybody(Rules):
    """A coupon of one user is valid for all."""

    def owner(self, coupon: Row, asked: Asked) -> str | None:
        return None


class RoundedDown(Rules):
    """Half a cent is none."""

    def rounded(self, amount: Decimal) -> Decimal:
        return amount.quantize(Decimal("0.01"), ROUND_DOWN)


class CapIgnored(Rules):
    """A percentage takes off as much as it comes to."""

    def capped(self, amount: Decimal, cap: Decimal) -> Decimal:
        return amount


class MinimumIgnored(Rules):
    """An order may be worth as little as it likes."""

    def minimum(self, coupon: Row, asked: Asked) -> str | None:
        return None


class NobodyLimited(UserRate):
    """Users may validate as often as they like."""

    def allows(self, user: str, request: str) -> bool:
        return True


class OthersLimited(UserRate):
    """One validation in twenty is refused as too many, of any user."""

    chosen = every(20)

    def allows(self, user: str, request: str) -> bool:
        return super().allows(user, request) and not next(self.chosen)
