"""Events are stored once, whole and in order; loads and processors get exactly these, found by index."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from harness.check import Finding, Group
from harness.plan.scenario import Scenario
from systems.event_store import APPENDS, BATCHES, LOADS, STREAMS, TOKENS
from verification import checks, surroundings
from verification.case import Found
from verification.catalogue import Schema
from verification.checks import Check, Over
from verification.event_store import delivery, order, plans, reads, snapshots, streams, tokens
from verification.event_store.case import Events, events
from verification.event_store.delivery import Delivery
from verification.event_store.handing import hand_on as hand_on
from verification.event_store.handing import joined as joined
from verification.event_store.kept import POSITION, RECEIPT, STREAM, TIME
from verification.event_store.observation import EventStore
from verification.event_store.observation import observe as observe
from verification.event_store.order import Receipts
from verification.event_store.parts import DIVISIONS as DIVISIONS
from verification.event_store.parts import of_part as of_part
from verification.event_store.parts import operations_about as operations_about
from verification.found import Part
from verification.ledger import Ledger
from verification.ledger_checks import invariants

VARIANT = ("domain_events_tx", "domain_events_tenant_tx")
"""Indexes that a strategy adds before the load."""


def case(ledger: Ledger, seen: EventStore) -> Events:
    """What was appended and answered beside the events."""
    return events(ledger, seen)


def judge(case: Events) -> list[Finding]:
    """What each of its checks says of it."""
    return checks.judge(checks_of(case.ledger.scenario), case)


def checks_of(scenario: Scenario) -> Sequence[Check]:
    """The checks of a plan."""
    general = invariants("event", scenario.expected, races=False, answered="", effects=scenario.effects)
    around = [
        replace(check, find=_schema) if check.id == "SCHEMA" else check for check in surroundings.checks(scenario)
    ]
    return (*general, *around, *checks.fed(CHECKS, scenario.expected))


def _schema(case: Events) -> Found:
    """SCHEMA, but for the indexes of a strategy."""
    schema: Schema | None = case.seen.schema
    if schema is None:
        return surroundings.same(case)
    now = [line for line in schema.now if not any(f"INDEX {name} " in line for name in VARIANT)]
    return surroundings.same(replace(case, seen=replace(case.seen, schema=replace(schema, now=now))))


def weakened(case: Events) -> list[str]:
    """What makes the checks say less than they could."""
    lost = sum(len(one.open_) for one in case.seen.processors)
    return [f"{lost:,} numbers were still missing in tokens at the end: they are not compared."] if lost else []


def pool(case: Any) -> Found:
    """POOL."""
    seen: EventStore = case.seen
    if seen.seeded_pool is None:
        return Found(0, detail="run.json does not have the pool as it was seeded")
    then, now = seen.seeded_pool, seen.pool
    changed = then != now
    detail = f"{now[0]:,} events are there, {then[0]:,} were seeded, or what they say differs" if changed else ""
    return Found(then[0], int(changed), detail, {"then": then, "now": now} if changed else {})


def seeded(case: Any) -> Found:
    """SEEDED. Measured in the database, after it was seeded."""
    figures = case.seen.figures
    wrong = [one for one in figures if not one["right"]]
    detail = "; ".join(f"{one['what']}: asked {one['asked']}, found {one['found']}" for one in wrong)
    return Found(len(figures), len(wrong), detail, {"figures": wrong} if wrong else {})


def _delivered(check: Callable[[Delivery], Part]) -> Callable[[Any], Part]:
    """What a check finds of events and what was received of them: of a run, or of a range of positions."""
    return lambda case: check(case.delivery if isinstance(case, Events) else case)


def _in_order(case: Any) -> Part:
    """ORDER: of a run, or of a range of places."""
    return order.ordered(case if isinstance(case, Receipts) else order.whole(case.delivery))


CHECKS = (
    Check(
        "STREAMS",
        "Every stream has the places 1 to its number of events, each once.",
        "streams, seeded ones and others",
        streams.gapless,
        group=Group.ORDER,
        over=Over.DATABASE,
    ),
    Check(
        "ATOMIC",
        "All events of an append are stored by one transaction, or none.",
        "appends of several events",
        streams.atomic,
        fed_by=tuple(kind for kind, items in BATCHES.items() if items > 1),
        group=Group.WHOLE,
        said="and its events are stored in part, or by several transactions",
        over=Over.KEY,
    ),
    Check(
        "VERSION",
        "Of those who append at one version of a stream one is served, and told where; others are told the version.",
        "appends, by stream and version",
        streams.versions,
        fed_by=APPENDS,
        group=Group.ANSWERS,
        said="at a version of its stream that another had, or was told a wrong one",
        over=Over.THING,
        of=STREAM,
    ),
    Check(
        "DELIVERED",
        "Every committed event behind the token of a processor reached it.",
        "committed events against what processors received",
        _delivered(delivery.skipped),
        needs_all=True,
        fed_by=STREAMS,
        group=Group.DONE,
        over=Over.THING,
        of=POSITION,
    ),
    Check(
        "ONCE",
        "No event reached a processor more than once.",
        "events that processors received",
        _delivered(delivery.twice),
        fed_by=STREAMS,
        group=Group.TWICE,
        over=Over.THING,
        of=POSITION,
    ),
    Check(
        "ORDER",
        "Events reached each processor in their order, those of a stream always.",
        "events that processors received",
        _in_order,
        fed_by=STREAMS,
        group=Group.ORDER,
        over=Over.THING,
        of=RECEIPT,
    ),
    Check(
        "WHOLE",
        "Every event reached processors as it is stored.",
        "events that processors received, by checksum",
        _delivered(delivery.whole),
        fed_by=STREAMS,
        group=Group.CONTENT,
        over=Over.THING,
        of=POSITION,
    ),
    Check(
        "TENANT",
        "No event of another tenant reached a processor of one.",
        "events that processors of one tenant received",
        _delivered(delivery.foreign),
        fed_by=STREAMS,
        group=Group.ISOLATION,
        over=Over.THING,
        of=POSITION,
    ),
    Check(
        "CAUGHT-UP",
        "Every processor came to the end of its stream.",
        "processors",
        _delivered(delivery.caught_up),
        needs_all=True,
        fed_by=STREAMS,
        group=Group.DONE,
        over=Over.THING,
        of=POSITION,
    ),
    Check(
        "TOKEN",
        "Tokens never go back and are stored as told, and head, tail and positions of times are what they were.",
        "tokens, and answers to questions for them",
        tokens.judged,
        fed_by=(*STREAMS, *TOKENS),
        group=Group.ANSWERS,
        said="with a position that there was not at that time",
        over=Over.THING,
        of=TIME,
    ),
    Check(
        "LOADED",
        "Every load answered the stream as it was at that time.",
        "loads, by checksum",
        reads.loaded,
        fed_by=LOADS,
        group=Group.ANSWERS,
        said="with a stream as it was not at that time",
        over=Over.THING,
        of=STREAM,
    ),
    Check(
        "SNAPSHOT",
        "Every snapshot is what the events up to it add up to, and is read as it was stored.",
        "snapshots, stored and read",
        snapshots.judged,
        group=Group.CONTENT,
        said="and the snapshot is not there, or was read otherwise than stored",
        over=Over.THING,
        of=STREAM,
    ),
    Check(
        "PLAN",
        "Every statement finds its rows by an index, with all conditions, in order, and by statistics of the table.",
        "plans of the statements that were sent, during the load and after it",
        lambda case: plans.judged(case.seen.plans),
        fed_by=(*LOADS, *STREAMS, *TOKENS, "read_snapshot", "contend", "stale", "reuse"),
        group=Group.PROTECTED,
        over=Over.DATABASE,
    ),
    Check(
        "SEEDED",
        "The pool is as it was asked for.",
        "figures of the pool",
        seeded,
        group=Group.POOL,
        over=Over.DATABASE,
    ),
    Check(
        "POOL",
        "The seeded events are as they were seeded.",
        "events of the pool",
        pool,
        group=Group.POOL,
        over=Over.DATABASE,
    ),
)
