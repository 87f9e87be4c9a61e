"""A case that is judged in parts, in this process."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from harness import check, effects
from harness.check import Finding
from harness.journal import PARTLY, PARTNER, RECORD
from harness.run import Run
from verification.__main__ import verify
from verification.arrays import Array
from verification.case import Case
from verification.divided import running, verifying
from verification.divided.judging import Judged, Task, judged
from verification.divided.keeping import Keeping
from verification.divided.splitting import Divided, divide, last_of
from verification.divided.store import Store
from verification.divided.verifying import Verified, judged_apart
from verification.ledger import Ledger, by_outcome
from verification.ledger_checks import new_keys, only_replays
from verification.stored import ALSO


def records(ops: pd.DataFrame, partly: Array) -> npt.NDArray[np.void]:
    """The records of which a ledger made these operations, of which some had items refused, though not all."""
    made = np.zeros(len(ops), RECORD)
    for name in ("subject", "key_of", "answer", "sched", "start", "end", "status", "outcome"):
        made[name] = ops[name].to_numpy()
    made["kind"] = ops["kind"].cat.codes
    made["flags"] = np.where(ops["partner"], PARTNER, 0) | np.where(np.isin(ops["op"], partly), PARTLY, 0)
    return made


def here(tasks: Sequence[Task]) -> list[Judged]:
    """Judge each of them."""
    return [judged(task) for task in tasks]


Keep = Callable[[Any, Keeping], dict[str, Any]]
"""Keeps what was observed of a case in parts, and gives what is otherwise observed then."""


def in_parts(
    folder: Path, system: Any, case: Case, count: int, kept: Sequence[str] = (), keep: Keep | None = None
) -> Verified:
    """What is found of a case in so many parts, in three pieces; `kept`: what else of the observation has a
    line a row; or else `keep` keeps all of it. The effects are left in `folder`.
    """
    store = Store(str(folder / "parts"), count)
    store.make()
    ledger, seen = case.ledger, case.seen
    ops = ledger.ops.sort_values("op").reset_index(drop=True)
    step = len(ops) // 3 + 1
    for first in range(0, len(ops), step):
        some = ops.iloc[first : first + step]
        divide(store, some, records(some, ledger.partly), some["doubt"].to_numpy())
    keeping = Keeping(store)
    changes = keep(case, keeping) if keep else _kept(system, case, keeping, step, kept)
    divided = Divided(
        replace(ledger, ops=last_of(ops).reset_index(drop=True), partly=ledger.partly[:0]),
        by_outcome(ledger.ops),
        ops["op"].to_numpy()[::step],
    )
    return judged_apart(folder, system, divided, store, replace(seen, totals=keeping.totals, **changes), here)


def _kept(system: Any, case: Case, keeping: Keeping, step: int, kept: Sequence[str]) -> dict[str, Any]:
    """Keep its rows, and what else has a line a row."""
    seen = case.seen
    for first in range(0, len(seen.rows), step):
        keeping.take_rows(seen.rows.iloc[first : first + step].reset_index(drop=True), seen.source.stored)
    changes: dict[str, Any] = {"rows": seen.rows.iloc[:0].drop(columns="item", errors="ignore")}
    for name in kept:
        keeping.take(name, getattr(seen, name))
        changes[name] = getattr(seen, name).iloc[:0]
    for name, query in getattr(system, "also", {}).items():
        if query.by_operation:
            keeping.take(ALSO.format(name), seen.also[name])
            changes["also"] = {**changes.get("also", seen.also), name: seen.also[name].iloc[:0]}
    return changes


def found_alike(
    folder: Path,
    system: Any,
    case: Case,
    findings: Sequence[Finding],
    counts: Sequence[int],
    kept: Sequence[str] = (),
    keep: Keep | None = None,
) -> None:
    """Assert that of `case` the same is found, and left, in each of these `counts` of parts as in one."""
    (folder / "whole").mkdir(parents=True, exist_ok=True)
    effects.write(folder / "whole", case.effects())
    weakened = [*system.weakened(case), *only_replays(*new_keys(case))]
    for count in counts:
        found = in_parts(folder, system, case, count, kept, keep)
        assert [one.as_json() for one in found.findings] == [one.as_json() for one in findings], count
        assert (found.resolved, found.weakened) == (case.resolved(), weakened), count
        assert found.seen.as_json() == case.seen.as_json(), count
        assert (folder / effects.FILE).read_bytes() == (folder / "whole" / effects.FILE).read_bytes(), count


WAITED = re.compile(r"[0-9.]+ s after the load")
"""How long was waited for a queue that never became empty."""
MOMENTS = ("snapshot", "clock_offset_seconds", "drained_seconds")


def written(run: Run) -> tuple[dict[str, Any], bytes]:
    """What verification left, without when that was."""
    found = run.read(check.FILE)
    del found["seconds"]
    observation = {name: value for name, value in found["observation"].items() if name not in MOMENTS}
    found = json.loads(WAITED.sub("… s after the load", json.dumps(found)))
    return {**found, "observation": observation}, (run.folder / effects.FILE).read_bytes()


@contextmanager
def remembered() -> Iterator[list[tuple[Any, Case, list[Finding]]]]:
    """What is judged as a whole within: system, case and what was found."""
    judged_as_a_whole, whole = list[tuple[Any, Case, list[Finding]]](), verifying.whole

    def remember(run: Run, url: str, system: Any, sent: Ledger) -> Verified:
        found = whole(run, url, system, sent)
        judged_as_a_whole.append((system, system.case(sent, found.seen), found.findings))
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verifying, "whole", remember)
        yield judged_as_a_whole


def goes_on(run: Run) -> bool:
    """Whether something of a run was still pending when it was verified: then another look finds something else."""
    return run.read(check.FILE)["observation"]["drained_seconds"] is None


def verified_alike(run: Run, url: str, count: int) -> None:
    """Assert that of a run that was verified the same is written when that is done again in so many parts."""
    whole, judged_here = written(run), list[Task]()

    def one_by_one(tasks: Sequence[Task]) -> list[Judged]:
        judged_here.extend(tasks)
        return here(tasks)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERF_PARTITIONS", str(count))
        # Processes would take longer to start than to judge.
        patch.setattr(running, "here", lambda: nullcontext(one_by_one))
        verify(run, url)
    assert len(judged_here) >= count
    assert written(run) == whole
