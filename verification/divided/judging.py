"""Judges a part of the keys of a run: by the checks that a whole run is judged by, in whichever process or machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from harness import VERSION
from harness.errors import PlanError
from harness.project import module
from verification import checks
from verification.arrays import Array
from verification.case import Case
from verification.checks import Check, Over
from verification.divided import division
from verification.divided.columns import unpacked
from verification.divided.keeping import ORDER, ROWS
from verification.divided.piece import taken
from verification.divided.splitting import MAKERS, OPERATIONS, part
from verification.divided.store import Pieces, Store
from verification.ledger import Ledger
from verification.ledger_checks import new_keys

EFFECTS = "effects"
"""Of the effects of the run each part leaves a table, with a piece for each step of the operations."""


@dataclass(frozen=True)
class Task:
    """A part to be judged."""

    number: int
    store: Store
    last: Ledger
    """The ledger of the run, without its operations."""
    seen: Any
    """What was read beside the rows of the run, with the `totals` of these."""
    steps: Array
    """The first operation of each step in which effects are left."""
    division: str = ""
    """By what it is a part; "": by key."""
    version: str = VERSION
    """That of the process that wants it done."""


@dataclass(frozen=True)
class Judged:
    """What was found in a part."""

    outcomes: Mapping[str, checks.Outcome]
    """Of each check that looks at one thing at a time of those by which it is a part, what it came to."""
    learnt: Any
    """What the system learnt of the part, to judge what was read beside the rows, or other parts."""
    operations: int = 0
    unknown: int = 0
    committed: int = 0
    """As `Case.unknown_committed` has it."""
    done: int = 0
    only: int = 0
    """As `ledger_checks.new_keys` has it."""
    effects: int = 0
    """How many effects it left, …"""
    left: Pieces = field(default_factory=dict)
    """… and where (`effects_of`): step by step."""
    handed: Pieces = field(default_factory=dict)
    """What it handed on to other parts."""


def system_of(name: str) -> Any:
    """What a system has for verification."""
    found = module("verification", name) if name else None
    # It says all by itself, or only what is special about the simple case.
    return getattr(found, "STORED", found)


def judged(task: Task) -> Judged:
    """Judge a part; PlanError if this process is of another version than the one that wants it."""
    if task.version != VERSION:
        raise PlanError(f"a worker of PERF_DASK has version {VERSION} of Proofload: expected {task.version}")
    system = system_of(task.last.scenario.system)
    made = system.checks_of(task.last.scenario)
    mine = about(made, task.division)
    if task.division:
        way = division.named(system, task.division)
        case, handed = way.case(task.last, task.seen, task.store, task.number), replace(task.store, pieces={})
        found = {check.id: checks.outcome(check, case) for check in mine}
        learnt = way.hand_on(case, task.number, handed) if way.hand_on else way.learnt(case)
        return Judged(found, learnt, handed=handed.pieces)
    case = case_of(system, task)
    unknown, committed = case.unknown_committed()
    done, only = new_keys(case)
    # What is handed on is told by itself, wherever this is done, and however often.
    handed = replace(task.store, pieces={})
    mine += [replace(check, find=check.alone) for check in made if check.alone]
    return Judged(
        {check.id: checks.outcome(check, case) for check in mine},
        _learnt(system, case, task, handed),
        len(case.ledger.ops),
        unknown,
        committed,
        done,
        only,
        *_left(task, case),
        handed.pieces,
    )


def _learnt(system: Any, case: Case, task: Task, store: Store) -> Any:
    """What the system learnt of the part; what other divisions need of it is handed on."""
    return system.hand_on(case, task, store) if division.of(system) else system.learnt(case)


def about(made: Sequence[Check], name: str) -> list[Check]:
    """Those that look at one thing at a time of a division; "": at one key."""
    over = Over.THING if name else Over.KEY
    return [check for check in made if check.over is over and check.of == name]


def case_of(system: Any, task: Task) -> Case:
    """The operations of the part, beside their rows."""
    store, seen = task.store, task.seen
    kept = {table for table in store.tables(task.number) if division.is_of_keys(table)} - {OPERATIONS, MAKERS}
    tables = {table: unpacked(store.read(table, task.number)) for table in kept}
    rows, order = seen.rows, np.zeros(0, np.int64)
    if ROWS in tables:
        names = list(seen.rows)
        names[2:2] = ["item"] * seen.totals.items
        rows, order = tables[ROWS][names], tables[ROWS][ORDER].to_numpy()
    # What is under other keys is of no part, and is looked at once.
    seen = replace(seen if task.number == 0 else seen.without_others(), rows=rows, order=order)
    case: Case = system.case(part(task.last, store, task.number), system.of_part(seen, tables))
    return case


def _left(task: Task, case: Case) -> tuple[int, Pieces]:
    """Leave the effects of the part, for those of all parts to be put in order: how many, and where."""
    effects, left = case.effects(), replace(task.store, pieces={})
    step = np.searchsorted(task.steps, effects["op"], "right") - 1
    left.spread(effects_of(task.number), step.clip(0), lambda lines: taken({EFFECTS: effects}, lines), len(task.steps))
    return len(effects), left.pieces


def effects_of(number: int) -> str:
    """The table with what a part has of the effects of each step."""
    return f"{EFFECTS}.{number}"
