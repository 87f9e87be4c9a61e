"""The load as the pipeline sees it: Locust in a process of its own, watched, scaled and ended in order."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import psycopg2

from harness import before, journaled, load_processes, own_checks, search, settled, steered
from harness.disturber import Disturber, acts
from harness.errors import CommandError, DatabaseError, JournalError, RunError, StackError
from harness.load_processes import tagged
from harness.plan.rules import ABORT
from harness.plan.scenario import Scenario
from harness.progress import Progress, load_line, machine_lines
from harness.project import environment
from harness.ready import Ready
from harness.run import LOST_PROCESS, Run
from harness.settings import Settings
from harness.stack import process
from harness.stack.stack import Stack
from harness.window import Window

if TYPE_CHECKING:
    from harness.machines.elsewhere import Elsewhere

POLL_S = 0.1
A_RULE = "a rule"
"""What ended the load, if one with `else abort` did."""
OVERTIME_S = 60.0
"""How much longer than its plan a load may take, besides waiting for its last answers, before it counts as hung."""


def put_load(
    run: Run,
    settings: Settings,
    stack: Stack,
    signalled: Callable[[], str | None],
    progress: Progress,
    window: Window | None = None,
    elsewhere: "Elsewhere | None" = None,
    waiting: Sequence[Ready] = (),
) -> bool:
    """Put the planned load on until it is done, or until `signalled` names a signal; what happened goes into run.json.

    Of a load that was not interrupted `window` keeps Locust's web UI, if there is one. With `elsewhere` all load
    processes are on other machines, and here is their master. `waiting`: the processes, if they wait for their turn.
    False if it was ended before the first operation; StackError if there was none although no signal ended it.
    """
    scenario, count, port = run.scenario, settings.processes, process.free_port()
    if elsewhere:
        count, port = settings.workers, settings.master_port
        # So that nothing has begun while they are waited for.
        if not elsewhere.ready(run, stack.load_url, stack.load_database_url, tagged(scenario), signalled):
            return False
    processes = load_processes.of(run, settings, window)
    children: list[subprocess.Popen[Any]] = []
    kept = False
    if scenario.search:
        run.write(search.FILE, search.as_json(search.first(scenario.search)))
    watcher = _watcher(run, scenario, stack.database_url)
    # Before it begins: which processes must leave a journal, and how the only clock that counts relates to the wall's.
    run.record(
        load={"processes": count},
        clock={"wall_ns": time.time_ns(), "mono_ns": time.monotonic_ns()},
        before=_before(stack.database_url, scenario) if stack.database_url else None,
    )
    try:
        values = {"DATABASE_URL": stack.load_database_url, "PERF_RUN": run.id}
        values |= elsewhere.key.environment() if elsewhere else {}
        for one, ready in zip_longest(processes, waiting):
            children.append(one.begin(ready, stack.load_url, port, **values))
        if elsewhere:
            elsewhere.start()

        def must_end() -> str | None:
            return signalled() or _broken(run, watcher) or _lost(run, elsewhere)

        machines = run.facts.get("machines", ()) if settings.by_machine else ()
        why = _watch(children, run, scenario, stack, must_end, progress, window is not None, machines)
        if window and not why and children[0].poll() is None:
            window.keep(children[0])
            kept = True
    finally:
        # The first is the one that ends the others.
        codes = [process.stop(child, signal.SIGINT) for child in children[kept:]]
        if elsewhere:
            elsewhere.collect(run)
        if watcher:
            process.stop(watcher)
    run.record(
        load={"exit_code": 0 if kept else codes[0], "processes": count},
        target={**run.facts["target"], "died": stack.died()},
        after=_after(stack.database_url),
    )
    if changes := steered.read(run.folder):
        run.record(steered=changes)
    if kept and not _finished(run):
        run.record(interrupted="Stop in the web UI during the load")
    if why and not _finished(run):
        run.record(**({"aborted": run.read(ABORT)} if why == A_RULE else {"interrupted": f"{why} during the load"}))
    # Of another's users none may have come so far as to send: that is for the verdict to say.
    begun = began_any(run) or (scenario.foreign and _finished(run))
    if not why and not begun:
        raise StackError(f"no load was put on: Locust ended with code {codes[0]}\n{process.tail(processes[0].log)}")
    return begun


def _before(url: str, scenario: Scenario) -> dict[str, Any]:
    """What run.json holds of the database before the load; PlanError if a query of the plan can't be run there."""
    own_checks.require(url, scenario)
    return {**before.taken(url), "own": own_checks.before(url, scenario)}


def _after(url: str) -> dict[str, Any] | None:
    """What run.json holds of the database after the load; None if there is none, or it is gone."""
    if not url:
        return None
    with suppress(DatabaseError, psycopg2.Error):
        return before.compared(url)
    return None


def _watcher(run: Run, scenario: Scenario, url: str) -> subprocess.Popen[bytes] | None:
    """What judges while the load goes on: the steps of a search, or whether a rule ends the load.

    Started before the load, so that nothing is missed.
    """
    if scenario.search:
        name = "search"
    elif any(rule.aborts for rule in scenario.rules):
        name = "abort"
    else:
        return None
    command = [sys.executable, "-m", f"reports.{name}", str(run.folder)]
    return process.start(command, run.folder / f"{name}.log", environment(DATABASE_URL=url))


def _broken(run: Run, watcher: subprocess.Popen[bytes] | None) -> str | None:
    """Why the load must end, if it must: a rule is broken, or what judges it exited."""
    if watcher is None:
        return None
    gone = watcher.poll() is not None
    if run.scenario.search:
        record = search.read(run.folder) if gone else None
        return "the search exited unexpectedly" if gone and not (record and record.ended) else None
    return A_RULE if (run.folder / ABORT).exists() else "the abort watcher exited unexpectedly" if gone else None


def _lost(run: Run, elsewhere: "Elsewhere | None") -> str | None:
    """Why the load must end, if machines elsewhere are the reason."""
    why = elsewhere.lost() if elsewhere else ""
    return f"{LOST_PROCESS}: {why}" if why and not _finished(run) else None


def _watch(
    children: list[subprocess.Popen[Any]],
    run: Run,
    scenario: Scenario,
    stack: Stack,
    signalled: Callable[[], str | None],
    progress: Progress,
    ui: bool,
    machines: Sequence[Mapping[str, Any]],
) -> str | None:
    """Follow the load to its end, scaling services as planned; why it was ended before, if it was.

    The first of `children` ends the others, and itself when all is done; with `ui` it goes on then. Of `machines` there
    is a line each.
    """
    child, *others = children
    steps = _steps(scenario)
    disturber: Disturber | None = None
    scaling: list[dict[str, Any]] = []
    began: int | None = None
    why: str | None = None
    give_up = time.monotonic() + scenario.seconds + scenario.timeout_seconds + OVERTIME_S
    try:
        while child.poll() is None:
            began = began or _began(run)
            lines = machine_lines(run.folder, machines)
            progress.now("\n    ".join([load_line(run.folder, scenario, began, why is not None), *lines]))
            known, why = why, why or signalled() or (_dead(stack.died()))
            if why is None and any(each.poll() is not None for each in others) and not _finished(run):
                why = LOST_PROCESS
            if why is None and began and steps and time.monotonic_ns() >= began + steps[0][0] * 1e9:
                planned, service, processes = steps.pop(0)
                change = {"service": service, "processes": processes, "planned": planned}
                try:
                    code = stack.scale(service, processes)
                    scaling.append({**change, "done": _second(began), "exit_code": code})
                except StackError as error:
                    why = "scaling failed"
                    scaling.append({**change, "exit_code": error.code if isinstance(error, CommandError) else None})
                    run.record(scaling_failed=str(error))
            if why is None and began and scenario.disturbances:
                disturber = disturber or _disturber(run, stack, began)
                why = disturber.due()
            if ui and (run.folder / "load.json").exists():
                break
            if why is not None and known is None:
                child.send_signal(signal.SIGINT)
                give_up = time.monotonic() + scenario.timeout_seconds + OVERTIME_S
            if time.monotonic() > give_up:
                why = why or f"hung for {OVERTIME_S:g} s"
                break
            process.ended_within(child, POLL_S)
    finally:
        if disturber is not None:
            disturber.over()
    if scenario.scales:
        run.record(scaling=scaling)
    if scenario.disturbances:
        announced = disturber.announced(began) if disturber and began else []
        run.record(disturbances=disturber.lines if disturber else [], announced=announced)
    return why


def _disturber(run: Run, stack: Stack, began: int) -> Disturber:
    """What makes the disturbances of a plan that began then (ns of our clock)."""
    before = partial(settled.take, run, stack.database_url)
    return Disturber(stack, acts(run.scenario, stack), before, partial(_second, began))


def _second(began: int) -> float:
    """The second of a plan that began then (ns of our clock)."""
    return (time.monotonic_ns() - began) / 1e9


def _dead(services: list[str]) -> str | None:
    return f"a process of service {' and '.join(services)} died" if services else None


def _steps(scenario: Scenario) -> list[tuple[float, str, int]]:
    """When the number of processes of a service changes, in seconds from the beginning; of which, and to what."""
    steps, at = [], 0.0
    for stage in scenario.stages:
        steps += [(at, service, processes) for service, processes in stage.scale.items()]
        at += stage.seconds
    return steps


def _began(run: Run) -> int | None:
    """When second 0 of the plan was (ns of our clock), as soon as the journal knows."""
    try:
        header = journaled.read_header(run.folder / "journal-0.bin")
    except JournalError:
        return None  # not there yet, or just being written
    return header["began"] + header.get("shift", 0) if "began" in header else None


def began_any(run: Run) -> bool:
    """Whether any operation was begun, or may have been by load processes elsewhere of which not all is here."""
    if any(one["started"] and not one["whole"] for one in run.facts.get("machines") or ()):
        return True
    try:
        return any(len(each.records) for each in journaled.read_all(run.folder))
    except JournalError:
        return False


def _finished(run: Run) -> bool:
    try:
        summary: dict[str, Any] = run.read("load.json")
    except RunError:
        return False
    return bool(summary["finished"])
