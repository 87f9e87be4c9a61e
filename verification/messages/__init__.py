"""Acknowledged messages are stored once and sent once, refused ones never; the pool of users is as it was seeded."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from harness.check import Finding, Group
from harness.plan.scenario import Scenario
from systems import messages
from verification import checks, constraints, surroundings
from verification.case import Case
from verification.checks import Check, Over
from verification.ledger import Ledger
from verification.ledger_checks import invariants, raced, replayed
from verification.messages import weaker
from verification.messages.case import Deliveries
from verification.messages.delivery import answered, conflicting, delivered, not_yet, pool, whole
from verification.messages.sent import EXPECTED, special
from verification.messages.sent import expected as expected
from verification.messages.stored import Messages as Messages
from verification.messages.stored import joined as joined
from verification.messages.stored import learnt as learnt
from verification.messages.stored import observe as observe
from verification.messages.stored import of_part as of_part
from verification.messages.stored import source as source
from verification.messages.weaker import lacking, title, unfed


def case(ledger: Ledger, seen: Messages) -> Case:
    """The messages that were sent beside those that are there."""
    said = messages.words(ledger.scenario.contract)
    there = [column for column, word in EXPECTED.items() if column in seen.rows and word in said]
    template = messages.text_of(ledger.scenario.contract)

    def must(run: str, keys: pd.DataFrame) -> pd.DataFrame:
        return expected(run, keys, special(ledger), template, seen.coded)[there]

    return Deliveries(ledger, seen, must, thing="message")


def judge(case: Case) -> list[Finding]:
    """What each of its checks says of it."""
    return checks.judge(checks_of(case.ledger.scenario), case)


def checks_of(scenario: Scenario) -> Sequence[Check]:
    """The checks of a plan: those of what this system promises, and X1 to X11 of the kinds of operations it has."""
    told = scenario.contract["message_id"]
    x1, x2, x3, x4, x5, *rest = invariants(
        "message",
        scenario.expected,
        races="race" in scenario.expected,
        effects=scenario.effects,
        **({} if told else {"answered": ""}),
    )
    kinds = set(scenario.expected)
    own = [check for check in (WHOLE, *CHECKS) if not lacking(check.id, scenario)]
    whole, *own = [replace(one, unfed=unfed(one.id, kinds), title=title(one, scenario)) for one in own]
    return (x1, x2, x3, x4, x5, whole, *rest, *surroundings.checks(scenario), *own)


def weakened(case: Case) -> list[str]:
    """What makes the checks say less than they could."""
    return weaker.weakened(case.ledger.scenario, (WHOLE, *CHECKS))


WHOLE = Check(
    "X6",
    "Every delivery is whole: SENT with the time it was sent, after it was stored.",
    "stored messages",
    whole,
    group=Group.WHOLE,
    said="and is stored with status {status}, sent at {sent_at}, created at {created_at}",
    over=Over.KEY,
)
CHECKS = (
    Check(
        "MP1",
        "Every key is in one row only.",
        "rows of all runs",
        lambda case: constraints.stored_once(case.seen.keys),
        group=Group.TWICE,
        over=Over.DATABASE,
    ),
    Check(
        "MP1I",
        "A valid unique index covers the keys.",
        "unique index",
        lambda case: constraints.index_stands(case.seen.keys),
        group=Group.PROTECTED,
        over=Over.DATABASE,
    ),
    Check(
        "MP2",
        "Every message belongs to a user.",
        "rows of all runs against users",
        lambda case: constraints.leads_somewhere(case.seen.users),
        group=Group.CONTENT,
        over=Over.DATABASE,
    ),
    Check(
        "MP2F",
        "A validated foreign key covers the users.",
        "foreign key",
        lambda case: constraints.foreign_key_stands(case.seen.users),
        group=Group.PROTECTED,
        over=Over.DATABASE,
    ),
    Check(
        "MP3",
        "Every message that is due was sent, none failed, and none went back.",
        "due messages",
        delivered,
        group=Group.DONE,
        said="and is {status}, sent at {sent_at}: it must be SENT once, and stay so",
        over=Over.KEY,
    ),
    Check(
        "MP4",
        "Every replay was answered with the id of the stored message.",
        "replays against stored messages",
        replayed,
        group=Group.ANSWERS,
        said="with an id that is not that of the stored message",
        over=Over.KEY,
    ),
    Check(
        "MP5",
        "Another body under a used key was rejected, and the first one kept.",
        "messages with another body under a used key",
        conflicting,
        group=Group.ANSWERS,
        said="though another body was sent under that key before",
        over=Over.KEY,
    ),
    Check(
        "MP6",
        "Of two equal messages at one instant, one was stored and the other answered as its replay.",
        "races",
        raced,
        group=Group.TWICE,
        said="at one instant with its twin, and not one of them was stored and the other a replay",
        over=Over.KEY,
    ),
    Check(
        "MP7",
        "No definite answer was false: a new message is accepted, a repeated one replayed, another body or a stranger "
        "refused as such.",
        "definite answers",
        answered,
        group=Group.ANSWERS,
        said="which is not what the contract has for it",
        over=Over.KEY,
    ),
    Check(
        "MP8",
        "No message was sent before it was due.",
        "messages that are due after the run",
        not_yet,
        group=Group.ORDER,
        said="and is due after the run only, but is {status}, sent at {sent_at}",
        over=Over.KEY,
    ),
    Check("POOL", "The pool is as it was seeded.", "users", pool, group=Group.POOL, over=Over.DATABASE),
)
