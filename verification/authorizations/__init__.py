"""Units are moved once for each key that was acknowledged, for none that was refused, and never more than there are."""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from harness.check import Finding, Group
from harness.database import quoted
from harness.plan.scenario import Scenario
from harness.run import Run
from systems import authorizations_contract as agreed
from systems.authorizations import pool_of
from systems.authorizations_given import Given
from verification import catalogue, checks, constraints, durability, looks, own_checks, rows, surroundings
from verification.authorizations import (
    answers,
    intervals,
    movements,
    overbooking,
    replay,
    rewritten,
    round_limits,
    standing,
    tenants,
)
from verification.authorizations.accounts import Authorizations, Units
from verification.authorizations.moves import content
from verification.authorizations.parts import ACCOUNT, TIME
from verification.authorizations.parts import DIVISIONS as DIVISIONS
from verification.authorizations.parts import hand_on as hand_on
from verification.authorizations.parts import joined as joined
from verification.authorizations.parts import operations_about as operations_about
from verification.authorizations.weaker import CHECKS_OF_MOVEMENTS as CHECKS_OF_MOVEMENTS
from verification.authorizations.weaker import weakened as weakened
from verification.authorizations.weaker import without, worded
from verification.before import Before, before, next_transaction
from verification.checks import Check, Over
from verification.divided.keeping import Keeping
from verification.ledger import Ledger
from verification.ledger_checks import invariants
from verification.quiescence import require_own_rows, still
from verification.reading import reader

NOTHING_PENDING = "SELECT 0"
"""A move is made when it is answered: nothing goes on afterwards."""


def observe(url: str, run: Run, ledger: Ledger, keeping: Keeping | None = None) -> Authorizations:
    """Wait for quiescence, then read all that the checks need, in one snapshot.

    With `keeping`, that keeps the movements of the run, and the ledger need have no more than the operations of which
    the last ones ended.
    """
    scenario, plain = run.scenario, run.scenario.database
    pool = pool_of(scenario.pool)
    names = {name: quoted(word) if word else "" for name, word in plain.items()}
    table, key = names["movements"], names["movement_key"]
    written = [names[thing] for thing in ("authorizations", "movements") if names[thing]]
    began = before(run)
    with reader(url) as session:
        if table:
            require_own_rows(session, ledger, url, table, key)
        offset = session.clock_offset()
        kept = durability.read(session, run, written)
        early = movements.early(session, ledger.run, names) if table else None
        with still(session, ledger, NOTHING_PENDING, written) as stillness:
            own = others = movements.none()
            unique = None
            if table:
                own, others = movements.read(
                    session,
                    ledger.run,
                    names,
                    everything=bool(began and began.ours),
                    take=(lambda piece: keeping.take_rows(piece, "created_at")) if keeping else None,
                )
                count = keeping.totals.rows if keeping else len(own)
                unique = constraints.unique_key(
                    session, plain["movements"], plain["movement_key"], ledger.run, own, count
                )
            overbooked, queried = standing.overbooked(session, names)
            seen = Authorizations(
                source=rows.Source(table, key, {"stored": "created_at"}, {}),
                settings=session.settings(),
                taken=pd.Timestamp(session.row("SELECT now()")[0]),
                clock_offset=offset,
                drained_seconds=stillness.drained_seconds,
                disturbance=stillness.disturbance,
                rows=own,
                foreign=_since(others, began, next_transaction(session)),
                before=began,
                durability=kept,
                schema=catalogue.read(session, run),
                looks=looks.read(run, table, key),
                own=own_checks.read(session, run.scenario),
                others=others,
                scenario=scenario,
                names=names,
                standing=standing.given(session, names, pool)
                if isinstance(pool, Given)
                else standing.authorizations(session, names),
                people={} if isinstance(pool, Given) else standing.people(session, names),
                begins=(run.facts.get("seeding") or {}).get("begins", ()),
                overbooked=overbooked,
                queried=queried,
                early=early,
                keys=unique,
            )
    return seen


def _since(others: pd.DataFrame, began: Before | None, now: int) -> pd.DataFrame:
    """Those of `others` that were written since the load began; `now` is the next transaction at the snapshot."""
    return others[began.wrote(others["writer"].to_numpy(), now)] if began else others[:0]


def of_part(seen: Authorizations, _tables: Mapping[str, pd.DataFrame]) -> Authorizations:
    """What was read of a part of the keys: its movements, which `seen` has."""
    return seen


def case(ledger: Ledger, seen: Authorizations) -> Units:
    """The requested moves beside the stored ones."""
    return Units(ledger, seen, content, thing="move")


def judge(case: Units) -> list[Finding]:
    """The findings of the checks of its plan."""
    return checks.judge(checks_of(case.seen.scenario), case)


def checks_of(scenario: Scenario) -> Sequence[Check]:
    """The checks of a plan: none about movements, versions, rounds or kinds of operations that it doesn't have."""
    ledgers = invariants("move", scenario.expected, races="race" in scenario.expected, answered="")
    around = surroundings.checks(scenario)
    every = (*OVERBOOKED, *ledgers, *CHECKS, *around)
    return [worded(check, scenario) for check in every if APPLIES.get(check.id, _always)(scenario)]


def _always(_scenario: Scenario) -> bool:
    return True


def _with_movements(scenario: Scenario) -> bool:
    return bool(scenario.database["movements"])


OVERBOOKED = (
    Check(
        "A1",
        "No authorization has more units used and scheduled than it has, in the database and in the answers.",
        "authorizations and answers",
        overbooking.counted,
        group=Group.LIMITS,
        over=Over.THING,
        of=ACCOUNT,
    ),
    Check(
        "A1M",
        "No authorization's movements ever promised more units than it has.",
        "movements, by authorization",
        overbooking.moved,
        needs_all=True,
        group=Group.LIMITS,
        over=Over.THING,
        of=ACCOUNT,
    ),
    Check(
        "DOC",
        "The document's query for overbooked authorizations returns 0 rows.",
        "authorizations",
        overbooking.queried,
        group=Group.LIMITS,
        over=Over.DATABASE,
    ),
    Check(
        "A2",
        "The counters of every authorization are what was seeded and moved since.",
        "authorizations against movements",
        intervals.equal,
        group=Group.COUNTED,
        over=Over.THING,
        of=ACCOUNT,
    ),
)
"""The most severe findings: named first, whatever else is wrong."""

CHECKS = (
    Check(
        "X6",
        "A move is whole: its counters, its version and its movement.",
        "authorizations moved",
        intervals.whole,
        group=Group.WHOLE,
        over=Over.THING,
        of=ACCOUNT,
    ),
    Check(
        "X7",
        "No user moved or saw another organization's units.",
        "operations of strangers, answers and movements",
        tenants.kept_apart,
        group=Group.ISOLATION,
        said="though it was about another organization’s units",
        over=Over.KEY,
    ),
    Check(
        "A3",
        "Available, scheduled and used units are the seeded total together.",
        "answers and authorizations",
        answers.balanced,
        group=Group.COUNTED,
        over=Over.THING,
        of=ACCOUNT,
    ),
    Check(
        "A4",
        "Every release and consume was done once, and of units that were reserved.",
        "releases and consumes",
        intervals.once,
        needs_all=True,
        group=Group.TWICE,
        over=Over.THING,
        of=ACCOUNT,
    ),
    Check(
        "A5",
        "A key is one move, even if it is sent again for another.",
        "keys of movements, and keys sent again for another move",
        answers.used_once,
        group=Group.TWICE,
        said="under a key that was another move’s",
        over=Over.KEY,
        before=answers.unique,
    ),
    Check(
        "A6",
        "Every authorization's version and counters are what the answers allow.",
        "authorizations against answers",
        intervals.within,
        needs_all=True,
        group=Group.COUNTED,
        over=Over.THING,
        of=ACCOUNT,
    ),
    Check(
        "A7",
        "No move was refused while there were units enough.",
        "moves that were answered",
        overbooking.refused,
        needs_all=True,
        group=Group.ANSWERS,
        said="for want of units, and there were enough all the while",
        over=Over.THING,
        of=ACCOUNT,
    ),
    Check(
        "A8",
        "One after the other, in the order of their versions, the moves make every state that was answered.",
        "answers",
        replay.ordered,
        needs_all=True,
        group=Group.ANSWERS,
        said="with a state that the moves before it don’t make",
        over=Over.THING,
        of=ACCOUNT,
    ),
    Check(
        "A10",
        "No movement was changed after it was written.",
        "movements",
        rewritten.unchanged,
        group=Group.CONTENT,
        said="and its movement was written again afterwards",
        over=Over.THING,
        of=TIME,
    ),
    Check(
        "A11",
        "Contention never surfaced as an error of the server.",
        "operations that were answered",
        answers.no_errors,
        group=Group.ANSWERS,
        said="with an error of the server",
        over=Over.KEY,
    ),
    Check(
        "A12",
        "No definite answer was false: a repeated move is a replay, a used key, a stranger and a bad token are refused "
        "as such, and a new move for want of units only.",
        "definite answers",
        answers.told_right,
        group=Group.ANSWERS,
        said="which is not what the contract has for it",
        over=Over.THING,
        of=ACCOUNT,
    ),
    Check(
        "TOKEN",
        "Nothing was moved with a bad token.",
        "operations with a bad token",
        tenants.forged,
        group=Group.ISOLATION,
        said="though its token must not be believed",
        over=Over.KEY,
    ),
    Check(
        "ROUND",
        "In every round exactly as many were served as there was room for.",
        "rounds",
        round_limits.served,
        needs_all=True,
        group=Group.LIMITS,
        over=Over.THING,
        of=ACCOUNT,
    ),
    Check(
        "POOL",
        "The pool is as it was seeded, but for what was moved.",
        "authorizations, organizations, practitioners and patients",
        tenants.kept,
        group=Group.POOL,
        over=Over.DATABASE,
    ),
)

REFUSED = ("stranger", "forged")
"""The kinds that must be refused under keys of their own."""

APPLIES: Mapping[str, Callable[[Scenario], bool]] = {
    **dict.fromkeys(CHECKS_OF_MOVEMENTS, _with_movements),
    # Elsewhere than at the hot ones there are units enough for all.
    "X3": lambda scenario: (
        _with_movements(scenario) and not (without(*REFUSED)(scenario) and set(scenario.users) == {"Practitioner"})
    ),
    "X7": lambda scenario: (
        "stranger" in scenario.expected or bool(scenario.contract["id"]) or _with_movements(scenario)
    ),
    "A4": lambda scenario: not without("release", "consume")(scenario),
    "A5": lambda scenario: _with_movements(scenario) or "reuse" in scenario.expected,
    "A8": lambda scenario: bool(scenario.contract["version"]) and agreed.tells_units(scenario.contract),
    "TOKEN": lambda scenario: "forged" in scenario.expected,
    "ROUND": lambda scenario: scenario.rounds,
}
"""Of which plans a check can be made, if not of all."""
