"""All of a verification in parts: divide, read, judge, and put together."""

from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness import effects
from harness.check import Finding
from harness.journal import HEADER_BYTES, RECORD
from harness.run import Run
from harness.settings import Settings
from verification import checks, surroundings
from verification.checks import Check, Over
from verification.divided import division
from verification.divided.completing import Completing
from verification.divided.judging import EFFECTS, Task, about, case_of, effects_of
from verification.divided.keeping import Keeping
from verification.divided.piece import concatenated
from verification.divided.running import Judge
from verification.divided.splitting import Divided
from verification.divided.store import Store
from verification.found import Part
from verification.ledger import Ledger
from verification.ledger_checks import new_keys, only_replays

WHOLE = 2_000_000
"""A run of so many operations at most, and of so many items that they leave, is not divided, …"""
PART = 500_000
"""… a longer one into parts of about so many: some 400 MB of memory for each process."""
FOLDER = "parts"
"""In the run folder, while it is verified."""


def parts(run: Run, made: Sequence[Check], system: Any, settings: Settings) -> int:
    """Into how many parts the verification of `run` is divided; 1: not at all."""
    things = {way.name for stage in division.of(system) for way in stage}
    if not hasattr(system, "of_part") or any(_of_all(check, things) for check in made):
        return 1
    if settings.partitions:
        return settings.partitions
    size = sum(path.stat().st_size - HEADER_BYTES for path in run.folder.glob("journal-*.bin"))
    # Where operations leave many rows each, these take the memory.
    lines = int(size // RECORD.itemsize * max(run.scenario.effects_each, 1.0))
    return 1 if lines <= WHOLE else -(-lines // PART)


def _of_all(check: Check, things: Set[str]) -> bool:
    """Whether a check needs a run as a whole: it is of all keys, or of a thing by which its system divides nothing."""
    return check.over is Over.RUN or (check.over is Over.THING and check.of not in things)


@contextmanager
def kept(run: Run, count: int, settings: Settings) -> Iterator[Store]:
    """Where the parts of a run are kept meanwhile; afterwards nothing is there."""
    folder = settings.partitions_folder
    place = f"{folder}/{run.id}" if folder else str(run.folder.resolve() / FOLDER)
    store = Store(place, count)
    store.make()
    try:
        yield store
    finally:
        store.remove()


@dataclass(frozen=True)
class Verified:
    """What was found of a run, whose effects are left in its folder."""

    findings: list[Finding]
    seen: Any
    """What was read beside the rows."""
    resolved: dict[str, Any]
    """What became of the operations whose outcome is not known."""
    weakened: list[str]
    """What makes the checks say less than they could."""


def whole(run: Run, url: str, system: Any, sent: Ledger) -> Verified:
    """Judge a run as a whole."""
    seen = system.observe(url, run, sent)
    case = system.case(sent, seen)
    weakened = [*system.weakened(case), *surroundings.weakened(seen), *only_replays(*new_keys(case))]
    effects.write(run.folder, case.effects())
    return Verified(system.judge(case), seen, case.resolved(), weakened)


def in_parts(run: Run, url: str, system: Any, divided: Divided, store: Store, judge: Judge) -> Verified:
    """Judge a run whose operations are in parts in `store`."""
    keeping = Keeping(store)
    seen = system.observe(url, run, divided.last, keeping)
    return judged_apart(run.folder, system, divided, store, replace(seen, totals=keeping.totals), judge)


def judged_apart(folder: Path, system: Any, divided: Divided, store: Store, seen: Any, judge: Judge) -> Verified:
    """The same, whose rows are in parts, too: `seen` is what was read beside them. Leaves the effects in `folder`."""
    last = divided.last
    judged = judge([Task(number, store.only(number), last, seen, divided.steps) for number in range(store.parts)])
    left = replace(store, pieces={}).with_pieces(one.left for one in judged)
    in_order = _in_order(left, len(divided.steps))
    effects.write_pieces(folder, effects.fields(last.scenario.points), sum(one.effects for one in judged), in_order)
    seen = system.joined(seen, [one.learnt for one in judged])
    made = system.checks_of(last.scenario)
    by_key = [*about(made, ""), *(check for check in made if check.alone)]
    parts = {check.id: [one.outcomes[check.id] for one in judged] for check in by_key}
    # `store` itself stays that of the keys alone.
    handed = store.with_pieces(one.handed for one in judged)
    for stage in division.of(system):
        tasks = [
            Task(number, handed.only(number), last, seen, divided.steps, way.name)
            for way in stage
            for number in range(store.parts)
        ]
        found = judge(tasks)
        for place, way in enumerate(stage):
            own = found[place * store.parts : (place + 1) * store.parts]
            for check in about(made, way.name):
                parts.setdefault(check.id, []).extend(one.outcomes[check.id] for one in own)
            seen = way.joined(seen, [one.learnt for one in own])
        handed = handed.with_pieces(one.handed for one in found)
    completing = Completing(
        system, handed, last, seen, lambda number: case_of(system, Task(number, store, last, seen, divided.steps))
    )
    case = system.case(last, seen)
    replays = only_replays(sum(one.done for one in judged), sum(one.only for one in judged))
    unknown, committed, operations = (
        sum(getattr(one, name) for one in judged) for name in ("unknown", "committed", "operations")
    )
    return Verified(
        checks.findings(made, {name: [_summed(found, completing)] for name, found in parts.items()}, case),
        seen,
        case.resolution(unknown, committed, operations),
        [*system.weakened(case), *surroundings.weakened(seen), *replays],
    )


def _summed(parts: Sequence[checks.Outcome], completing: Completing) -> checks.Outcome:
    """What all parts come to, with witnesses that are whole."""
    found = checks.summed(parts)
    return completing.of(found) if isinstance(found, Part) else found


def _in_order(left: Store, steps: int) -> Iterator[npt.NDArray[np.void]]:
    """The effects of all parts, step by step, in the order of operations and items."""
    for step in range(steps):
        pieces = [piece[EFFECTS] for number in range(left.parts) for piece in left.read(effects_of(number), step)]
        if pieces:
            found = concatenated(pieces, pieces[0].dtype)
            # Those of an operation are in one piece, and in order there.
            yield found.take(np.argsort(found["op"], kind="stable"))
