"""What must be true of every system: the database holds what was acknowledged, once, as it was sent, and no more."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from harness.check import Group
from harness.outcomes import DONE, Outcome
from systems import ids
from systems.effect import Effect
from verification.arrays import Array, Mask
from verification.case import Case, Found
from verification.checks import Check
from verification.moments import on_time

UNREFUSED = "the plan's mix has no operation that must be refused, and leave nothing"
UNSTORED = "the plan's mix has no operation that leaves anything"


REFUSALS = frozenset({"REJECT", "SHED"})

BLOCK = 1 << 18
"""What must be in so many rows is made at a time: texts of all of them would take as much memory as the rows do."""


def lost(case: Case) -> Found:
    """X1. Of two acknowledgements of one key each says that it stored something; if its id is not there, it is lost."""
    possible = case.ledger.possible
    missing = possible.must & (case.effect_copies == 0)
    attempts = _acknowledged(case, several=True)
    unnamed = np.unique(case.ledger.key_place[attempts[~case.named(attempts)]])
    missing[possible.first[unnamed[possible.upper[unnamed] > 0]]] = True
    places = np.flatnonzero(missing)
    keys, items = possible.key[places], possible.item[places]
    found = case.broken_items(
        int(possible.must.sum()),
        keys,
        items,
        f"{len(places):,} were acknowledged and are not stored; the first is {_op(case, keys, items)}",
    )
    return found if found.witnesses else replace(found, undecided=_unsure(case))


def phantom(case: Case) -> Found:
    """X2. An operation whose outcome is not known may have been stored: its row is no phantom. A row of an item that
    its key can never have is one.
    """
    rows, foreign = case.rows, case.seen.foreign
    nobodys = case.row_key < 0
    lost = nobodys & case.ledger.unrecorded(rows["op"].to_numpy())
    beyond = (case.row_effect < 0) & (case.row_upper > 0)
    unsent = rows[nobodys & ~lost | beyond]
    if case.seen.before is None:
        return Found(0, detail="run.json does not have the state of the database before the load")
    compared = len(rows) + len(foreign)
    first = unsent.iloc[:1] if len(unsent) else foreign.iloc[:1]
    if first.empty:
        return Found(compared, undecided=_unattributable(case, int(lost.sum())))
    stray = first["stray"].iloc[0]
    key = None if pd.isna(stray) else str(stray)
    if len(unsent) and key is None:
        key = ids.key(case.ledger.run, int(first["op"].iloc[0]))
    too_many = f" ({int(beyond.sum()):,} of items that their operation can't have)" if beyond.any() else ""
    return Found(
        compared,
        len(unsent) + len(foreign),
        f"no operation sent {len(unsent):,} rows under keys of this run{too_many}, and {len(foreign):,} under other "
        f"keys that were written since the load began; the first has the key {key}",
        {"key": key, "stored": case.shown(first)},
        sql=case.sql(key),
        said=f"A row is stored under the key {key}, which nobody sent.",
    )


def rejected(case: Case) -> Found:
    """X3. A definite no to all attempts of a key leaves nothing under it; one to an item leaves nothing of that."""
    possible = case.ledger.possible
    nothing, there = possible.upper == 0, case.row_upper == 0
    effects = np.flatnonzero(case.row_effect >= 0)
    there[effects] = possible.refused[case.row_effect[effects]]
    keys, items = np.divmod(np.unique(case.row_key[there] * ids.MOST_ITEMS + case.row_item[there]), ids.MOST_ITEMS)
    found = case.broken_items(
        int(nothing.sum() + possible.refused.sum()),
        keys,
        items,
        f"{len(keys):,} were refused or never sent and are stored all the same; the first is {_op(case, keys, items)}",
    )
    return found if found.witnesses else replace(found, undecided=_unsure(case))


def repeated(case: Case) -> Found:
    """X4. All attempts of a key have each of their effects once together."""
    possible, copies = case.ledger.possible, case.effect_copies
    stored = ~possible.refused & (copies > 0)
    places = np.flatnonzero(stored & (copies > 1))
    keys, items = possible.key[places], possible.item[places]
    worst = int(copies[places].argmax()) if len(places) else None
    return case.broken_items(
        int(stored.sum()),
        keys,
        items,
        f"{len(places):,} are stored more than once, {copies[places].max(initial=0)} times at most; "
        f"the first is {_op(case, keys, items)}",
        worst,
    )


def altered(case: Case) -> Found:
    """X5. Column by column, null-safe; and the id that was answered when it was stored."""
    possible = case.ledger.possible
    rows = np.flatnonzero(case.row_effect >= 0)
    if possible.refused.any():
        rows = rows[~possible.refused[case.row_effect[rows]]]
    wrong, columns = np.zeros(len(possible.key), bool), list[str]()
    for own in np.split(rows, range(BLOCK, len(rows), BLOCK)):
        expected = case.content(case.ledger.run, case.items_of(case.row_key[own], case.row_item[own]))
        for column in expected.columns:
            bad = differs(case.rows[column].iloc[own], expected[column])
            if bad.any():
                columns += [column] * (column not in columns)
                wrong[case.row_effect[own[bad]]] = True
    attempts = _acknowledged(case, several=False)
    key = case.ledger.key_place[attempts]
    attempts = attempts[(case.copies[key] > 0) & (possible.upper[key] > 0)]
    bad = ~case.named(attempts)
    if bad.any() and "id" in case.rows:
        columns.append("id in the answer")
        wrong[possible.first[case.ledger.key_place[attempts[bad]]]] = True
    places = np.flatnonzero(wrong)
    keys, items = possible.key[places], possible.item[places]
    return case.broken_items(
        len(rows),
        keys,
        items,
        f"{len(places):,} are stored otherwise than they were sent or answered, in {', '.join(columns)}; "
        f"the first is {_op(case, keys, items)}",
    )


def vacuous(case: Case, expected: Mapping[str, Iterable[str]], races: bool) -> Found:
    """X11. A check of something that never happened proves nothing."""
    never = [
        f"{kind} never had an outcome it should have ({' or '.join(outcomes)})"
        for kind, outcomes in expected.items()
        if not (case.ledger.kind(kind) & case.ledger.outcome(*(Outcome[name] for name in outcomes))).any()
    ]
    if races and not _overlapping(case).any():
        never.append("no two halves of a race were under way at the same time")
    return Found(len(case.ledger.ops), undecided="; ".join(never))


def _overlapping(case: Case) -> Mask:
    """Which races had both halves under way at some moment, for sure: one process has one clock, two have doubts."""
    ops, (first, second) = case.ledger.ops, case.ledger.races
    process, doubt = ops["op"].to_numpy() >> ids.COUNT_BITS, ops["doubt"].to_numpy()
    apart = process[first] != process[second]
    began = [ops["start"].to_numpy()[half] + doubt[half] * apart for half in (first, second)]
    ended = [ops["end"].to_numpy()[half] - doubt[half] * apart for half in (first, second)]
    overlapping: Mask = np.maximum(*began) < np.minimum(*ended)
    return overlapping


def _unattributable(case: Case, rows: int) -> str:
    """Why it is not known of `rows` whether they were sent; "" = every journal is whole."""
    if not case.ledger.lost:
        return ""
    lost = "; ".join(map(str, case.ledger.lost))
    return f"{lost}: {rows:,} rows under keys of operations that are not on record can't be attributed"


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
        ),
        Check(
            "X2",
            f"Every stored {thing} was sent.",
            f"stored rows against the {thing}s sent",
            phantom,
            unfed=unstored,
            group=Group.INVENTED,
        ),
        Check(
            "X3",
            f"No refused or unsent {thing} is stored.",
            f"refused and unsent {thing}s against stored rows",
            rejected,
            unfed=unrefused,
            group=Group.INVENTED,
        ),
        Check(
            "X4",
            f"No {thing} is stored twice.",
            f"{thing}s that are stored",
            repeated,
            unfed=unstored,
            group=Group.TWICE,
        ),
        Check(
            "X5",
            f"Every {thing} is stored as it was sent{answered}.",
            f"stored rows against the {thing}s as they were sent",
            altered,
            unfed=unstored,
            group=Group.CONTENT,
        ),
        Check(
            "X9",
            f"Every {thing} was stored when its answer said so, and not before it was sent.",
            f"stored {thing}s, by their times and by looks during the load",
            on_time,
            unfed=unstored,
            group=Group.ORDER,
        ),
        Check(
            "X11",
            "Everything that is checked did happen.",
            "operations, by kind and outcome",
            lambda case: vacuous(case, expected, races),
            group=Group.EXERCISED,
        ),
    )


def _leaves(stated: Mapping[str, Effect], outcomes: Iterable[str]) -> bool:
    """Whether an operation leaves anything if it ends with one of `outcomes`: a refusal does, where it is logged."""
    return any(outcome in stated and stated[outcome].items > 0 for outcome in outcomes)


def differs(stored: pd.Series, sent: pd.Series) -> Mask:
    """Where the two differ, line by line; two that are both null do not."""
    left, right = stored.reset_index(drop=True), sent.reset_index(drop=True)
    if isinstance(left.dtype, pd.CategoricalDtype):
        left = left.astype("str")
    return ~np.asarray((left == right) | (left.isna() & right.isna()), bool)


def _acknowledged(case: Case, *, several: bool) -> Array:
    """The attempts that were acknowledged under keys that were so once only, or `several` times."""
    acks = case.ledger.keys["acks"].to_numpy()[case.ledger.key_place]
    return np.flatnonzero(case.ledger.outcome(Outcome.ACK) & ((acks > 1) if several else (acks == 1)))


def _op(case: Case, keys: Array, items: Array) -> str:
    if not len(keys):
        return ""
    return f"{f'item {items[0]} of ' * case.has_items}operation {case.ledger.keys['key'].iloc[keys[0]]}"


def _unsure(case: Case) -> str:
    """Why it is not known which items were refused; "" = it is."""
    unsure = int(case.ledger.unsure.sum())
    return f"of {unsure:,} operations the items that were refused are not on record" if unsure else ""


def replayed(case: Case) -> Found:
    """Whether each replay was answered with the id that is stored under its key, or with none."""
    attempts = np.flatnonzero(case.ledger.outcome(Outcome.REPLAY))
    attempts = attempts[case.copies[case.ledger.key_place[attempts]] > 0]
    told = case.ledger.ops["answer"].to_numpy()[attempts] != 0
    wrong = attempts[told & ~case.named(attempts)]
    found = case.broken(
        len(attempts),
        np.unique(case.ledger.key_place[wrong]),
        f"{len(wrong):,} replays were answered with an id that is not that of what is stored",
    )
    bare = int((~told).sum())
    return replace(found, detail=found.detail or f"{bare:,} of them were answered without an id") if bare else found


def only_replays(case: Case) -> list[str]:
    """A sentence, if new keys were answered as replays and never as new, though no answer to them is missing: nothing
    tells a target that takes what is new for a replay from something on the way that sent it twice.
    """
    ledger, place = case.ledger, case.ledger.key_place

    def attempts(which: Mask) -> Array:
        return np.bincount(place[which], minlength=len(ledger.keys))

    new = attempts((ledger.ops["op"] == ledger.ops["key_of"]).to_numpy()) > 0
    acknowledged, replayed = attempts(ledger.outcome(Outcome.ACK)), attempts(ledger.outcome(Outcome.REPLAY))
    only = new & (acknowledged == 0) & (replayed > 0) & (attempts(ledger.unknown) == 0)
    done = new & (acknowledged + replayed > 0)
    if not only.any():
        return []
    return [
        f"Of {int(done.sum()):,} new keys {int(only.sum()):,} were answered as replays only: something on the way sent "
        "them twice, or the target takes for a replay what is new. The two can't be told apart."
    ]


def raced(case: Case) -> Found:
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
    return case.broken(
        len(key),
        np.unique(key[twice | otherwise]),
        f"of {len(key):,} races {int(twice.sum()):,} were stored more than once, and "
        f"{int(otherwise.sum()):,} were not answered with one acknowledgement at most and else as replays",
    )
