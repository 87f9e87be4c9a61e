"""Validations were answered as the coupons were, each is logged once, and what was applied is counted and recorded."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from harness.check import Finding, Group
from harness.plan.scenario import Scenario
from systems import coupons
from systems.coupons import ORDERS, READS, VALIDATIONS
from verification import checks, plans, surroundings, told
from verification.case import Case
from verification.checks import Check, Over
from verification.coupons import answers, limits, loss, rate
from verification.coupons import queue as log_queue
from verification.coupons.case import Validations, pool_of, values
from verification.coupons.model import Pool
from verification.coupons.observation import Coupons
from verification.coupons.observation import observe as observe
from verification.coupons.parts import COUPON, ORDER, USER, divisions
from verification.coupons.parts import hand_on as hand_on
from verification.coupons.parts import joined as joined
from verification.coupons.parts import of_part as of_part
from verification.coupons.parts import operations_about as operations_about
from verification.found import Found, Part
from verification.ledger import Ledger
from verification.ledger_checks import altered, invariants, lost, phantom, rejected, repeated


def case(ledger: Ledger, seen: Coupons) -> Validations:
    """What was asked and answered beside what is logged and recorded."""
    # A case must not be part of what it has itself: it would take its memory until somebody looks for such.
    return Validations(ledger, seen, partial(_content, pool_of(ledger, seen)), thing="validation")


DIVISIONS = divisions(case)


def _content(pool: Pool, run: str, items: pd.DataFrame) -> pd.DataFrame:
    """What the log must have of these validations, besides what was answered."""
    coupon, user, ago = coupons.about(items["subject"].to_numpy())
    op, kind = items["key"].to_numpy(), items["kind"]
    unknown, order = (kind == "unknown").to_numpy(), kind.isin(ORDERS).to_numpy()
    codes = np.array(["", *(one.code for one in pool.coupons)], object)[coupon]
    codes[unknown] = [
        coupons.code_sent("unknown", one, number)
        for one, number in zip(coupon[unknown].tolist(), op[unknown].tolist(), strict=True)
    ]
    first = op - ago
    sent = np.full(len(op), None, object)
    sent[order] = [coupons.order_id(run, one) for one in first[order].tolist()]
    value = values((kind == "minimum").to_numpy(), first, pool.minimum[coupon])
    return pd.DataFrame(
        {
            "coupon": np.where(unknown, 0, coupon),
            "code": codes,
            "user": user,
            "order_id": sent,
            "value": value,
        }
    )


def judge(case: Validations) -> list[Finding]:
    """What each of its checks says of it."""
    return checks.judge(checks_of(case.ledger.scenario), case)


def checks_of(scenario: Scenario) -> Sequence[Check]:
    """The checks of a plan."""
    stated = invariants("validation", scenario.expected, races=False, answered="", effects=scenario.effects)
    finds = {"X1": loss.lost}
    titles = {"X1": "Every answered validation is logged.", "X4": "No validation is logged twice."}
    general = [
        replace(
            one,
            title=titles.get(one.id, one.title),
            find=finds.get(one.id, one.find),
        )
        for one in stated
    ]
    return (*general, *surroundings.checks(scenario), *checks.fed(CHECKS, scenario.expected))


def weakened(case: Validations) -> list[str]:
    """What makes the checks say less than they could."""
    contract, names = case.ledger.scenario.contract, case.ledger.scenario.database
    said = []
    if not contract["reason"]:
        said.append(
            "No answer tells why a coupon is not valid (reason): that it is refused for the right one is not compared."
        )
    if untold := [contract_key for contract_key in ("discount", "final") if not contract[contract_key]]:
        said.append(f"No answer tells {' and '.join(untold)}: that amount is not compared.")
    if not names["log_written"]:
        said.append("No column tells when a validation was logged: how late it was is not known.")
    if not names["usage_discount"]:
        said.append("The usages have no amount: that it is as it was answered is not compared.")
    if case.seen.queue.left is None:
        said.append(f"What is still to be logged after the load is not known: {case.seen.queue.why}.")
    return said


def _of_orders(check: Callable[[Case], Part]) -> Callable[[Any], Part]:
    """What a check finds of the orders, told as such."""

    def found(case: Any) -> Part:
        of_orders = check(case.orders)
        return replace(of_orders, tell=partial(_of_order, tell=of_orders.tell))

    return found


def _of_order(part: Part, tell: Callable[[Part], Found]) -> Found:
    found = tell(part)
    shown = found.first.keys() >= told.NEEDED
    return replace(found, said=found.said or (told.operation("order", found.first) if shown else ""))


APPLIED = ("redeem", "contend")
CHECKS = (
    Check(
        "VERDICT",
        "Every validation was answered as the coupon, its uses at that time and the order say, to the cent.",
        "answers against the model",
        answers.right,
        needs_all=True,
        fed_by=VALIDATIONS,
        group=Group.ANSWERS,
        said="otherwise than the coupon, its uses at that time and the order say",
        over=Over.THING,
        of=COUPON,
        alone=answers.right_alone,
    ),
    Check(
        "LOG",
        "The log says of each validation what was answered.",
        "answers against the log",
        answers.logged,
        fed_by=VALIDATIONS,
        group=Group.CONTENT,
        said="and is logged as another answer",
        over=Over.KEY,
    ),
    Check(
        "QUEUE",
        "After the load nothing waits to be logged.",
        "the queue of the target",
        lambda case: log_queue.empty(case.seen.queue),
        unfed="health does not tell it",
        group=Group.DONE,
        over=Over.DATABASE,
    ),
    Check(
        "U1",
        "Every applied order is recorded.",
        "applied orders against usages",
        _of_orders(lost),
        fed_by=APPLIED,
        group=Group.LOST,
        over=Over.THING,
        of=ORDER,
    ),
    Check(
        "U2",
        "Every recorded order was sent.",
        "usages against the orders sent",
        _of_orders(phantom),
        fed_by=APPLIED,
        group=Group.INVENTED,
        over=Over.THING,
        of=ORDER,
    ),
    Check(
        "U3",
        "No refused order is recorded.",
        "refused orders against usages",
        _of_orders(rejected),
        unfed="no order was refused",
        group=Group.INVENTED,
        over=Over.THING,
        of=ORDER,
    ),
    Check(
        "U4",
        "No order is recorded twice.",
        "orders that are recorded",
        _of_orders(repeated),
        fed_by=APPLIED,
        group=Group.TWICE,
        over=Over.THING,
        of=ORDER,
    ),
    Check(
        "U5",
        "Every order is recorded for its coupon and user, with the amount that was answered.",
        "usages against orders",
        _of_orders(altered),
        fed_by=APPLIED,
        group=Group.CONTENT,
        over=Over.THING,
        of=ORDER,
    ),
    Check(
        "RATE",
        "No user was answered more often than it may be, and none was refused before.",
        "validations of users that ask too often",
        rate.limited,
        needs_all=True,
        unfed="users are not limited",
        group=Group.LIMITS,
        over=Over.THING,
        of=USER,
    ),
    Check(
        "USES",
        "Every coupon counts as many uses as are recorded.",
        "coupons",
        limits.counted,
        group=Group.COUNTED,
        over=Over.DATABASE,
    ),
    Check(
        "LIMITS",
        "No coupon was used more often than it may be, by all or by one user.",
        "coupons, and users of coupons",
        limits.within,
        group=Group.LIMITS,
        over=Over.DATABASE,
    ),
    Check(
        "SERVED",
        "Of those who contend for the last uses of a coupon, as many are served as there are uses.",
        "coupons that were contended for",
        limits.served,
        needs_all=True,
        fed_by=("contend",),
        group=Group.LIMITS,
        over=Over.THING,
        of=COUPON,
    ),
    Check(
        "READ",
        "Every read answered what the database held at that time.",
        "answers to reads",
        answers.read,
        needs_all=True,
        fed_by=READS,
        group=Group.ANSWERS,
        said="with what the database can’t have held at that time",
        over=Over.THING,
        of=COUPON,
    ),
    Check(
        "PLAN",
        "Coupons and their uses are looked up by an index, with all conditions, and without a filter.",
        "statements of the target",
        lambda case: plans.by_index(case.seen.plans),
        unfed=plans.UNKNOWN,
        group=Group.PROTECTED,
        over=Over.DATABASE,
    ),
    Check(
        "POOL",
        "Users, coupons and earlier usages are as they were seeded.",
        "rows of the pool",
        limits.pool,
        group=Group.POOL,
        over=Over.DATABASE,
    ),
)
