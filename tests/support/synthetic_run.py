"""A run folder as load, verification and pipeline leave it, without any of them: each figure in it is known."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness import binding, check, effects
from harness import search as searching
from harness.check import Finding
from harness.journal import PARTNER, Journal
from harness.outcomes import Failure, Outcome
from harness.plan import arrivals
from harness.plan.scenario import Scenario
from harness.run import Run
from harness.search import Record
from harness.verdict import CheckState
from tests.support.plans import varied

BEGAN = 5_000_000_000_000
"""Second 0 of the plan on the master's clock, ns."""
WALL = 1_900_000_000_000_000_000


@dataclass(frozen=True)
class Answer:
    """What becomes of an operation; `seconds` after its start, or never."""

    outcome: Outcome
    status: int = 0
    seconds: float | None = 0.020
    failure: Failure = Failure.NONE


EXPECTED = {
    "process": Answer(Outcome.ACK, 201),
    "repeat": Answer(Outcome.REPLAY, 409),
    "conflict": Answer(Outcome.REJECT, 409),
    "stranger": Answer(Outcome.REJECT, 404),
    "race": Answer(Outcome.ACK, 201),
    "later": Answer(Outcome.ACK, 201),
}
HOLDING = (
    Finding("X1", "Each acknowledged message is stored.", CheckState.HOLDS, 171, "acknowledged messages"),
    Finding("X4", "No message is stored that nobody sent.", CheckState.HOLDS, 180, "stored messages"),
)
TARGET = {"url": "http://127.0.0.1:8000", "ours": True, "services": {"api": 2}, "fault": None, "died": []}
FACTS: dict[str, Any] = {
    "command": ["python", "-m", "harness", "run", "sustained"],
    "seed": 1,
    "interrupted": None,
    "target": TARGET,
    "database": {"url": "postgresql://***@127.0.0.1/messages", "server_version": "18.1", "settings": {"fsync": "on"}},
    "versions": {"proofload": "0.1.0", "locust": "2.47.0"},
    "host": {"cpu": "Example CPU", "cores": 8, "memory_bytes": 16_000_000_000, "kernel": "6.1", "python": "3.11.9"},
    "git": {"commit": "0123456789abcdef", "dirty": False},
    "seeding": {"users": 10_000, "seconds": 0.4},
    "load": {"exit_code": 0},
    "clock": {"wall_ns": WALL, "mono_ns": BEGAN},
    "monitor": {"died": False},
}

Moments = npt.NDArray[np.int64]
Answering = Callable[[int, str, float], Answer]


def as_expected(place: int, kind: str, sched: float) -> Answer:
    """The target does what the contract says, in 20 ms."""
    return EXPECTED[kind]


def left(scenario: Scenario, kind: str) -> int:
    """How many items an acknowledgement leaves; of a kind that must not be acknowledged one."""
    effect = scenario.effects[kind].get("ACK")
    return effect.items if effect else 1


def taking(seconds: float) -> Answering:
    """The target does what the contract says, in `seconds`."""
    return lambda place, kind, sched: Answer(EXPECTED[kind].outcome, EXPECTED[kind].status, seconds)


def _looks(second: int, count: int, starts: Moments, ends: Moments, flying: float | None, began: int) -> dict[str, Any]:
    """The looks of the second before a line of health, and how many operations were in flight at each."""
    ticks = [began + round((second - 1.5 + (place + 0.5) / max(count, 1)) * 1e9) for place in range(count)]
    seen = np.searchsorted(starts, ticks, "right") - np.searchsorted(ends, ticks, "right")
    return {"ticks": ticks, "flying": seen.tolist() if flying is None else [flying] * count}


def synthetic_run(
    runs: Path,
    scenario: str = "sustained",
    profile: str = "smoke",
    *,
    table: Mapping[str, Any] | None = None,
    answer: Answering = as_expected,
    completing: Callable[[float], float | None] = lambda committed: committed + 0.1,
    dropped: int = 0,
    lag_s: float | Callable[[int], float] = 0.0,
    waited_s: float = 0.0,
    lags_us: Iterable[int] = (300,) * 50,
    cpu: float = 0.2,
    flying: float | None = None,
    clock_step_s: float = 0.0,
    health: bool = True,
    began: bool = True,
    closed: bool = True,
    http: bool = True,
    kinds: list[str] | None = None,
    users: list[int] | None = None,
    moments: Sequence[tuple[float, str, int]] | None = None,
    run_id: str | None = None,
    clocks: Sequence[int] = (0,),
    findings: Iterable[Finding] | None = HOLDING,
    with_effects: bool = True,
    load: Mapping[str, Any] | None = {},
    facts: Mapping[str, Any] | None = None,
    unchecked: bool = False,
    search: Record | None = None,
) -> Run:
    """A run of `scenario`, GO unless something is asked for.

    `table` replaces keys of the scenario's table in the plan; None: takes them out. `answer` says of each
    arrival (its place, kind and second) what becomes of it; `completing` when an effect committed at a second
    is completed. The last `dropped` arrivals are never begun; the others are begun `lag_s` late (or as
    it says of a place), `waited_s` of it without a free user.
    `flying` operations were seen in flight at each look, by default as many as there were; the wall
    clock is set forward by `clock_step_s` in the middle.
    In a closed load `users` says who does each operation; they are spread evenly. Or `moments` says of each its
    second, kind and user. `run_id` is the run's id, by default one of now and chance.
    There is a load process for each of `clocks`, which says by how many ns the master's clock is ahead of its own; they
    take turns at the arrivals.
    `unchecked`: the plan says that its data is not checked.
    `search`: what a search has done, if the plan has one: its steps are the load.
    `findings`, `load`: None leaves the file out; `load` and `facts` replace keys of load.json and run.json.
    """
    found = replace(varied(scenario, profile, table), unchecked=unchecked)
    run = Run.create(runs, found, **{**FACTS, **(facts or {})})
    if search is not None:
        run.write(searching.FILE, searching.as_json(search))
        found = searching.followed(found, search)
    if run_id is not None:
        run.record(run=run_id)

    times, order = arrivals.planned(found, 1)
    if users is not None:
        times = np.arange(len(users)) * found.seconds / max(len(users), 1)
    names, staying = list(found.mix), found.staying
    if users is not None:
        order = arrivals.kinds(found.mix, len(times), 1)
    if moments is not None:
        times = np.array([second for second, _, _ in moments])
        order = np.array([names.index(kind) for _, kind, _ in moments], np.uint16)
        users = [user for _, _, user in moments]
    header = {"run": run.id, "system": found.system, "scenario": found.name, "kinds": kinds or names, "http": http}
    journals = []
    for worker, shift in enumerate(clocks):
        own = {"worker": worker, "mono_ns": BEGAN - shift, "arrivals": len(times[worker :: len(clocks)])}
        journals.append(Journal(run.folder / f"journal-{worker}.bin", {**header, **own}))
        if began:
            journals[-1].amend(began=BEGAN - shift, shift=shift)
    stored: list[tuple[int, ...]] = []
    ended = partners = 0
    spans: list[list[tuple[int, int]]] = [[] for _ in clocks]
    for place, second in enumerate(times[: len(times) - dropped].tolist()):
        kind = names[order[place]]
        late = lag_s(place) if callable(lag_s) else lag_s
        worker = place % len(clocks)
        journal, shift = journals[worker], clocks[worker]
        sched, start = BEGAN + round(second * 1e9), BEGAN + round((second + late) * 1e9)
        halves = [(0, answer(place, kind, second))]
        if kind == "race":
            partners += 1
            halves.append((PARTNER, Answer(Outcome.REPLAY, 409, halves[0][1].seconds)))
        for flags, said in halves:
            user = users[place] if users else place % 50
            number = journal.begin(
                int(order[place]), sched - shift, start - shift, user, round(waited_s * 1e6), 1, None, flags
            )
            if said.seconds is not None:
                end = start + round(said.seconds * 1e9)
                journal.end(number, said.outcome, said.status, said.failure, 1, end - shift)
                ended += 1
                spans[worker].append((start, end))
                if said.outcome is Outcome.ACK:
                    completed = None if kind in staying else completing(end / 1e9)
                    moments = [end] * (len(found.points) - 1) + [0 if completed is None else round(completed * 1e9)]
                    stored += [(number, item, *moments) for item in range(left(found, kind))]
    count = sum(journal.count for journal in journals)
    if closed:
        for journal in journals:
            journal.close()

    if with_effects:
        effects.write(run.folder, np.array(stored, effects.fields(found.points)))
    if findings is not None:
        findings = list(findings)
        run.write(check.FILE, binding.integrity(run, [finding.id for finding in findings], findings))
    for worker, shift in enumerate(clocks if health else []):
        starts, ends = (np.sort(np.array([span[end] for span in spans[worker]], np.int64)) for end in (0, 1))
        lines = [
            {
                "at": BEGAN - shift + round((second - 0.5) * 1e9),
                "lags_us": list(lags_us),
                "cpu": cpu,
                "rss": 100_000_000,
                "gc_s": 0.01,
            }
            | {"in_flight": 3, "begun": count, "ended": ended, "errors": 0, "due": count, "users": 50}
            | {"wall": WALL + round((second - 0.5 + (clock_step_s if second > 5 else 0)) * 1e9)}
            | _looks(second, len(list(lags_us)), starts - shift, ends - shift, flying, BEGAN - shift)
            for second in range(int(found.seconds) + 3)
        ]
        run.write_text(f"health-{worker}.jsonl", "\n".join(json.dumps(line) for line in lines) + "\n")
    if load is not None:
        said_at_end = {"requests": ended, "failures": 0, "names": {}, "planned": len(times), "taken": count - partners}
        said_at_end |= {"dropped": dropped, "exceptions": 0, "finished": True, "ended_by": "plan"}
        run.write("load.json", {**said_at_end, **load})
    binding.seal(run)
    return run


def bind(run: Run) -> Run:
    """The same run, bound together as its folder is now: for a test that changes what is in it."""
    if (run.folder / check.FILE).exists():
        integrity = run.read(check.FILE)
        findings = [check.finding(one) for one in integrity["checks"]]
        run.write(check.FILE, {**integrity, **binding.integrity(run, [one.id for one in findings], findings)})
    binding.seal(run)
    return run
