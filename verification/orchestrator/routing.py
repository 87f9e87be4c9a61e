"""Each event is where the rules say, and those are refused that they have no place for."""

import numpy as np

from harness.outcomes import DONE, Outcome
from systems import ids, orchestrator, orchestrator_routes
from verification.arrays import Array
from verification.case import Found
from verification.ledger import find
from verification.orchestrator.case import NONE, Events, refusals


def routed(case: Events) -> Found:
    """ROUTED. Recorded for its queue, and taken from there."""
    rows, expected = case.rows.iloc[case.known], case.drawn.queue[case.order]
    recorded = rows["queue"].to_numpy().astype(object) != expected
    taken = rows["taken_from"]
    elsewhere = taken.notna().to_numpy() & (taken.to_numpy().astype(object) != expected)
    keys, items = case.keys_of(np.flatnonzero(recorded | elsewhere))
    return case.broken_items(
        len(rows),
        keys,
        items,
        f"{int(recorded.sum()):,} were routed to another queue than the rules say, {int(elsewhere.sum()):,} taken from "
        "another",
    )


def unaltered(case: Events) -> Found:
    """PAYLOAD. What the first service got, and the last one, by digests of all of it."""
    expected = np.where(case.poisoned, case.drawn.poison_digest[case.order], case.drawn.digest[case.order])
    first, last = (case.rows[name].to_numpy()[case.known] for name in ("digest", "last_digest"))
    wrong = [(digest != NONE) & (digest != expected) for digest in (first, last)]
    keys, items = case.keys_of(np.flatnonzero(wrong[0] | wrong[1]))
    return case.broken_items(
        int((first != NONE).sum() + (last != NONE).sum()),
        keys,
        items,
        f"{int(wrong[0].sum()):,} came to the first service otherwise than sent, {int(wrong[1].sum()):,} to the last",
    )


def refused(case: Events) -> Found:
    """REFUSED. Of each request that was accepted exactly the events that the rules have no place for."""
    ledger = case.ledger
    compared, keys, items, told = 0, [], [], [0, 0]
    at, there = find(ledger.ops["op"].to_numpy(), ledger.refused["op"])
    said = {(int(one), int(item)) for one, item in zip(at[there], ledger.refused["item"][there], strict=True)}
    for kind, effects in ledger.scenario.effects.items():
        size = effects["ACK"].items if "ACK" in effects else 0
        if not size:
            continue
        lines = np.flatnonzero(ledger.kind(kind) & ledger.outcome(*DONE) & ~ledger.unsure)
        compared += len(lines) * size
        partly = np.isin(ledger.ops["op"].to_numpy()[lines], ledger.partly)
        wanted = set(refusals(kind, size))
        # One without any refusal needs no look, where none is wanted.
        for line in lines[partly | bool(wanted)].tolist():
            found = {item for item in range(size) if (line, item) in said}
            for item in sorted(found ^ wanted):
                keys.append(int(ledger.key_place[line]))
                items.append(item)
                told[item in wanted] += 1
    order = np.lexsort((items, keys))
    return case.broken_items(
        compared,
        np.array(keys, np.int64)[order],
        np.array(items, np.int64)[order],
        f"{told[0]:,} events were refused that the rules have a place for, {told[1]:,} accepted without one",
    )


def asked(case: Events) -> Found:
    """DRYRUN. What a dry run, and the list of orchestrations, answered."""
    ledger, answer = case.ledger, case.ledger.ops["answer"].to_numpy()
    dry = _answered(case, "dry_run")
    numbers = ledger.ops["op"].to_numpy()[dry]
    events = case.drawn.place(numbers, np.zeros(len(dry), np.int64))
    expected = [
        ids.digest(orchestrator.dry_run(orchestrator.queue_of(type_, case.drawn.events[place]["context"]), type_))
        for type_, place in zip(map(orchestrator.dry_run_type, numbers.tolist()), events.tolist(), strict=True)
    ]
    wrong = dry[answer[dry] != np.array(expected, np.int64)]
    lists = _answered(case, "orchestrations")
    unlike = lists[answer[lists] != ids.digest(orchestrator.listed(orchestrator.ORCHESTRATIONS))]
    return case.broken(
        len(dry) + len(lists),
        np.unique(ledger.key_place[np.concatenate([wrong, unlike])]),
        f"{len(wrong):,} dry runs named another queue than the rules say, {len(unlike):,} lists of orchestrations were "
        "not as they are",
    )


def configured(case: Events) -> Found:
    """CONFIG. The routes that are told are those that events are routed by."""
    told = _answered(case, "config")
    right = ids.digest(orchestrator_routes.text([orchestrator_routes.ROUTES]))
    wrong = told[case.ledger.ops["answer"].to_numpy()[told] != right]
    return case.broken(
        len(told), np.unique(case.ledger.key_place[wrong]), f"{len(wrong):,} answers had other routes than the rules"
    )


def _answered(case: Events, kind: str) -> Array:
    """The lines of the operations of `kind` whose answer is on record."""
    ledger = case.ledger
    found: Array = np.flatnonzero(
        ledger.kind(kind) & ledger.outcome(Outcome.ACK) & (ledger.ops["answer"].to_numpy() != 0)
    )
    return found
