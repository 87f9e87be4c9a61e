"""Users, coupons, their usages and the log of validations, under the names that a plan's [database] gives them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    TIMESTAMP,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    Uuid,
    text,
)

from systems.coupons_pool import ACTIVE, EXPIRED, FIXED, INACTIVE, PERCENTAGE, TIME_SPECIFIC, USER_SPECIFIC

VERSION = 1
"""To be raised with every change of the tables."""

NOW = text("clock_timestamp()")
LOOKED_UP = (
    "coupon_id",
    "discount_type",
    "discount_value",
    "max_discount",
    "min_order",
    "coupon_user",
    "valid_from",
    "valid_until",
    "max_total_uses",
    "current_total_uses",
    "max_uses_per_user",
)
"""What a validation needs besides code, status and type: the index has it, so that the table is not read."""


def tables(names: Mapping[str, Any]) -> MetaData:
    """The tables with `names` as in [database]; without the columns whose name is empty."""
    made = MetaData()
    Table(names["users"], made, *_users(names))
    coupons = Table(names["coupons"], made, *_coupons(names))
    usages = Table(names["usages"], made, *_usages(names))
    Table(names["logs"], made, *_logs(names))
    column = coupons.c
    type_, prefix = column[names["coupon_type"]], names["coupons"]
    Index(
        f"{prefix}_lookup",
        *(column[names[one]] for one in ("coupon_code", "coupon_status", "coupon_type")),
        postgresql_include=[names[one] for one in LOOKED_UP],
    )
    Index(
        f"{prefix}_user_specific",
        *(column[names[one]] for one in ("coupon_code", "coupon_user", "coupon_status")),
        postgresql_where=type_ == USER_SPECIFIC,
    )
    Index(f"{prefix}_of_user", column[names["coupon_user"]])
    Index(
        f"{prefix}_time_specific",
        *(column[names[one]] for one in ("coupon_code", "coupon_status", "valid_from", "valid_until")),
        postgresql_where=type_ == TIME_SPECIFIC,
    )
    Index(f"{names['usages']}_of_coupon", *(usages.c[names[one]] for one in ("usage_coupon", "usage_user")))
    # Lets a user go without a scan of all usages: seeding lets a million go. With the coupon: the look-up of both may
    # be made by this one, and must not have to filter.
    Index(f"{names['usages']}_of_user", *(usages.c[names[one]] for one in ("usage_user", "usage_coupon")))
    order = usages.c[names["usage_order"]]
    # What keeps an order from being applied twice.
    Index(f"{names['usages']}_order", order, unique=True, postgresql_where=order.is_not(None))
    return made


def _users(names: Mapping[str, Any]) -> list[Column[Any]]:
    return [
        Column(names["user_id"], Text, primary_key=True),
        Column(names["user_name"], Text, nullable=False),
        Column(names["user_email"], Text, nullable=False),
        _moment(names["user_created"]),
    ]


def _coupons(names: Mapping[str, Any]) -> list[Column[Any] | CheckConstraint]:
    user = f"{names['users']}.{names['user_id']}"

    def one_of(column: str, *words: str) -> CheckConstraint:
        known, quoted = ", ".join(f"'{word}'" for word in words), names[column].replace('"', '""')
        return CheckConstraint(f'"{quoted}" IN ({known})', name=f"{names['coupons']}_{names[column]}_check")

    most, current = names["max_total_uses"], names["current_total_uses"]
    return [
        Column(names["coupon_id"], Uuid, primary_key=True),
        Column(names["coupon_code"], Text, nullable=False, unique=True),
        Column(names["coupon_type"], Text, nullable=False),
        Column(names["coupon_status"], Text, nullable=False),
        Column(names["discount_type"], Text, nullable=False),
        Column(names["discount_value"], Numeric(10, 2), nullable=False),
        Column(names["max_discount"], Numeric(10, 2)),
        Column(names["min_order"], Numeric(10, 2), nullable=False),
        Column(names["coupon_user"], Text, ForeignKey(user)),
        Column(names["valid_from"], TIMESTAMP(timezone=True), nullable=False),
        Column(names["valid_until"], TIMESTAMP(timezone=True), nullable=False),
        Column(most, Integer),
        Column(current, Integer, nullable=False, server_default="0"),
        Column(names["max_uses_per_user"], Integer),
        one_of("coupon_type", USER_SPECIFIC, TIME_SPECIFIC),
        one_of("coupon_status", ACTIVE, EXPIRED, INACTIVE),
        one_of("discount_type", PERCENTAGE, FIXED),
    ]


def _usages(names: Mapping[str, Any]) -> list[Column[Any]]:
    coupon, user = f"{names['coupons']}.{names['coupon_id']}", f"{names['users']}.{names['user_id']}"
    return [
        Column(names["usage_id"], Uuid, primary_key=True, server_default=text("gen_random_uuid()")),
        Column(names["usage_coupon"], Uuid, ForeignKey(coupon), nullable=False),
        Column(names["usage_user"], Text, ForeignKey(user), nullable=False),
        Column(names["usage_order"], Text),
        *([Column(names["usage_discount"], Numeric(10, 2), nullable=False)] if names["usage_discount"] else []),
        _moment(names["usage_at"]),
    ]


def _logs(names: Mapping[str, Any]) -> list[Column[Any]]:
    """The log refers to nothing: it also has codes that no coupon has, and must not wait for other tables."""
    return [
        Column(names["log_request"], Text, primary_key=True),
        Column(names["log_coupon"], Uuid),
        Column(names["log_code"], Text, nullable=False),
        Column(names["log_user"], Text, nullable=False),
        Column(names["log_order"], Text),
        Column(names["log_value"], Numeric(12, 2), nullable=False),
        Column(names["log_valid"], Boolean, nullable=False),
        Column(names["log_reason"], Text),
        Column(names["log_discount"], Numeric(10, 2)),
        Column(names["log_final"], Numeric(12, 2)),
        *([Column(names["log_response_ms"], Numeric(10, 3))] if names["log_response_ms"] else []),
        _moment(names["log_validated"]),
        *([_moment(names["log_written"])] if names["log_written"] else []),
    ]


def _moment(name: str) -> Column[Any]:
    return Column(name, TIMESTAMP(timezone=True), nullable=False, server_default=NOW)
