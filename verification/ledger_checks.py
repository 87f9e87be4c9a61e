"""What must be true of every system: the database holds what was acknowledged, once, as it was sent, and no more."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from harness.check import Group
from harness.journaled import Lost
from harness.outcomes import DONE, Outcome
from systems import ids
from systems.effect import Effect
from verification.arrays import Array, Mask
from verification.case import Case
from verification.checks import Check, Over
from verification.found import Found, Part, Witness
from verification.moments import on_time

UNREFUSED = "the plan's mix has no operation that must be refused, and leave nothing"
UNSTORED = "the plan's mix has no operation that leaves anything"


REFUSALS = frozenset({"REJECT", "SHED"})

RACES = "races under way"

BLOCK = 1 << 18
"""What must be in so many rows is made at a time: texts of all of them would take as much memory as the rows do."""


def lost(case: Case) -> Part:
    """X1. Of two acknowledgements of one key each says that it stored something; if its id is not there, it is lost."""
    possible = case.ledger.possible
    missing = possible.must & (case.effect_copies == 0)
    attempts = _acknowledged(case, several=True)
    unnamed = np.unique(case.ledger.key_place[attempts[~case.named(attempts)]])
    missing[possible.first[unnamed[possible.upper[unnamed] > 0]]] = True
    return _items(case, _lost, int(possible.must.sum()), np.flatnonzero(missing))


def _lost(part: Part) -> Found:
    return part.found(
        f"{part.witnesses:,} were acknowledged and are not stored; the first is {part.named}", _unsure(part)
    )


def phantom(case: Case) -> Part:
    """X2. An operation whose outcome is not known may have been stored: its row is no phantom. A row of an item that
    its key can never have is one.
    """
    rows, foreign = case.rows, case.seen.foreign
    tell = partial(_phantom, before=case.seen.before is not None, lost=case.ledger.lost)
    nobodys = case.row_key < 0
    lost = nobodys & case.ledger.unrecorded(rows["op"].to_numpy())
    beyond = (case.row_effect < 0) & (case.row_upper > 0)
    unsent = np.flatnonzero(nobodys & ~lost | beyond)
    # Rows of the run come before the others.
    order = (0, int(case.row_order[unsent[0]])) if len(unsent) else (1,)
    first = rows.iloc[unsent[:1]] if len(unsent) else foreign.iloc[:1]
    witness = None
    if not first.empty:
        stray = first["stray"].iloc[0]
        key = None if pd.isna(stray) else str(stray)
        if len(unsent) and key is None:
            key = ids.key(case.ledger.run, int(first["op"].iloc[0]))
        said = f"A row is stored under the key {key}, which nobody sent."
        witness = Witness(order, {"key": key, "stored": case.shown(first)}, case.sql(key), f"the key {key}", said)
    return Part(
        tell,
        len(rows) + len(foreign),
        len(unsent) + len(foreign),
        witness,
        sums={"own": len(unsent), "beyond": int(beyond.sum()), "lost": int(lost.sum())},
    )


def _phantom(part: Part, before: bool, lost: Sequence[Lost]) -> Found:
    if not before:
        return Found(0, detail="run.json does not have the state of the database before the load")
    own, beyond = part.sums["own"], part.sums["beyond"]
    too_many = f" ({beyond:,} of items that their operation can't have)" if beyond else ""
    return part.found(
        f"no operation sent {own:,} rows under keys of this run{too_many}, and {part.witnesses - own:,} under other "
        f"keys that were written since the load began; the first has {part.named}",
        _unattributable(lost, part.sums["lost"]),
    )


def rejected(case: Case) -> Part:
    """X3. A definite no to all attempts of a key leaves nothing under it; one to an item leaves nothing of that."""
    possible = case.ledger.possible
    nothing, there = possible.upper == 0, case.row_upper == 0
    effects = np.flatnonzero(case.row_effect >= 0)
    there[effects] = possible.refused[case.row_effect[effects]]
    keys, items = np.divmod(np.unique(case.row_key[there] * ids.MOST_ITEMS + case.row_item[there]), ids.MOST_ITEMS)
    return Part(
        _rejected,
        int(nothing.sum() + possible.refused.sum()),
        len(keys),
        case.breaking(keys, items),
        sums={"unsure": int(case.ledger.unsure.sum())},
    )


def _rejected(part: Part) -> Found:
    return part.found(
        f"{part.witnesses:,} were refused or never sent and are stored all the same; the first is {part.named}",
        _unsure(part),
    )


def repeated(case: Case) -> Part:
    """X4. All attempts of a key have each of their effects once together."""
    possible, copies = case.ledger.possible, case.effect_copies
    stored = ~possible.refused & (copies > 0)
    places = np.flatnonzero(stored & (copies > 1))
    worst = int(copies[places].argmax()) if len(places) else 0
    return replace(
        _items(case, _repeated, int(stored.sum()), places),
        worst=case.breaking(possible.key[places], possible.item[places], worst, -int(copies[places].max(initial=0))),
        most={"copies": int(copies[places].max(initial=0))},
    )


def _repeated(part: Part) -> Found:
    return part.found(
        f"{part.witnesses:,} are stored more than once, {part.most['copies']} times at most; the first is {part.named}"
    )


def altered(case: Case) -> Part:
    """X5. Column by column, null-safe; and the id that was answered when it was stored."""
    possible = case.ledger.possible
    rows = np.flatnonzero(case.row_effect >= 0)
    if possible.refused.any():
        rows = rows[~possible.refused[case.row_effect[rows]]]
    wrong, columns = np.zeros(len(possible.key), bool), dict[str, int]()
    for own in np.split(rows, range(BLOCK, len(rows), BLOCK)):
        expected = case.content(case.ledger.run, case.items_of(case.row_key[own], case.row_item[own]))
        for column in expected.columns:
            bad = differs(case.rows[column].iloc[own], expected[column])
            columns[column] = columns.get(column, 0) + int(bad.sum())
            wrong[case.row_effect[own[bad]]] = True
    attempts = _acknowledged(case, several=False)
    key = case.ledger.key_place[attempts]
    attempts = attempts[(case.copies[key] > 0) & (possible.upper[key] > 0)]
    bad = ~case.named(attempts)
    if "id" in case.rows:
        columns["id in the answer"] = int(bad.sum())
        wrong[possible.first[case.ledger.key_place[attempts[bad]]]] = True
    return replace(_items(case, _altered, len(rows), np.flatnonzero(wrong)), sums=columns)


def _altered(part: Part) -> Found:
    columns = ", ".join(column for column, wrong in part.sums.items() if wrong)
    return part.found(
        f"{part.witnesses:,} are stored otherwise than they were sent or answered, in {columns}; "
        f"the first is {part.named}"
    )


def vacuous(case: Case, expected: Mapping[str, Iterable[str]], races: bool) -> Part:
    """X11. A check of something that never happened proves nothing."""
    happened = {
        kind: int((case.ledger.kind(kind) & case.ledger.outcome(*(Outcome[name] for name in outcomes))).sum())
        for kind, outcomes in expected.items()
    }
    overlapping = int(_overlapping(case).sum()) if races else 0
    tell = partial(_vacuous, expected=expected, races=races)
    return Part(tell, len(case.ledger.ops), sums={**happened, RACES: overlapping})


def _vacuous(part: Part, expected: Mapping[str, Iterable[str]], races: bool) -> Found:
    never = [
        f"{kind} never had an outcome it should have ({' or '.join(outcomes)})"
        for kind, outcomes in expected.items()
        if not part.sums[kind]
    ]
    if races and not part.sums[RACES]:
        never.append("no two halves of a race were under way at the same time")
    return Found(part.compared, undecided="; ".join(never))


def _overlapping(case: Case) -> Mask:
    """Which races had both halves under way at some moment, for sure: one process has one clock, two have doubts."""
    ops, (first, second) = case.ledger.ops, case.ledger.races
    process, doubt = ops["op"].to_numpy() >> ids.COUNT_BITS, ops["doubt"].to_numpy()
    apart = process[first] != process[second]
    began = [ops["start"].to_numpy()[half] + doubt[half] * apart for half in (first, second)]
    ended = [ops["end"].to_numpy()[half] - doubt[half] * apart for half in (first, second)]
    overlapping: Mask = np.maximum(*began) < np.minimum(*ended)
    return overlapping


def _unattributable(lost: Sequence[Lost], rows: int) -> str:
    """Why it is not known of `rows` whether they were sent; "" = every journal is whole."""
    if not lost:
        return ""
    told = "; ".join(map(str, lost))
    return f"{told}: {rows:,} rows under keys of operations that are not on record can't be attributed"


def invariants(
    thing: str,
    expected: Mapping[str, Iterable[str]],
    *,
    races: bool,
    answered: str = ", under the id that was answered",
    effects: Mapping[str, Mapping[str, Effect]] | None = None,
) -> tuple[Check, Check, Check, Check, Check, Check, Check]:
    """X1 to X5, X9 and X11 of a system that stores one `thing` an operation, with the outcomes `expected` of each kind.

    `answered`: what the answer says of the row itself, which must be so; "" if it has nothing of it. `effects`: what
    each kind leaves; None if some leave something.
    """
    leaving = {kind for kind, outcomes in expected.items() if effects and _leaves(effects.get(kind, {}), outcomes)}
    refused = {kind for kind, outcomes in expected.items() if REFUSALS.issuperset(outcomes)}
    unrefused = "" if refused - leaving else UNREFUSED
    unstored = "" if effects is None or leaving else UNSTORED
    return (
        Check(
            "X1",
            f"Every acknowledged {thing} is stored.",
            f"acknowledged {thing}s against stored rows",
            lost,
            unfed=unstored,
            group=Group.LOST,
            over=Over.KEY,
        ),
        Check(
            "X2",
            f"Every stored {thing} was sent.",
            f"stored rows against the {thing}s sent",
            phantom,
            unfed=unstored,
            group=Group.INVENTED,
            over=Over.KEY,
        ),
        Check(
            "X3",
            f"No refused or unsent {thing} is stored.",
            f"refused and unsent {thing}s against stored rows",
            rejected,
            unfed=unrefused,
            group=Group.INVENTED,
            over=Over.KEY,
        ),
        Check(
            "X4",
            f"No {thing} is stored twice.",
            f"{thing}s that are stored",
            repeated,
            unfed=unstored,
            group=Group.TWICE,
            over=Over.KEY,
        ),
        Check(
            "X5",
            f"Every {thing} is stored as it was sent{answered}.",
            f"stored rows against the {thing}s as they were sent",
            altered,
            unfed=unstored,
            group=Group.CONTENT,
            over=Over.KEY,
        ),
        Check(
            "X9",
            f"Every {thing} was stored when its answer said so, and not before it was sent.",
            f"stored {thing}s, by their times and by looks during the load",
            on_time,
            unfed=unstored,
            group=Group.ORDER,
            over=Over.KEY,
        ),
        Check(
            "X11",
            "Everything that is checked did happen.",
            "operations, by kind and outcome",
            partial(vacuous, expected=expected, races=races),
            group=Group.EXERCISED,
            over=Over.KEY,
        ),
    )


def _leaves(stated: Mapping[str, Effect], outcomes: Iterable[str]) -> bool:
    """Whether an operation leaves anything if it ends with one of `outcomes`: a refusal does, where it is logged."""
    return any(outcome in stated and stated[outcome].items > 0 for outcome in outcomes)


def differs(stored: pd.Series, sent: pd.Series) -> Mask:
    """Where the two differ, line by line; two that are both null do not."""
    left, right = stored.to_numpy(), sent.to_numpy()
    differ = ~np.asarray(left == right, bool)
    # Null is equal to nothing: which are is asked of the few that differ.
    places = np.flatnonzero(differ)
    differ[places] = ~np.asarray(pd.isna(left[places]) & pd.isna(right[places]), bool)
    return differ


def _acknowledged(case: Case, *, several: bool) -> Array:
    """The attempts that were acknowledged under keys that were so once only, or `several` times."""
    acks = case.ledger.keys["acks"].to_numpy()[case.ledger.key_place]
    return np.flatnonzero(case.ledger.outcome(Outcome.ACK) & ((acks > 1) if several else (acks == 1)))


def _items(case: Case, tell: Callable[[Part], Found], compared: int, places: Array) -> Part:
    """What is found if the possible effects at `places` break the invariant."""
    keys, items = case.ledger.possible.key[places], case.ledger.possible.item[places]
    unsure = {"unsure": int(case.ledger.unsure.sum())}
    return Part(tell, compared, len(places), case.breaking(keys, items), sums=unsure)


def _unsure(part: Part) -> str:
    """Why it is not known which items were refused; "" = it is."""
    unsure = part.sums["unsure"]
    return f"of {unsure:,} operations the items that were refused are not on record" if unsure else ""


def replayed(case: Case) -> Part:
    """Whether each replay was answered with the id that is stored under its key, or with none."""
    attempts = np.flatnonzero(case.ledger.outcome(Outcome.REPLAY))
    attempts = attempts[case.copies[case.ledger.key_place[attempts]] > 0]
    told = case.ledger.ops["answer"].to_numpy()[attempts] != 0
    wrong = attempts[told & ~case.named(attempts)]
    part = case.part(_replayed, len(attempts), np.unique(case.ledger.key_place[wrong]))
    return replace(part, sums={"wrong": len(wrong), "bare": int((~told).sum())})


def _replayed(part: Part) -> Found:
    bare = part.sums["bare"]
    found = part.found(
        f"{part.sums['wrong']:,} replays were answered with an id that is not that of what is stored",
    )
    return replace(found, detail=found.detail or f"{bare:,} of them were answered without an id") if bare else found


def new_keys(case: Case) -> tuple[int, int]:
    """How many new keys were answered as done, and how many of them as replays and never as new, though no answer to
    them is missing.
    """
    ledger, place = case.ledger, case.ledger.key_place

    def attempts(which: Mask) -> Array:
        return np.bincount(place[which], minlength=len(ledger.keys))

    new = attempts((ledger.ops["op"] == ledger.ops["key_of"]).to_numpy()) > 0
    acknowledged, replayed = attempts(ledger.outcome(Outcome.ACK)), attempts(ledger.outcome(Outcome.REPLAY))
    only = new & (acknowledged == 0) & (replayed > 0) & (attempts(ledger.unknown) == 0)
    done = new & (acknowledged + replayed > 0)
    return int(done.sum()), int(only.sum())


def only_replays(done: int, only: int) -> list[str]:
    """A sentence, if of so many `new_keys` some were answered as replays only: nothing tells a target that takes what
    is new for a replay from something on the way that sent it twice.
    """
    if not only:
        return []
    return [
        f"Of {done:,} new keys {only:,} were answered as replays only: something on the way sent "
        "them twice, or the target takes for a replay what is new. The two can't be told apart."
    ]


def raced(case: Case) -> Part:
    """Whether each race had one effect; one that was refused as a whole, or is lost, is no matter of this check."""
    first, second = case.ledger.races
    stored = case.copies[case.ledger.key_place[first]] > 0
    first, second = first[stored], second[stored]
    outcome, key = case.ledger.ops["outcome"].to_numpy(), case.ledger.key_place[first]
    halves = np.sort(np.stack([outcome[first], outcome[second]]), axis=0)
    definite = np.isin(halves, (Outcome.ACK, Outcome.REPLAY, Outcome.REJECT)).all(axis=0)
    # Both are replays where something on the way sent the first half twice.
    otherwise = definite & ~(np.isin(halves[0], DONE) & (halves[1] == Outcome.REPLAY))
    twice = case.copies[key] > case.ledger.possible.upper[key].clip(min=1)
    part = case.part(_raced, len(key), np.unique(key[twice | otherwise]))
    return replace(part, sums={"races": len(key), "twice": int(twice.sum()), "otherwise": int(otherwise.sum())})


def _raced(part: Part) -> Found:
    return part.found(
        f"of {part.sums['races']:,} races {part.sums['twice']:,} were stored more than once, and "
        f"{part.sums['otherwise']:,} were not answered with one acknowledgement at most and else as replays"
    )
