"""Each fault of the coupons breaks one promise, often enough that a short load shows it."""

from target.coupons.wrong_logs import (
    BatchLost,
    BatchTwice,
    InventedLine,
    NeverDone,
    NotAtTheEnd,
    OnlyFullBatches,
    OtherAmountLogged,
    OtherUserLogged,
    Unbounded,
    WaitsForLog,
)
from target.coupons.wrong_look_ups import (
    ByPattern,
    HeldConnection,
    IndexDropped,
    NotInvalidated,
    StaleHistory,
    StatusCached,
    TwoConnections,
)
from target.coupons.wrong_orders import (
    CheckedThenCounted,
    InventedUse,
    NotCounted,
    OrderTwice,
    PerUserIgnored,
    PoolChanged,
    RefusedAllTheSame,
    UseLost,
    UseOfAnother,
)
from target.coupons.wrong_rules import (
    CapIgnored,
    DatesIgnored,
    ForEverybody,
    MinimumIgnored,
    NobodyLimited,
    OthersLimited,
    RoundedDown,
)
from target.faults import Fault


def _fault(name: str, part: type, *caught_by: str) -> Fault:
    """The fault that is made of `part` alone, which documents itself."""
    return Fault(name, str(part.__doc__), caught_by, (part,))


FAULTS = (
    _fault("dates_ignored", DatesIgnored, "VERDICT"),
    _fault("for_everybody", ForEverybody, "VERDICT"),
    _fault("rounded_down", RoundedDown, "VERDICT"),
    _fault("cap_ignored", CapIgnored, "VERDICT"),
    _fault("minimum_ignored", MinimumIgnored, "VERDICT"),
    _fault("per_user_ignored", PerUserIgnored, "VERDICT"),
    _fault("checked_then_counted", CheckedThenCounted, "LIMITS", "SERVED"),
    _fault("status_cached", StatusCached, "VERDICT"),
    _fault("not_invalidated", NotInvalidated, "VERDICT"),
    _fault("nobody_limited", NobodyLimited, "RATE"),
    _fault("others_limited", OthersLimited, "RATE"),
    _fault("by_pattern", ByPattern, "VERDICT", "PLAN"),
    _fault("index_dropped", IndexDropped, "PLAN", "SCHEMA"),
    _fault("order_twice", OrderTwice, "U4"),
    _fault("use_lost", UseLost, "U1", "USES"),
    _fault("not_counted", NotCounted, "USES"),
    _fault("use_of_another", UseOfAnother, "U5"),
    _fault("invented_use", InventedUse, "U2"),
    _fault("refused_all_the_same", RefusedAllTheSame, "U3", "SERVED"),
    _fault("pool_changed", PoolChanged, "POOL"),
    _fault("stale_history", StaleHistory, "READ"),
    _fault("other_user_logged", OtherUserLogged, "X5"),
    _fault("other_amount_logged", OtherAmountLogged, "LOG"),
    _fault("batch_lost", BatchLost, "X1"),
    _fault("batch_twice", BatchTwice, "X4"),
    _fault("invented_line", InventedLine, "X2"),
    _fault("not_at_the_end", NotAtTheEnd, "X1"),
    _fault("only_full_batches", OnlyFullBatches, "X1"),
    _fault("never_done", NeverDone, "QUEUE"),
    _fault("waits_for_log", WaitsForLog, "rule:p95"),
    _fault("queue_unbounded", Unbounded, "rule:log_queue"),
    Fault(
        "two_connections",
        "Of 20 connections two are left, and each is held for 50 ms.",
        ("rule:p95",),
        (TwoConnections, HeldConnection),
    ),
)
