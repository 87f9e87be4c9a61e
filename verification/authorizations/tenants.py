"""No user moves units of another organization, or without a signed token; and what was seeded stays as it is."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from harness.outcomes import DONE
from systems import ids
from systems.authorizations import MOVES, PATIENTS, PRACTITIONERS, TOKEN_DEFECTS, UNITS
from systems.authorizations_given import Given
from verification.arrays import Array
from verification.authorizations.accounts import Units
from verification.found import Found, Part, Witness


def kept_apart(case: Units) -> Part:
    """X7. By the caller, by the authorizations in the answers, and by the practitioners in the movements."""
    ledger, key, sent = case.ledger, case.ledger.key_place, case.sent
    answered = ledger.outcome(*DONE)
    named = bool(case.seen.scenario.contract["id"])
    strangers = (sent.place >= 0) & (_employer(case, sent.practitioner) != case.pool.organization[sent.place])
    let_in = strangers & (answered | case.stands[key])
    shown = answered & case.answers.another
    employer, owner = _organizations(case)
    joined = (employer > 0) & (owner > 0)
    mixed = np.flatnonzero(joined & (employer != owner))
    known = mixed[case.moved_key[mixed] >= 0]
    compared = int(strangers.sum() + named * answered.sum() + joined.sum())
    part = case.part(_kept_apart, compared, np.unique(np.concatenate([key[let_in | shown], case.moved_key[known]])))
    sums = {"let in": int(let_in.sum()), "mixed": len(mixed), "shown": int(shown.sum())}
    sums |= {move: int((sent.move[strangers] == place).sum()) for place, move in enumerate(MOVES)}
    nobodys = mixed[case.moved_key[mixed] < 0]
    return replace(part, sums=sums, each={"movement": _movement(case, int(nobodys[0]))} if len(nobodys) else {})


def _movement(case: Units, line: int) -> Witness:
    """The movement on that line; those under keys of the run come before the others."""
    movement, own = case.moved_rows.iloc[[line]], line < len(case.rows)
    order = (0, int(case.row_order[line])) if own else (1, line - len(case.rows))
    found: dict[str, Any] = case.shown(movement.drop(columns="op"))[0]
    return Witness(order, found, case.sql(found["stray"]))


def _kept_apart(part: Part) -> Found:
    mixed = part.sums["mixed"]
    if not part.witnesses and not mixed:
        tried = ", ".join(f"{part.sums[move]:,} {move}s" for move in MOVES)
        return replace(part.found(""), detail=f"strangers tried {tried}")
    if not part.witnesses:
        part = replace(part, witnesses=mixed, first=part.each["movement"])
    return part.found(
        f"{part.sums['let in']:,} operations on another organization's authorization were acknowledged or are stored, "
        f"{mixed:,} movements are of a practitioner of another organization, and {part.sums['shown']:,} answers "
        "were about another authorization"
    )


def forged(case: Units) -> Part:
    """TOKEN. Requests with a token that must not be believed had no effect."""
    ledger, sent = case.ledger, case.sent
    attempts = ledger.kind("forged")
    believed = attempts & (ledger.outcome(*DONE) | case.stands[ledger.key_place])
    usual = np.array([UNITS[move] for move in MOVES])[sent.move]
    defect = np.where(attempts, sent.units - usual, -1)
    sums = {
        f"{word} {name}": int((defect[which] == place).sum())
        for word, which in (("tried", attempts), ("believed", believed))
        for place, name in enumerate(TOKEN_DEFECTS)
    }
    part = case.part(_forged, int(attempts.sum()), np.unique(ledger.key_place[believed]))
    return replace(part, sums={**sums, "believed": int(believed.sum())})


def _forged(part: Part) -> Found:
    word = "believed" if part.witnesses else "tried"
    counts = "; ".join(f"{part.sums[f'{word} {name}']:,} with {name}" for name in TOKEN_DEFECTS)
    if not part.witnesses:
        return replace(part.found(""), detail=f"tried: {counts}")
    return part.found(
        f"{part.sums['believed']:,} operations with a bad token were acknowledged or are stored: {counts}"
    )


def kept(case: Units) -> Found:
    """POOL. By number, owner and size; the counters are the matter of other checks."""
    compared, wrong = 0, pd.DataFrame()
    for thing, expected, found in _seeded(case):
        compared += len(expected)
        both = expected.merge(found, "outer", on="number", suffixes=("", " found"), indicator="in")
        same = both["in"] == "both"
        for column in expected.columns.drop("number"):
            same &= both[column] == both[f"{column} found"]
        wrong = pd.concat([wrong, both[~same].assign(thing=thing)])
    if wrong.empty:
        return Found(compared)
    first = wrong.iloc[0].dropna()
    names, thing = case.seen.names, str(first["thing"])
    told = {str(name): value.item() if hasattr(value, "item") else str(value) for name, value in first.items()}
    number = int(first["number"])
    uuid = _id(case, str(first["thing"]), number) if number > 0 else None
    return Found(
        compared,
        len(wrong),
        f"{len(wrong):,} of the pool are missing, too many, or not as they were seeded; the first is one of {thing}",
        told,
        sql=f"SELECT * FROM {names[thing]}" + (f" WHERE {names[f'{thing[:-1]}_id']} = '{uuid}';" if uuid else ";"),
    )


def _id(case: Units, thing: str, number: int) -> str:
    return case.stated.id_of(number) if thing == "authorizations" else ids.uuid_of(number)


def _seeded(case: Units) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Each table of the pool: what was seeded, and what is there."""
    pool, seen = case.pool, case.seen
    columns = {"number": pool.number, "organization": pool.organization, "patient": pool.patient, "total": pool.total}
    if isinstance(case.stated, Given):
        del columns["organization"], columns["patient"]
        yield "authorizations", pd.DataFrame(columns), seen.standing[list(columns)]
        return
    yield "authorizations", pd.DataFrame(columns), seen.standing[list(columns)]
    organizations = np.arange(1, len(PRACTITIONERS) + 1)
    yield "organizations", pd.DataFrame({"number": organizations}), seen.people["organizations"]
    for thing, counts in (("practitioners", PRACTITIONERS), ("patients", PATIENTS)):
        owners = np.repeat(organizations, counts)
        expected = pd.DataFrame({"number": np.arange(1, len(owners) + 1), "organization": owners})
        yield thing, expected, seen.people[thing]


def _employer(case: Units, practitioner: Array) -> Array:
    """The organization of each practitioner, as seeded; 0 if there is no such one."""
    employers = np.array([0, *case.stated.staff, 0])
    employer: Array = employers[np.where(practitioner < 0, 0, practitioner).clip(max=len(employers) - 1)]
    return employer


def _organizations(case: Units) -> tuple[Array, Array]:
    """For each movement, the organization of its practitioner and of its authorization, as they are now; 0: unknown."""
    if not case.seen.people:
        return np.zeros(len(case.moved.place), np.int64), np.zeros(len(case.moved.place), np.int64)
    staff, moved = case.seen.people["practitioners"], case.moved
    numbers = staff["number"].to_numpy().clip(min=0)
    employers = np.zeros(int(numbers.max(initial=0)) + 2, np.int64)
    employers[numbers] = staff["organization"].to_numpy().clip(min=0)
    practitioner = np.where(moved.practitioner < 0, len(employers) - 1, moved.practitioner).clip(max=len(employers) - 1)
    owner = case.standing["organization"].to_numpy().clip(min=0)[moved.place]
    return employers[practitioner], np.where(moved.place >= 0, owner, 0)
