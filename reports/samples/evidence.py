"""A verdict rests on what is in the run folder and on nothing else; what is missing there is known to be missing."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness import binding, check, effects, journaled, own_metrics
from harness.binding import Broken
from harness.check import Finding
from harness.errors import JournalError, RunError
from harness.journaled import Journaled, Journals, Lost
from harness.monitor import FILE as MONITOR
from harness.monitor import STATEMENTS
from harness.own_metrics import Recorded
from harness.run import UNREAD, Run
from reports.samples.monitor_lines import Line, lines
from reports.samples.samples import Samples, samples

HealthLines = list[dict[str, Any]]


@dataclass(frozen=True)
class Process:
    """A load process: the facts of its journal, and its health."""

    worker: int
    closed: bool
    began: int | None
    """Its second 0 of the plan: ns on the master's clock; None if the load never began."""
    arrivals: int
    system: str
    scenario: str
    """The load of its journal."""
    health: HealthLines
    http: bool = True
    """Whether its users went over HTTP."""
    machine: int | None = None
    """The number of its machine; None: the master's."""
    ahead: int = 0
    """By how many ns the master's clock was ahead of its own, when the load began."""
    doubt: int = 0
    """By how many ns its times may be wrong, either way."""
    stepped: int | None = None
    """By how many ns the distance to the master's clock jumped, at least; None: that is not known."""


@dataclass(frozen=True)
class Evidence:
    """All that a run left behind."""

    run: Run
    samples: Samples
    processes: tuple[Process, ...]
    lost: tuple[Lost, ...]
    """The load processes of which not all operations are known, since their journal is missing or was cut."""
    expected: int
    """How many load processes there were."""
    load: dict[str, Any] | None
    """load.json; None if the load did not reach its end."""
    findings: tuple[Finding, ...] | None
    """What the checks found; None if they have not been run."""
    monitor: list[Line]
    """The monitor's samples of target, database and machine, a line a second; empty if there was no monitor."""
    pending: bool
    """Whether verification, at the end of the drain, still found something that was not completed."""
    weakened: list[str]
    """What the checks could not see of this target, and what that weakens."""
    statements: list[dict[str, Any]] | None
    """The statements that took most of the database's time; None if that isn't known."""
    metrics: tuple[Recorded, ...] = ()
    """What users recorded themselves."""
    unread: str = ""
    """The first answer that was not understood, whole; "" = there was none, or it was not kept."""
    broken: tuple[Broken, ...] = ()
    """The files that are missing, of another run or were changed. Of these only run.json and what can be read of the
    journals is shown; the others count as missing."""

    @property
    def began(self) -> int | None:
        """Second 0 of the plan: ns on the master's clock, as the monitor has it; None if the load never began."""
        return next((process.began for process in self.processes if process.began is not None), None)


def gather(folder: Path) -> Evidence:
    """The evidence in a run folder; ProofloadError if it isn't one, or holds no journal that can be read."""
    run = Run.open(folder)
    broken = binding.broken(run)
    aborted = run.facts.get("aborted")

    def has(name: str) -> bool:
        return (run.folder / name).exists() and not any(one.file == name for one in broken)

    verified = has(check.FILE)
    stored = effects.read(run.folder, run.scenario.points) if has(effects.FILE) else None
    journals, sampled = _sampled(run, broken, stored, aborted["at"] if aborted else None)
    processes = tuple(
        process(one, _health(run.folder / name, one) if has(name := f"health-{one.worker}.jsonl") else [])
        for one in journals
    )
    unread = sorted(path.name for path in run.folder.glob(UNREAD.format("*")))
    return Evidence(
        run=run,
        samples=sampled,
        processes=processes,
        lost=journals.lost,
        expected=journals.expected,
        load=run.read("load.json") if has("load.json") else None,
        findings=_findings(run) if verified else None,
        monitor=lines(run.folder) if has(MONITOR) else [],
        pending=verified and _pending(run),
        weakened=list(run.read(check.FILE).get("weakened", [])) if verified else [],
        statements=_statements(run) if has(STATEMENTS) else None,
        metrics=own_metrics.read_all(journals, lambda name: not any(one.file == name for one in broken)),
        unread=next((_text(run.folder / name) for name in unread if has(name)), ""),
        broken=tuple(broken),
    )


def process(one: Journaled, health: HealthLines) -> Process:
    """The load process that wrote the journal."""
    return Process(
        worker=one.worker,
        closed=one.closed,
        began=one.header.get("began"),
        arrivals=int(one.header.get("arrivals", 0)),
        system=str(one.header.get("system")),
        scenario=str(one.header.get("scenario")),
        health=health,
        http=bool(one.header.get("http", True)),
        machine=one.header.get("machine"),
        ahead=one.shift,
        doubt=one.doubt,
        stepped=one.clock.stepped if one.clock else None,
    )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _sampled(
    run: Run, broken: Sequence[Broken], stored: npt.NDArray[np.void] | None, until: float | None
) -> tuple[Journals, Samples]:
    """The journals of `run` and their operations; none, if a journal is broken so that it can't be read."""
    try:
        journals = journaled.read_all(run.folder, run.processes, journaled.map_records)
        if journals[0].header["run"] != run.id:
            found = journals[0].header["run"]
            raise JournalError(f"{journals[0].path}: of run {found}, expected run {run.id} as in run.json")
        return journals, samples(run.scenario, journals, stored, until)
    except JournalError:
        if not any(one.file.startswith("journal-") for one in broken):
            raise
        journals = journaled.none(run.folder, run.id, run.processes or 1)
        return journals, samples(run.scenario, journals, None, until)


def _health(path: Path, one: Journaled) -> HealthLines:
    """The lines of the health file beside journal `one`, if there is one, on the clock of the master.

    Its process may have died in the middle of the last line. Its wall clock stays as it was: no more than its steps
    are of interest.
    """
    lines = path.read_text().splitlines() if path.exists() else []
    health: HealthLines = []
    for number, line in enumerate(lines, 1):
        try:
            told = json.loads(line)
        except ValueError:
            if number < len(lines):
                raise RunError(f"{path}:{number}: not JSON: the file is damaged. Run the load again") from None
            continue
        # Each by its own shift: operations, which they are compared with, have theirs.
        at, *ticks = (times := np.array([told["at"], *told["ticks"]], np.int64)) + one.ahead(times)
        told["at"], told["ticks"] = int(at), [int(tick) for tick in ticks]
        health.append(told)
    return health


def _findings(run: Run) -> tuple[Finding, ...]:
    integrity = run.read(check.FILE)
    if integrity.get("schema") not in check.READABLE:
        raise RunError(
            f"{run.folder / check.FILE}: schema {integrity.get('schema')!r}, expected {check.SCHEMA}: "
            "it is of another version; verify the run again"
        )
    return tuple(check.finding(one) for one in integrity["checks"])


def _pending(run: Run) -> bool:
    seen = run.read(check.FILE).get("observation") or {}
    return "drained_seconds" in seen and seen["drained_seconds"] is None


def _statements(run: Run) -> list[dict[str, Any]] | None:
    """What the monitor left of them; None if the file is not whole."""
    try:
        found: list[dict[str, Any]] | None = json.loads((run.folder / STATEMENTS).read_text())
    except (OSError, ValueError):
        return None
    return found
