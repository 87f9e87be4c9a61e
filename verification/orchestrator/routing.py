"""Each event is where the rules say, and those are refused that they have no place for."""

from dataclasses import replace

import numpy as np

from harness.outcomes import DONE, Outcome
from systems import ids, orchestrator, orchestrator_routes
from verification.arrays import Array
from verification.found import Found, Part
from verification.ledger import find
from verification.orchestrator.case import NONE, Events, refusals


def routed(case: Events) -> Part:
    """ROUTED. Recorded for its queue, and taken from there."""
    rows, expected = case.rows.iloc[case.known], case.drawn.queue[case.order]
    recorded = rows["queue"].to_numpy().astype(object) != expected
    taken = rows["taken_from"]
    elsewhere = taken.notna().to_numpy() & (taken.to_numpy().astype(object) != expected)
    sums = {"recorded": int(recorded.sum()), "elsewhere": int(elsewhere.sum())}
    return case.part_of_rows(_routed, len(rows), np.flatnonzero(recorded | elsewhere), sums)


def _routed(part: Part) -> Found:
    return part.found(
        f"{part.sums['recorded']:,} were routed to another queue than the rules say, {part.sums['elsewhere']:,} taken "
        "from another"
    )


def unaltered(case: Events) -> Part:
    """PAYLOAD. What the first service got, and the last one, by digests of all of it."""
    expected = np.where(case.poisoned, case.drawn.poison_digest[case.order], case.drawn.digest[case.order])
    first, last = (case.rows[name].to_numpy()[case.known] for name in ("digest", "last_digest"))
    wrong = [(digest != NONE) & (digest != expected) for digest in (first, last)]
    compared = int((first != NONE).sum() + (last != NONE).sum())
    sums = {"first": int(wrong[0].sum()), "last": int(wrong[1].sum())}
    return case.part_of_rows(_unaltered, compared, np.flatnonzero(wrong[0] | wrong[1]), sums)


def _unaltered(part: Part) -> Found:
    return part.found(
        f"{part.sums['first']:,} came to the first service otherwise than sent, {part.sums['last']:,} to the last"
    )


def refused(case: Events) -> Part:
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
    return case.part_of_items(
        _refused,
        compared,
        np.array(keys, np.int64)[order],
        np.array(items, np.int64)[order],
        {"refused": told[0], "accepted": told[1]},
    )


def _refused(part: Part) -> Found:
    return part.found(
        f"{part.sums['refused']:,} events were refused that the rules have a place for, {part.sums['accepted']:,} "
        "accepted without one"
    )


def asked(case: Events) -> Part:
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
    keys = np.unique(ledger.key_place[np.concatenate([wrong, unlike])])
    part = case.part(_asked, len(dry) + len(lists), keys)
    return replace(part, sums={"dry": len(wrong), "lists": len(unlike)})


def _asked(part: Part) -> Found:
    return part.found(
        f"{part.sums['dry']:,} dry runs named another queue than the rules say, {part.sums['lists']:,} lists of "
        "orchestrations were not as they are"
    )


def configured(case: Events) -> Part:
    """CONFIG. The routes that are told are those that events are routed by."""
    told = _answered(case, "config")
    right = ids.digest(orchestrator_routes.text([orchestrator_routes.ROUTES]))
    wrong = told[case.ledger.ops["answer"].to_numpy()[told] != right]
    part = case.part(_configured, len(told), np.unique(case.ledger.key_place[wrong]))
    return replace(part, sums={"wrong": len(wrong)})


def _configured(part: Part) -> Found:
    return part.found(f"{part.sums['wrong']:,} answers had other routes than the rules")


def _answered(case: Events, kind: str) -> Array:
    """The lines of the operations of `kind` whose answer is on record."""
    ledger = case.ledger
    found: Array = np.flatnonzero(
        ledger.kind(kind) & ledger.outcome(Outcome.ACK) & (ledger.ops["answer"].to_numpy() != 0)
    )
    return found
