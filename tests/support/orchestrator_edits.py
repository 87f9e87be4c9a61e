"""What can be wrong with a run of the orchestrator: edits of a clean history, and the checks that each violates."""

import pandas as pd

from harness.journaled import Lost
from harness.outcomes import Outcome
from systems import ids
from systems.orchestrator import DEAD_LETTERS, REASON
from systems.orchestrator_routes import EXPRESS, INVENTORY, PAYMENT, REVIEW
from tests.support.orchestrator_history import (
    ASKED,
    BAD,
    BULK,
    GONE,
    LATER,
    LINES,
    LISTED,
    OPEN,
    PARTIAL,
    POISON,
    REPEAT,
    ROUTES,
    SHED,
    SINGLE,
    SIZE,
    Edit,
    History,
    letter,
)


def drop(history: History, *events: tuple[int, int]) -> None:
    """These events are not there."""
    history.rows = [row for row in history.rows if (row["op"], row["item"]) not in events]


def again(history: History, op: int, item: int, /, **otherwise: object) -> None:
    """One more row like that of an event."""
    history.rows.append({**history.row(op, item), **otherwise})


def later(history: History, op: int, item: int, *points: str, by: str = "1min") -> None:
    """An event got there later."""
    row = history.row(op, item)
    row.update({f"{point}_at": row[f"{point}_at"] + pd.Timedelta(by) for point in points})


def whole_seconds(history: History, *points: str) -> None:
    """The clock of these points has no fractions."""
    for row in history.rows:
        row.update({f"{point}_at": row[f"{point}_at"].floor("s") for point in points})


def counts(queue: str, sent: int = 0, deleted: int = 0, left: int = 0) -> Edit:
    """A queue counts so many more."""

    def edit(history: History) -> None:
        history.queues[queue] = [
            one + more for one, more in zip(history.queues[queue], (sent, deleted, left), strict=True)
        ]

    return edit


def tells(counter: str, more: float) -> Edit:
    """The target counts so many more."""

    def edit(history: History) -> None:
        (name,) = (name for name in history.counted if counter in name)
        history.counted[name] += more

    return edit


EDITS: dict[str, tuple[Edit, set[str]]] = {
    "an event is lost": (lambda h: drop(h, (BULK, 7)), {"X1", "MESSAGES", "METRICS"}),
    "a single one is lost": (lambda h: drop(h, (SINGLE, 0)), {"X1", "MESSAGES", "METRICS"}),
    "an event is there twice": (lambda h: again(h, LINES, 3), {"X4", "MESSAGES", "METRICS"}),
    "one is there three times": (
        lambda h: [again(h, op, item) for op, item in ((BULK, 1), (OPEN, 5), (OPEN, 5))],
        {"X4", "MESSAGES", "METRICS"},
    ),
    "nobody sent it": (lambda h: again(h, BULK, 0, op=999), {"X2", "METRICS"}),
    "its request has no such place": (lambda h: again(h, SINGLE, 0, item=1), {"X2", "METRICS"}),
    "its key names nothing": (lambda h: again(h, BULK, 0, op=-1, stray="something"), {"X2", "METRICS"}),
    "under another key": (lambda h: h.foreign.append({**h.row(BULK), "stray": "other"}), {"X2", "METRICS"}),
    "a refused request is done": (lambda h: again(h, BULK, 0, op=BAD), {"X3", "METRICS"}),
    "one that was shed is done": (lambda h: again(h, BULK, 0, op=SHED), {"X3", "METRICS"}),
    "a dry run is done": (lambda h: again(h, BULK, 0, op=ASKED), {"X3", "METRICS"}),
    "a refused event is done": (
        lambda h: again(h, PARTIAL, 8, item=9),
        {"X3", "ROUTED", "PAYLOAD", "MESSAGES", "METRICS"},
    ),
    "a cent more": (lambda h: h.row(LINES, 39).update(total_cents=1), {"X5"}),
    "another order and tier": (lambda h: h.row(OPEN, 2).update(order_id="x", customer_tier="y"), {"X5"}),
    "stored later": (lambda h: later(h, BULK, 4, "accepted"), {"X9"}),
    "stored earlier": (lambda h: later(h, LATER, 0, "accepted", by="-1h"), {"X9"}),
    "recorded for another queue": (lambda h: h.row(BULK, 3).update(queue="elsewhere"), {"ROUTED"}),
    "taken from other queues": (
        lambda h: [h.row(op).update(taken_from="elsewhere") for op in (LATER, LINES)],
        {"ROUTED"},
    ),
    "came to no service": (lambda h: h.row(LINES, 2).update(taken_from=None, consumed_at=None, digest=-1), set()),
    "more messages than events": (counts(EXPRESS, 2, 2), {"MESSAGES", "METRICS"}),
    "fewer messages behind": (counts(PAYMENT, -1, -1), {"MESSAGES"}),
    "enqueued later": (lambda h: [later(h, op, 0, "enqueued") for op in (LINES, BULK)], {"ENQUEUED"}),
    "enqueued later, and never taken": (
        lambda h: (later(h, BULK, 5, "enqueued"), h.row(BULK, 5).update(consumed_at=None)),
        set(),
    ),
    "enqueued by whole seconds": (lambda h: whole_seconds(h, "enqueued"), set()),
    "enqueued by whole seconds but for one": (
        lambda h: (whole_seconds(h, "enqueued"), later(h, SINGLE, 0, "enqueued", by="4ms")),
        {"ENQUEUED"},
    ),
    "by whole seconds, and one later": (
        lambda h: (
            whole_seconds(h, "accepted", "enqueued"),
            later(h, OPEN, 9, "enqueued"),
            later(h, BULK, 1, "enqueued"),
        ),
        {"ENQUEUED"},
    ),
    "stored by whole seconds, and one later": (
        lambda h: (whole_seconds(h, "accepted"), later(h, BULK, 4, "accepted")),
        {"X9"},
    ),
    "came otherwise": (lambda h: h.row(OPEN, 17).update(digest=4711), {"PAYLOAD"}),
    "came to the last one otherwise": (
        lambda h: [h.row(op, 11).update(last_digest=4711) for op in (LINES, BULK)],
        {"PAYLOAD"},
    ),
    "a good one was refused": (lambda h: h.refuse(LINES, 5), {"REFUSED", "X3", "METRICS"}),
    "one was refused, and taken when it was sent again": (lambda h: h.refuse(BULK, 5), {"REFUSED", "METRICS"}),
    "good ones were refused and are not there": (
        lambda h: [(h.refuse(op, 5), drop(h, (op, 5))) for op in (BULK, LINES)],
        {"REFUSED", "X1", "MESSAGES", "METRICS"},
    ),
    "a bad one was taken": (
        lambda h: h.refuse(PARTIAL, 9, 19, 29),
        {"REFUSED", "X1", "METRICS"},
    ),
    "which were refused is not on record": (lambda h: setattr(h, "refused", []), {"METRICS"}),
    "another answer to a dry run": (lambda h: h.op(ASKED).update(answer=1), {"DRYRUN"}),
    "other orchestrations": (lambda h: h.op(LISTED).update(answer=1), {"DRYRUN"}),
    "other routes": (lambda h: h.op(ROUTES).update(answer=1), {"CONFIG"}),
    "not paid": (lambda h: h.row(BULK, 30).update(paid=0, course=124), {"DONE", "MESSAGES"}),
    "not all the way": (
        lambda h: [h.row(op, 1).update(fulfilled=0, course=123, completed_at=None) for op in (PARTIAL, LINES)],
        {"DONE"},
    ),
    "worked for twice": (lambda h: h.row(LATER).update(reserved=2, course=12234), {"ONCE"}),
    "poison was served": (lambda h: h.row(POISON, 1).update(reserved=1, course=12), {"ONCE", "MESSAGES"}),
    "out of order": (lambda h: [h.row(op, 6).update(course=1324) for op in (OPEN, BULK)], {"ORDER"}),
    "not buried": (lambda h: h.row(POISON).update(dead_reason=None), {"DEAD"}),
    "buried without its reason": (lambda h: h.row(POISON, 1).update(dead_reason="why"), {"DEAD"}),
    "another one was buried": (lambda h: h.row(LINES, 5).update(dead_reason=REASON), {"DEAD"}),
    "a letter is missing": (lambda h: h.letters.pop(0), {"DEAD"}),
    "a letter is there twice": (lambda h: h.letters.append(h.letters[1]), {"DEAD"}),
    "a letter of a good one": (lambda h: h.letters.append(letter(OPEN, 3)), {"DEAD"}),
    "letters without the reason, and otherwise": (
        lambda h: setattr(h, "letters", [letter(POISON, 0, why=""), letter(POISON, 1, context={})]),
        {"DEAD"},
    ),
    "letters of nobody": (
        lambda h: h.letters.extend(
            ["no JSON", "[]", letter(999, 0), letter(SINGLE, 9), letter(POISON, 0, correlationId="x")]
        ),
        set(),
    ),
    "miscounted": (counts(REVIEW, 0, -1), {"DEPTH"}),
    "not drained": (counts(INVENTORY, 0, -2, 2), {"DRAINED"}),
    "dead letters more than were sent": (counts(DEAD_LETTERS, 0, 0, 1), {"DEPTH"}),
    "all counters are wrong": (
        lambda h: [
            tells(counter, more)(h)
            for counter, more in (("processed", 1), ("routed", -1), ("failed", 50), ("shed", 9), ("_count", -1))
        ],
        {"METRICS"},
    ),
    "a counter is not told": (lambda h: h.counted.popitem(), {"METRICS"}),
    "routing took longer than its requests": (
        lambda h: (
            [h.op(op).update(outcome=int(Outcome.ACK)) for op in (OPEN, GONE)],
            [h.store(GONE, item) for item in range(SIZE)],
            h.count(),
            tells("_sum", 1)(h),
        ),
        {"METRICS"},
    ),
    # What must not fire.
    "a request came twice on the way": (
        lambda h: (h.op(LINES).update(outcome=int(Outcome.REPLAY)), tells("_count", 80)(h)),
        set(),
    ),
    "routing took long, and not all was answered": (tells("_sum", 1), set()),
    "one that was not answered is half there": (
        lambda h: (drop(h, *((OPEN, item) for item in range(20, SIZE))), h.count()),
        set(),
    ),
    "a repeat was not answered": (lambda h: (h.op(REPEAT).update(outcome=int(Outcome.UNKNOWN)), h.count()), set()),
    "the queues are elsewhere": (lambda h: h.queues.clear(), set()),
    "the counters are not known": (lambda h: setattr(h, "uncounted", "the API died"), set()),
    "the clock at the load is not known": (lambda h: h.around.update(before=None), set()),
    "a journal is missing": (
        lambda h: (
            setattr(h, "lost", (Lost(1, 0, "is missing"),)),
            again(h, BULK, 0, op=ids.operation(1, 3)),
            h.count(),
        ),
        set(),
    ),
}
