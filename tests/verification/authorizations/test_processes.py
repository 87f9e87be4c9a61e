"""Several load processes, each with a clock of its own: one history all the same, also where a part of it is lost."""

import os
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.check import Finding
from harness.journal import HEADER_BYTES, PARTNER, Journal
from harness.journaled import read_all
from harness.outcomes import Failure, Outcome
from harness.verdict import CheckState
from systems import ids
from tests.support.authorization_history import HOT, RUN, SPREAD, STEP_NS, WALL, History, clean
from tests.support.surroundings import around
from verification import authorizations as judged
from verification.ledger import ledger

SECOND = 10**9
START = 5_000 * SECOND
"""When the load began, on the master's clock."""


@dataclass(frozen=True)
class Clock:
    """The clock of a load process: the master's is ahead by `shift`, and its journal says so, but for an `error`."""

    shift: int = 0
    error: int = 0
    doubt: int = 0


def split(history: History, folder: Path, *clocks: Clock) -> History:
    """`history` as several processes put it on, which leave their journals in `folder`; all of a key is of one."""
    mine: list[list[int]] = [[] for _ in clocks]
    for op in history.ops:
        mine[op["key_of"] % len(clocks)].append(op["op"])
    number = {op: ids.operation(worker, n) for worker, ops in enumerate(mine) for n, op in enumerate(ops)}
    kinds = list(history.scenario.expected)
    for worker, (clock, ops) in enumerate(zip(clocks, mine, strict=True)):
        ahead = START - clock.shift
        header = {"run": RUN, "worker": worker, "kinds": kinds, "mono_ns": ahead}
        header |= {"shift": clock.shift + clock.error, "doubt": clock.doubt}
        with Journal(folder / f"journal-{worker}.bin", header, grow=4) as journal:
            for place in ops:
                op = history.op(place)
                times = (ahead + op["sched"], ahead + op["start"])
                flags = PARTNER if op["partner"] else 0
                begun = journal.begin(kinds.index(op["kind"]), *times, 1, 0, op["subject"], number[op["key_of"]], flags)
                assert begun == number[place]
                outcome = Outcome(op["outcome"])
                journal.end(begun, outcome, op["status"], Failure.NONE, op["answer"], ahead + op["end"])
    parted = deepcopy(history)
    for row in parted.rows:
        row["op"] = number[row["op"]]
    return parted


def judge(parted: History, folder: Path, processes: int = 2) -> dict[str, Finding]:
    """What the checks find in the journals in `folder`, beside what stands."""
    parted.seen.update(around(WALL - START))
    sent = ledger(RUN, read_all(folder, processes), WALL - START, parted.scenario)
    return {finding.id: finding for finding in judged.judge(judged.case(sent, parted.observation()))}


def violated(found: dict[str, Finding]) -> set[str]:
    return {id_ for id_, finding in found.items() if finding.state == CheckState.VIOLATED}


def busy() -> History:
    """A clean history in which processes take turns at one authorization."""
    history = clean()
    for _ in range(20):
        history.act("reserve", SPREAD)
        history.act("release", SPREAD)
    return history


def stale() -> History:
    """… and at last a replay shows a state that was over long before it began."""
    history = busy()
    moves = [op["op"] for op in history.ops if op["outcome"] == Outcome.ACK and op["kind"] == "reserve"]
    history.act("repeat", key_of=moves[-12])
    history.op(len(history.ops) - 1)["answer"] = history.op(moves[-8])["answer"]
    return history


def overbooked() -> History:
    """… and at last more is reserved of a hot one than there is."""
    history = busy()
    history.act("reserve", HOT, force=True, units=20)
    return history


APART = [Clock(1_000 * SECOND), Clock(-2 * SECOND), Clock(300)]


@pytest.mark.parametrize("other", APART, ids=lambda clock: f"{clock.shift:,} ns")
def test_a_clean_history_of_processes_whose_clocks_are_apart_holds(tmp_path: Path, other: Clock) -> None:
    found = judge(split(busy(), tmp_path, Clock(), other), tmp_path)

    assert {id_: finding.detail for id_, finding in found.items() if finding.state != CheckState.HOLDS} == {}


@pytest.mark.parametrize("other", APART[:2], ids=lambda clock: f"{clock.shift:,} ns")
def test_without_the_shift_it_would_be_accused(tmp_path: Path, other: Clock) -> None:
    found = judge(split(busy(), tmp_path, Clock(), Clock(other.shift, error=-other.shift)), tmp_path)

    assert "A8" in violated(found)


@pytest.mark.parametrize("other", [*APART, Clock(2 * SECOND, error=STEP_NS, doubt=2 * STEP_NS)])
@pytest.mark.parametrize(
    ("make", "checks"), [(stale, {"A8"}), (overbooked, {"A1", "A1M", "DOC"})], ids=["stale", "overbooked"]
)
def test_a_real_violation_is_seen_whatever_the_clocks(
    tmp_path: Path, other: Clock, make: Callable[[], History], checks: set[str]
) -> None:
    assert violated(judge(split(make(), tmp_path, Clock(), other), tmp_path)) == checks


def test_nobody_is_accused_by_less_than_the_doubt(tmp_path: Path) -> None:
    wrong = 2 * STEP_NS
    (tmp_path / "sure").mkdir()
    sure = split(busy(), tmp_path / "sure", Clock(), Clock(SECOND, error=wrong))
    doubtful = split(busy(), tmp_path, Clock(), Clock(SECOND, error=wrong, doubt=wrong))

    # That it bites: as wrong, but without a word of it.
    assert "A8" in violated(judge(sure, tmp_path / "sure"))
    found = judge(doubtful, tmp_path)
    assert {id_: finding.detail for id_, finding in found.items() if finding.state != CheckState.HOLDS} == {}


def test_halves_of_one_process_overlap_by_its_own_clock(tmp_path: Path) -> None:
    parted = split(busy(), tmp_path, Clock(doubt=SECOND), Clock(doubt=SECOND))

    assert judge(parted, tmp_path)["X11"].state == CheckState.HOLDS


# What needs every operation of the run.
ALL = {"X2", "A1M", "A4", "A6", "A7", "A8"}


def lose(path: Path) -> None:
    path.unlink()


def to(count: int) -> Callable[[Path], None]:
    """Cut a journal to so many operations."""
    return lambda path: os.truncate(path, HEADER_BYTES + 64 * count)


LOST: dict[str, Callable[[Path], None]] = {
    "is missing": lose,
    "was cut: its header can't be read": lambda path: os.truncate(path, 100),
    "was cut: it was closed with": to(10),
}


@pytest.mark.parametrize("worker", [0, 1])
@pytest.mark.parametrize("why", LOST)
def test_what_depends_on_a_lost_process_is_undecided(tmp_path: Path, why: str, worker: int) -> None:
    parted = split(busy(), tmp_path, Clock(), Clock(SECOND))
    LOST[why](tmp_path / f"journal-{worker}.bin")

    found = judge(parted, tmp_path)

    assert violated(found) == set()
    undecided = {id_: finding for id_, finding in found.items() if finding.state == CheckState.UNDECIDED}
    assert set(undecided) >= ALL
    for id_ in ALL:
        assert f"the journal of load process {worker} {why}" in undecided[id_].detail
        assert not undecided[id_].crashed
    # Key by key, and from the database alone, the others have their say.
    holding = {id_ for id_, finding in found.items() if finding.state == CheckState.HOLDS}
    assert holding >= {"X1", "X4", "X5", "X6", "A1", "A2", "A3", "A10", "A11", "DOC", "POOL"}


def test_wherever_a_journal_was_cut_nobody_is_accused(tmp_path: Path) -> None:
    parted = split(clean(), tmp_path, Clock(), Clock(SECOND))
    path = tmp_path / "journal-1.bin"
    for count in reversed(range(len(read_all(tmp_path)[1].records))):
        to(count)(path)
        found = judge(parted, tmp_path)
        assert violated(found) == set()
        assert found["X2"].state == CheckState.UNDECIDED


def test_what_a_whole_process_did_is_judged_all_the_same(tmp_path: Path) -> None:
    parted = split(busy(), tmp_path, Clock(), Clock(SECOND))
    to(10)(tmp_path / "journal-1.bin")
    parted.rows.remove(parted.row(0))  # acknowledged by process 0, whose journal is whole: …
    phantom = next(row for row in parted.rows if not row["op"] >> ids.COUNT_BITS)
    phantom["op"] = ids.operation(0, 99)  # … this it never sent

    found = judge(parted, tmp_path)

    assert found["X1"].state == found["X2"].state == CheckState.VIOLATED
    assert found["X2"].witnesses == 1
