"""The load as the pipeline sees it: Locust in a process of its own, watched, scaled and ended in order."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg2

from harness import before, journal, own_checks, search
from harness.errors import DatabaseError, JournalError, RunError, ScaleError, StackError
from harness.plan.rules import ABORT
from harness.plan.scenario import Scenario
from harness.progress import Progress, load_line
from harness.project import environment
from harness.run import LOST_PROCESS, Run
from harness.settings import Settings
from harness.stack import process
from harness.stack.stack import Stack

POLL_S = 0.1
A_RULE = "a rule"
"""What ended the load, if one with `else abort` did."""
OVERTIME_S = 60.0
"""How much longer than its plan a load may take, besides waiting for its last answers, before it counts as hung."""


def put_load(
    run: Run, settings: Settings, stack: Stack, signalled: Callable[[], str | None], progress: Progress, ui: bool
) -> bool:
    """Put the planned load on until it is done, or until `signalled` names a signal; what happened goes into run.json.

    With `ui`, Locust's web UI stays until a signal. False if it was ended before the first operation;
    StackError if there was none although no signal ended it.
    """
    scenario, log = run.scenario, run.folder / "load.log"
    count, port = settings.processes, process.free_port()
    command = _command(run, scenario, settings, stack, ui)
    alone, children = count == 1, []
    # Files that another's users open are beside their locustfile.
    folder = Path(scenario.locustfile).parent if scenario.foreign else None
    if scenario.search:
        run.write(search.FILE, search.as_json(search.first(scenario.search)))
    watcher = _watcher(run, scenario)
    # Before it begins: which processes must leave a journal, and how the only clock that counts relates to the wall's.
    run.record(
        load={"processes": count},
        clock={"wall_ns": time.time_ns(), "mono_ns": time.monotonic_ns()},
        before=_before(stack.database_url, scenario) if stack.database_url else None,
    )
    try:
        roles = [[]] if alone else [["--master", *_MASTER, str(port), "--expect-workers", str(count)]]
        roles += [] if alone else [["--worker", *_WORKER, str(port)]] * count
        for number, role in enumerate(roles):
            share = {
                "DATABASE_URL": stack.database_url,
                "PERF_RUN": run.id,
                "PERF_LOAD_PROCESS": f"{max(number - 1, 0)}/{count}",
            }
            words = _generator(run, scenario, stack) if number else command
            name = log if alone or not number else run.folder / f"load-{number - 1}.log"
            children.append(
                process.start([*words, *role], name, environment(**share), on_parent_death=signal.SIGINT, folder=folder)
            )
        why = _watch(children, run, scenario, stack, lambda: signalled() or _broken(run, watcher), progress, ui)
    finally:
        # The first is the one that ends the others.
        codes = [process.stop(child, signal.SIGINT) for child in children]
        if watcher:
            process.stop(watcher)
    run.record(
        load={"exit_code": codes[0], "processes": count},
        target={**run.facts["target"], "died": stack.died()},
        after=_after(stack.database_url),
    )
    if why and not _finished(run):
        run.record(**({"aborted": run.read(ABORT)} if why == A_RULE else {"interrupted": f"{why} during the load"}))
    # Of another's users none may have come so far as to send: that is for the verdict to say.
    begun = began_any(run) or (scenario.foreign and _finished(run))
    if not why and not begun:
        raise StackError(f"no load was put on: Locust ended with code {codes[0]}\n{process.tail(log)}")
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


def _watcher(run: Run, scenario: Scenario) -> subprocess.Popen[bytes] | None:
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
    return process.start(command, run.folder / f"{name}.log", environment())


def _broken(run: Run, watcher: subprocess.Popen[bytes] | None) -> str | None:
    """Why the load must end, if it must: a rule is broken, or what judges it exited."""
    if watcher is None:
        return None
    gone = watcher.poll() is not None
    if run.scenario.search:
        record = search.read(run.folder) if gone else None
        return "the search exited unexpectedly" if gone and not (record and record.ended) else None
    return A_RULE if (run.folder / ABORT).exists() else "the abort watcher exited unexpectedly" if gone else None


_MASTER = ["--master-bind-host", "127.0.0.1", "--expect-workers-max-wait", "60", "--master-bind-port"]
_WORKER = ["--master-host", "127.0.0.1", "--master-port"]


def _generator(run: Run, scenario: Scenario, stack: Stack) -> list[str]:
    """What every load process has on its command line."""
    # Of several shapes Locust takes the first.
    files = f"{Path(__file__).parent / 'load' / 'shape.py'},{scenario.locustfile}"
    words = ["-f", files, "--run-folder", str(run.folder.resolve()), "--host", stack.target_url]
    words += ["--tags", *scenario.tags] if scenario.tags else []
    words += ["--exclude-tags", *scenario.exclude_tags] if scenario.exclude_tags else []
    return [sys.executable, "-m", "harness.load", *words]


def _command(run: Run, scenario: Scenario, settings: Settings, stack: Stack, ui: bool) -> list[str]:
    """The first one's command line: it has the web UI, or none."""
    command = [*_generator(run, scenario, stack), "--only-summary", "--exit-code-on-error", "0"]
    for name, weight in scenario.users.items():
        command += ["--config-users", json.dumps({"user_class_name": name, "weight": weight})]
    if ui:
        command += ["--autostart", "--web-host", "127.0.0.1", "--web-port", str(settings.ui_port)]
    else:
        command += ["--headless"]
    return command + list(scenario.users)


def _watch(
    children: list[subprocess.Popen[bytes]],
    run: Run,
    scenario: Scenario,
    stack: Stack,
    signalled: Callable[[], str | None],
    progress: Progress,
    ui: bool,
) -> str | None:
    """Follow the load to its end, scaling services as planned; why it was ended before, if it was.

    The first of `children` ends the others, and itself when all is done.
    """
    child, *others = children
    steps = _steps(scenario)
    scaling: list[dict[str, Any]] = []
    began: int | None = None
    why: str | None = None
    give_up = time.monotonic() + scenario.seconds + scenario.timeout_seconds + OVERTIME_S
    while child.poll() is None:
        began = began or _began(run)
        progress.now(load_line(run.folder, scenario, began))
        known, why = why, why or signalled() or (_dead(stack.died()))
        if why is None and any(each.poll() is not None for each in others) and not _finished(run):
            why = LOST_PROCESS
        if why is None and began and steps and time.monotonic_ns() >= began + steps[0][0] * 1e9:
            planned, service, processes = steps.pop(0)
            change = {"service": service, "processes": processes, "planned": planned}
            try:
                code = stack.scale(service, processes)
                done = (time.monotonic_ns() - began) / 1e9
                scaling.append({**change, "done": done, "exit_code": code})
            except StackError as error:
                why = "scaling failed"
                scaling.append({**change, "exit_code": error.code if isinstance(error, ScaleError) else None})
                run.record(scaling_failed=str(error))
        if why is not None and (known is None or (ui and (run.folder / "load.json").exists())):
            child.send_signal(signal.SIGINT)  # with a web UI once for the load, and once for that
        if why is not None and known is None:
            give_up = time.monotonic() + scenario.timeout_seconds + OVERTIME_S
        if time.monotonic() > give_up and (why or not ui):
            why = why or f"hung for {OVERTIME_S:g} s"
            break
        time.sleep(POLL_S)
    if scenario.scales:
        run.record(scaling=scaling)
    return why


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
        header = journal.read_header(run.folder / "journal-0.bin")
    except JournalError:
        return None  # not there yet, or just being written
    return header["began"] + header.get("shift", 0) if "began" in header else None


def began_any(run: Run) -> bool:
    """Whether any operation was begun."""
    try:
        return any(len(each.records) for each in journal.read_all(run.folder))
    except JournalError:
        return False


def _finished(run: Run) -> bool:
    try:
        summary: dict[str, Any] = run.read("load.json")
    except RunError:
        return False
    return bool(summary["finished"])
