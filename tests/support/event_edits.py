"""What a target may do wrong to a clean history of the event store, and the check that must name it."""

from collections.abc import Callable
from typing import Any

from harness.outcomes import Outcome
from systems.event_store import AT, DELIVERED, HOT, MISSING, PERHAPS
from tests.support.event_history import (
    LOST,
    OF_ALL,
    OF_BIG,
    OF_OTHER,
    OF_SMALL,
    REUSED,
    SENT_AGAIN,
    SINGLE,
    SLOW,
    STEP_NS,
    TEN,
    History,
)

Edit = Callable[[History], Any]


def first(history: History, kind: str, outcome: Outcome | None = None, place: int = 0) -> dict[str, Any]:
    """The operation of that kind and outcome at that place among these."""
    found = [one for one in history.ops if one["kind"] == kind and outcome in (None, one["outcome"])]
    return found[place]


def unsent(history: History, **otherwise: Any) -> None:
    """A row of the run that nobody sent, or under a key that is none."""
    history.position += 1
    history.rows.append({**history.rows[0], "position": history.position, "op": -1, **otherwise})


def again(history: History, like: int, **otherwise: Any) -> None:
    """A row stored once more, at a place of its own."""
    history.position += 1
    history.rows.append({**history.rows_of(like)[0], "position": history.position, **otherwise})


def foreign(history: History, by: int) -> None:
    """An event of somebody else, so many positions behind the last one."""
    history.position += by
    history.others.append({**history.rows[0], "position": history.position})


def late(history: History, processor: int, place: int, by: int) -> None:
    """What a processor received at a place comes later by so many."""
    own = [at for at, one in enumerate(history.records) if one["processor"] == processor and one["what"] == DELIVERED]
    record = history.records.pop(own[place])
    history.records.insert(own[place + by], record)


def perhaps(history: History, processor: int, batches: int) -> None:
    """It is not known of the last batches of a processor whether they were committed; of one more they were not."""
    last = history.tokens[processor]["batches"]
    for one in history.of(processor):
        if one["batch"] > last - batches:
            one["what"] = PERHAPS
    history.tokens[processor]["batches"] = last - 1


def behind(history: History, processor: int, events: int) -> None:
    """A processor did not receive the last events, and its token is behind them."""
    position = history.of(processor)[-events]["position"]
    history.records = [
        one
        for one in history.records
        if one["processor"] != processor or one["position"] < position or one["what"] == MISSING
    ]
    at = history.of(processor, AT)
    history.tokens[processor]["position"] = at[-1]["position"]


def wrong(history: History, op: dict[str, Any], by: int) -> None:
    """An operation is answered otherwise."""
    op["answer"] += by


EDITS: dict[str, tuple[Edit, str]] = {
    "an append is lost": (lambda h: h.rows.remove(h.rows_of(SINGLE)[0]), "X1"),
    "a row that nobody sent": (lambda h: unsent(h, op=10_000), "X2"),
    "a row under no key": (lambda h: [unsent(h, stray="x"), unsent(h, stray="a")], "X2"),
    "a row under the number of a repeat": (lambda h: again(h, SINGLE, op=SENT_AGAIN), "X2"),
    "a row that was rolled back": (lambda h: again(h, SINGLE, op=first(h, "rollback")["op"]), "X3"),
    "a row twice": (lambda h: again(h, TEN), "X4"),
    "a row of another stream": (lambda h: h.rows_of(TEN)[3].update(stream=HOT, seq=40), "X5"),
    "a row that says otherwise": (lambda h: h.rows_of(SLOW)[0].update(checksum=7), "X5"),
    "a part of an append": (lambda h: h.rows.remove(h.rows_of(LOST)[4]), "ATOMIC"),
    "an append in two transactions": (lambda h: h.rows_of(TEN)[9].update(tx=999), "ATOMIC"),
    "a position that is another's": (lambda h: wrong(h, h.op(TEN), -1), "VERSION"),
    "two at one version": (
        lambda h: first(h, "contend", Outcome.ACK, 3).update(subject=first(h, "contend", Outcome.ACK, 0)["subject"]),
        "VERSION",
    ),
    "a version that was passed": (lambda h: wrong(h, first(h, "contend", Outcome.REJECT, 2), -2), "VERSION"),
    "a version that there never was": (lambda h: wrong(h, first(h, "stale"), 1), "VERSION"),
    "a key that is wrong in two parts": (
        lambda h: [wrong(h, h.op(op), 1) for op in (SINGLE, REUSED, first(h, "stale", None, 2)["op"])],
        "VERSION",
    ),
    "an event that was skipped": (lambda h: h.records.remove(h.of(OF_ALL)[8]), "DELIVERED"),
    "events that were skipped by one": (
        lambda h: [h.records.remove(one) for one in (h.of(OF_BIG)[4], *h.of(OF_OTHER)[11:60:3])],
        "DELIVERED",
    ),
    "an event that came twice": (lambda h: h.records.append({**h.of(OF_SMALL)[2]}), "ONCE"),
    "events that came late": (
        lambda h: [late(h, OF_ALL, 3, 7), late(h, OF_ALL, 40, 30), late(h, OF_OTHER, 9, 1)],
        "ORDER",
    ),
    "events of a stream that came late": (lambda h: [late(h, OF_SMALL, place, 1) for place in (0, 4, 11)], "ORDER"),
    "what was missing came late": (
        lambda h: [
            late(h, OF_ALL, 3, 7),
            h.records.append({**h.of(OF_ALL)[10], "what": MISSING, "checksum": 0}),
        ],
        "",
    ),
    "what was never stored was received": (
        lambda h: h.records.insert(20, {**h.of(OF_ALL)[2], "position": 10_000_000}),
        "WHOLE",
    ),
    "what was received says otherwise": (
        lambda h: [one.update(checksum=5) for one in (*h.of(OF_ALL)[30:2:-4], h.of(OF_BIG)[0])],
        "WHOLE",
    ),
    "another's events were received": (
        lambda h: [h.records.append({**one, "processor": OF_SMALL}) for one in h.of(OF_BIG)[:14]],
        "TENANT",
    ),
    "a processor is behind": (lambda h: behind(h, OF_OTHER, 140), "CAUGHT-UP"),
    "a processor is behind, and misses some": (
        lambda h: [behind(h, OF_OTHER, 140), h.tokens[OF_ALL].update(gaps="{10003,10004,10900}")],
        "CAUGHT-UP",
    ),
    "an end that was passed": (lambda h: wrong(h, first(h, "head", None, 5), -1), "TOKEN"),
    "an end that there was not": (lambda h: wrong(h, first(h, "head", None, 8), 3), "TOKEN"),
    "ends that took long": (
        lambda h: [wrong(h, one, by) for place, by in ((2, 1), (4, 90), (9, -9)) for one in [stretched(h, place)]],
        "TOKEN",
    ),
    "another beginning": (lambda h: wrong(h, first(h, "tail"), 1), "TOKEN"),
    "another noon": (lambda h: wrong(h, first(h, "token_at"), 1), "TOKEN"),
    "a token that went back": (lambda h: h.of(OF_BIG, AT)[2].update(position=10_000), "TOKEN"),
    "a token that is stored otherwise": (lambda h: h.tokens[OF_BIG].update(position=10_001), "TOKEN"),
    "a load of something else": (lambda h: h.loaded[3].update(checksum=9), "LOADED"),
    "a load that is too short": (lambda h: h.loaded[-1].update(last=h.loaded[-1]["last"] - 1), "LOADED"),
    "a load from another snapshot": (lambda h: h.loaded[0].update(snapshot=h.loaded[0]["snapshot"] - 1), "LOADED"),
    "a snapshot of something else": (lambda h: h.snapshots[-2].update(state="{}"), "SNAPSHOT"),
    "seeded snapshots that are gone": (lambda h: [h.snapshots.pop(2), h.snapshots.pop(0)], "SNAPSHOT"),
    "a snapshot that is of nothing": (lambda h: h.snapshots.append({**h.snapshots[-1], "stream": -1}), "SNAPSHOT"),
    "a stored snapshot that is gone": (lambda h: h.snapshots.pop(), "SNAPSHOT"),
    "a snapshot that is read otherwise": (lambda h: wrong(h, first(h, "read_snapshot", None, 1), 1), "SNAPSHOT"),
    "batches of which it is not known": (lambda h: [perhaps(h, OF_BIG, 3), perhaps(h, OF_ALL, 1)], ""),
    "others' events": (lambda h: [foreign(h, by) for by in (5, 1, 900)], "CAUGHT-UP"),
    "an append that was acknowledged late": (lambda h: h.op(SLOW).update(end=40 * STEP_NS), ""),
    "a doubtful clock": (lambda h: [one.update(doubt=STEP_NS * 3) for one in h.ops[::3]], ""),
}


def stretched(history: History, place: int) -> dict[str, Any]:
    """A question for an end that took as long as half of the load."""
    op = first(history, "head", None, place)
    op.update(end=op["start"] + len(history.ops) * STEP_NS // 2)
    return op
