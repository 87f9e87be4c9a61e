"""Accepted events are recorded, routed as the rules say, and done once by each service; or they are dead letters."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import pandas as pd

from harness.check import Group
from harness.monitor.prometheus import Prometheus
from harness.run import Run
from systems.orchestrator import DEAD_LETTERS, STEPS
from verification.checks import Check, Over
from verification.divided.keeping import Keeping
from verification.ledger import Ledger
from verification.orchestrator import case, counters, queues, routing, work
from verification.orchestrator.case import Events, Seen, content
from verification.orchestrator.drawn import drawn
from verification.reading import MOMENT
from verification.rows import Source
from verification.stored import Query, Stored

SENT = ("bulk", "ndjson", "single", "partial", "poison")
"""The kinds that leave events."""

POINTS = ("accepted", "routed", "enqueued", "consumed", "completed")


# Of queues elsewhere it is known only by the events whether anything is left there.
PENDING = f"""
SELECT (SELECT count(*) FROM queue_messages JOIN queues ON queues.id = queue WHERE name <> '{DEAD_LETTERS}')
    + CASE WHEN EXISTS (SELECT FROM queue_counts) THEN 0 ELSE (
        SELECT count(*) FROM orchestrator_events
        WHERE completed_at IS NULL AND dead_reason IS NULL AND correlation_id {{ours}}
    ) END
"""


@dataclass(frozen=True, kw_only=True)
class Orchestrator(Stored):
    """Events in one table; beside it the queues, and what the target counts."""

    def observe(self, url: str, run: Run, ledger: Ledger, keeping: Keeping | None = None) -> Seen:
        """What every system reads; then, when nothing moves any more, the counters of the target."""
        rows = super().observe(url, run, ledger, keeping)
        told, why = _counted(run)
        known = {field.name: getattr(rows, field.name) for field in fields(rows)}
        return Seen(**known, counted=told, uncounted=why)

    def case(self, ledger: Ledger, seen: Any) -> Events:
        """What was sent beside what became of it."""
        orders = drawn(ledger.scenario)

        def expected(_run: str, items: pd.DataFrame) -> pd.DataFrame:
            return content(orders, items)

        return Events(ledger, seen, expected, orders, thing="event")

    def weakened(self, case: Any) -> list[str]:
        """What makes the checks say less than they could."""
        said = []
        if not case.seen.in_database:
            said.append(
                "The queues are not in the database: what went through them, and what is left there, was not compared "
                "(MESSAGES, ENQUEUED, DEPTH, DRAINED; DEAD by the record of the events alone)."
            )
        if case.seen.uncounted:
            said.append(f"What the target counts itself was not compared (METRICS): {case.seen.uncounted}.")
        return said


def _counted(run: Run) -> tuple[Mapping[str, float], str]:
    """The counters of the target; why they can't be compared, if they can't."""
    target, contract = run.facts.get("target") or {}, run.scenario.contract
    if not target.get("url"):
        return {}, "no address of the target is known"
    if not target.get("ours"):
        return {}, "the target ran before, and so did its counters"
    started = [one["service"] == "api" for one in run.facts.get("scaling") or []]
    started += [
        one["verb"] in ("kill", "restart") and one["what"] in ("target", "api")
        for one in run.facts.get("announced") or []
    ]
    if target.get("died") or any(started):
        return {}, "the API was started again meanwhile, or died"
    found = Prometheus(f"{target['url']}{contract['metrics'].split(' ', 1)[1]}").sample()
    return {name.removeprefix("metrics."): value for name, value in found.items()}, ""


_by_key = partial(Check, over=Over.KEY)
_of_events = partial(_by_key, fed_by=SENT)
_of_queues = partial(Check, fed_by=SENT, over=Over.DATABASE)
HOW_OFTEN = f"and was {', '.join(f'{step} {{{step}}} times' for step in STEPS)}"

STORED = Orchestrator(
    thing="event",
    source=Source(
        "orchestrator_events",
        key="correlation_id",
        points={point: f"{point}_at" for point in POINTS},
        columns={
            "type": "str",
            "order_id": "str",
            "customer_tier": "str",
            "total_cents": "int64",
            "queue": "str",
            "taken_from": "str",
            "digest": "int64",
            "last_digest": "int64",
            "course": "int64",
            "dead_reason": "str",
            **dict.fromkeys(STEPS, "int64"),
            **{f"{point}_at": MOMENT for point in POINTS},
        },
        named={name: f"coalesce({name}, {case.NONE})" for name in ("digest", "last_digest")},
    ),
    content=lambda _run, _items: pd.DataFrame(),  # the case knows the orders
    pending=PENDING,
    also={
        "queues": Query(
            "SELECT name, coalesce(sum(sent), 0)::bigint, coalesce(sum(deleted), 0)::bigint, "
            "(SELECT count(*) FROM queue_messages WHERE queue = queues.id) "
            "FROM queues LEFT JOIN queue_counts ON queue_counts.queue = queues.id GROUP BY queues.id, name ORDER BY id",
            {"name": "str", "sent": "int64", "deleted": "int64", "left": "int64"},
        ),
        "dead": Query(
            f"SELECT body FROM queue_messages JOIN queues ON queues.id = queue WHERE name = '{DEAD_LETTERS}'",
            {"body": "str"},
            by_operation=work.letters,
        ),
    },
    checks=(
        _of_events(
            "ROUTED",
            "Every event was routed to the queue that the rules say.",
            "accepted events",
            routing.routed,
            group=Group.DONE,
            said="and is recorded for {queue} and taken from {taken_from}: not both are the queue of the rules",
        ),
        _of_events(
            "MESSAGES",
            "Every queue got one message for each event that belongs there, and no other.",
            "messages, by the counts of the queues",
            queues.sent,
            needs_all=True,
            unfed=queues.ELSEWHERE,
            group=Group.COUNTED,
        ),
        _of_events(
            "ENQUEUED",
            "Every event was in its queue when its answer said so.",
            "events that came to a service",
            queues.in_time,
            unfed=queues.ELSEWHERE,
            group=Group.ORDER,
            said="and was not in its queue by then",
        ),
        _of_events(
            "PAYLOAD",
            "Every event came to the first service and to the last one as it was sent.",
            "events that came",
            routing.unaltered,
            group=Group.CONTENT,
            said="and came to a service otherwise than it was sent",
        ),
        _by_key(
            "REFUSED",
            "Exactly those events of a request were refused that the rules have no place for.",
            "events of accepted requests",
            routing.refused,
            fed_by=SENT,
            group=Group.ANSWERS,
            said="with other events refused than the rules have no place for",
        ),
        _by_key(
            "DRYRUN",
            "Dry runs and the list of orchestrations say what the rules say.",
            "answers",
            routing.asked,
            fed_by=("dry_run", "orchestrations"),
            group=Group.ANSWERS,
            said="otherwise than the rules say",
        ),
        _by_key(
            "CONFIG",
            "The routes that are told are those that events are routed by.",
            "answers",
            routing.configured,
            fed_by=("config",),
            group=Group.ANSWERS,
            said="with other routes than events are routed by",
        ),
        _of_events(
            "DONE",
            "Every order went through all services, as far as it can.",
            "accepted events",
            work.done,
            group=Group.DONE,
            said=HOW_OFTEN,
        ),
        _of_events(
            "ONCE",
            "No service did its work twice for an event.",
            "accepted events",
            work.once,
            group=Group.TWICE,
            said=HOW_OFTEN,
        ),
        _of_events(
            "ORDER",
            "Every service did its work after the one before it.",
            "events that came",
            work.in_order,
            group=Group.ORDER,
            said="and a service did its work before the one before it",
        ),
        _by_key(
            "DEAD",
            "What a service can't do its work for is a dead letter, once and with its reason; nothing else is.",
            "dead letters, and what must be one",
            work.dead,
            fed_by=("poison",),
            group=Group.DONE,
            said="and is no dead letter where it must be one, or is one where it must not",
        ),
        _of_queues(
            "DEPTH",
            "Of every queue, what was sent less what was deleted is what is there.",
            "messages, by counts and one by one",
            queues.balanced,
            unfed=queues.ELSEWHERE,
            group=Group.COUNTED,
        ),
        _of_queues(
            "DRAINED",
            "After the drain nothing is left in the queues of the services.",
            "messages",
            queues.drained,
            unfed=queues.ELSEWHERE,
            group=Group.DONE,
        ),
        _of_events(
            "METRICS",
            "What the target counts itself is what the database has.",
            "events, by /metrics",
            counters.counted,
            unfed="the target is not started by the run, or its API was started again",
            group=Group.COUNTED,
        ),
    ),
)


def checks_of(scenario: Any) -> Any:
    """The checks of a plan."""
    return STORED.checks_of(scenario)
