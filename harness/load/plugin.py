"""What Proofload adds to Locust's life cycle: a session a load, its journal closed when the last user is done.

Imported by every locustfile of ours; `locust -f locustfiles/messages.py` works by itself, and
`--run-folder` makes it a load of the pipeline: alone, or as master or worker of several processes.
"""

import logging
import os
import signal
import subprocess
import sys
from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, NoReturn

import gevent
from locust import events
from locust.env import Environment
from locust.exception import StopTest
from locust.rpc import Message
from locust.runners import MasterRunner, WorkerRunner

from harness.errors import PoolError, ProofloadError
from harness.load import foreign, health, leases, shown, steering, table, workers
from harness.load.crowd import Crowd
from harness.load.feed import Feeds, draw_from
from harness.load.following import LOOK_S
from harness.load.metric import record_in
from harness.load.session import Session
from harness.load.tally import FLUSH_S
from harness.load.workers import Coordinator
from harness.machines.code import differing, imported
from harness.project import environment, hint
from harness.run import Run

log = logging.getLogger(__name__)

# Where each greenlet was started from is of use to nobody here, and each user would keep it.
gevent.config.track_greenlet_tree = False


def load_of(environment: Environment) -> Session | Coordinator | None:
    """The load that is going on: a process's own, or as a master the one of all; None before the first."""
    return getattr(environment, "proofload", None)


BARE = f"Counted from the journal. Nothing is verified or reported: {hint('ui-SCENARIO', 'run SCENARIO --ui')} does it."


def _rows(environment: Environment) -> list[dict[str, Any]]:
    """What is shown of a load without a run."""
    load = load_of(environment)
    if not isinstance(load, Session):
        return []
    return load.rows if load.closed else table.rows(load)


def session_of(environment: Environment) -> Session:
    """The session of this process, whose users ask for it."""
    session = load_of(environment)
    assert isinstance(session, Session)
    return session


def end_load(environment: Environment, why: str, exit_code: int) -> None:
    """End the load before its time: running operations are waited for, nothing new is begun."""
    session_of(environment).end(why)
    environment.process_exit_code = exit_code
    # With a plan its shape ends the load at its next tick; ending it here too would make two ends.
    if environment.shape_class is None and environment.runner is not None:
        gevent.spawn(environment.runner.quit)


@events.init_command_line_parser.add_listener
def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--run-folder",
        default="",
        include_in_web_ui=False,
        help="The run folder: its run.json defines the load, and the journal goes there. Set by the pipeline",
    )


@events.init.add_listener
def _init(environment: Environment, **_: Any) -> None:
    runner = environment.runner
    if environment.web_ui is not None:
        steering.fence(environment, environment.web_ui)
        if folder := workers.folder_of(environment):
            shown.show(environment, environment.web_ui, Path(folder))
        else:
            shown.show_table(environment, environment.web_ui, lambda: _rows(environment), BARE)

    def reset(**_: Any) -> None:
        workers.keep_counts(environment)

    environment.events.reset_stats.add_listener(reset)

    def begin(environment: Environment, msg: Message) -> None:
        load = load_of(environment)
        said = workers.on_own_clock(msg.data, workers.folder_of(environment))
        if isinstance(load, Session):
            load.begin(said["began"], said["shift"], said["doubt"])
        else:
            BEGIN.update(said)

    def changed(environment: Environment, msg: Message) -> None:
        session_of(environment).change(msg.data)

    def ended(environment: Environment, msg: Message) -> None:
        load = load_of(environment)
        assert isinstance(load, Coordinator)
        load.ended.add(msg.node_id)

    def stop(environment: Environment, msg: Message) -> None:
        load = load_of(environment)
        assert isinstance(load, Coordinator)
        load.end(msg.data["why"])

    def done(environment: Environment, msg: Message) -> None:
        load = load_of(environment)
        assert isinstance(load, Coordinator)
        load.done[msg.node_id] = msg.data

    def spawned(**_: Any) -> None:
        load = load_of(environment)
        if load is not None and load.scenario is not None and not isinstance(runner, WorkerRunner):
            load.begin()

    def lease(environment: Environment, msg: Message) -> None:
        load = load_of(environment)
        assert isinstance(load, Coordinator)
        assert isinstance(runner, MasterRunner)
        runner.send_message(leases.GIVEN, load.leases.lease(msg.data), msg.node_id)

    def leased(environment: Environment, msg: Message) -> None:
        leases.given(msg.data)

    def joined(client_id: str, data: dict[str, Any]) -> None:
        run, number, code = data.get("proofload", ("", -1, {}))
        JOINED[client_id] = (run, number)
        if other := differing(imported(), code):
            OTHER[client_id] = other
        load = load_of(environment)
        if isinstance(load, Coordinator) and not load.is_ours(run, number) and client_id in load.clients():
            load.expel(client_id)

    environment.events.worker_report.add_listener(joined)
    if isinstance(runner, WorkerRunner):
        runner.register_message(workers.BEGIN, begin)
        runner.register_message(leases.GIVEN, leased)
        runner.register_message(workers.CHANGED, changed)
    elif isinstance(runner, MasterRunner):
        runner.register_message(workers.DONE, done)
        runner.register_message(workers.ENDED, ended)
        runner.register_message(workers.STOP, stop)
        runner.register_message(leases.ASK, lease)
    # Not by decorator: this event does not say whose it is.
    environment.events.spawning_complete.add_listener(spawned)


@events.report_to_master.add_listener
def _introduce(data: dict[str, Any], **_: Any) -> None:
    workers.introduce(data)


BEGIN: dict[str, int] = {}
"""As a worker: when second 0 is, if that is known before there is a load."""

OTHER: dict[str, str] = {}
"""As a master: the workers that have another module of the project or another fact than we have, and which."""

JOINED: dict[str, tuple[str, int]] = {}
"""As a master: how each worker identified itself. Reports arrive from the beginning, before there is a load."""


@events.test_start.add_listener
def _begin(environment: Environment, **_: Any) -> None:
    before = load_of(environment)
    folder = workers.folder_of(environment)
    try:
        if folder and before is not None:
            raise ProofloadError(f"{folder} holds its run already. For another, press Ctrl-C and begin again")
        load = _load(environment, folder)
    except ProofloadError as error:
        log.error("%s", error)
        environment.process_exit_code = 2
        raise StopTest(str(error)) from None
    # What is in flight when the time is up is waited for: nothing is killed that could end.
    environment.stop_timeout = max(environment.stop_timeout or 0, load.timeout + 1)
    if not isinstance(environment.runner, WorkerRunner):
        _end_in_order(environment)


def _load(environment: Environment, folder: str) -> Session | Coordinator:
    """The load that begins, known to everybody from now on."""
    system: Any = getattr(environment.user_classes[0], "system", None)
    if system is not None and not isinstance(environment.runner, WorkerRunner):
        _require_pool(system, folder)
    if isinstance(environment.runner, MasterRunner):
        if not folder:
            raise ProofloadError("a master without --run-folder: expected a load of the pipeline; leave out --master")
        coordinator = Coordinator(environment, Run.open(Path(folder)), JOINED, OTHER)
        environment.proofload = coordinator  # type: ignore[attr-defined]
        coordinator.await_workers()
        if coordinator.scenario.foreign:
            coordinator.begin()  # their users come as they are started
        return coordinator
    if folder:
        run = Run.open(Path(folder))
        session = Session(environment, run, run.scenario.system, run.scenario.expected, *workers.share())
        if run.scenario.foreign:
            _accommodate(environment, session)
    else:
        session = Session(environment, None, system.__name__, system.EXPECTED)
        log.warning(
            "No --run-folder: nothing will be verified or reported. %s does all of it.",
            hint("ui-SCENARIO", "run SCENARIO --ui"),
        )
        session.start.set()
    environment.proofload = session  # type: ignore[attr-defined]
    record_in(session.metrics)
    # On another machine there is no folder that all load processes share: the master counts for them.
    far = partial(leases.Remote, environment.runner) if workers.elsewhere() else None
    draw_from(Feeds(session, workers.share()[1] if folder else 1, far))
    session.watchers = [gevent.spawn(_count, session, environment.runner)]
    if session.following is not None:
        session.watchers.append(gevent.spawn(_follow, session))
    if session.crowd is not None:
        session.watchers.append(gevent.spawn(session.crowd.end_in_time))
    if folder:
        session.watchers += health.watch(session, Path(folder) / f"health-{session.worker}.jsonl")
    return session


def _accommodate(environment: Environment, session: Session) -> None:
    """Another's users are journalled, and kept to the plan's time, which begins with the first of them."""
    shapes = [name for name in environment.available_shape_classes or {} if name != "PlanShape"]
    if shapes and session.scenario and not session.scenario.shaped:
        raise ProofloadError(f'the locustfile has a shape, {", ".join(shapes)}: expected shape = "theirs" in the plan')
    session.tally.expect(foreign.EXPECTED)
    session.crowd = Crowd(session, environment)
    environment.events.request.add_listener(foreign.Recorder(session, session.crowd))
    if BEGIN or not isinstance(environment.runner, WorkerRunner):
        session.begin(BEGIN.get("began"), BEGIN.get("shift", 0), BEGIN.get("doubt", 0))


def _count(session: Session, runner: Any) -> NoReturn:
    told = False
    while True:
        gevent.sleep(FLUSH_S)
        session.tally.count()
        if session.quota.size and not told and isinstance(runner, WorkerRunner) and session.over():
            told = True
            runner.send_message(workers.ENDED)
        if session.raised and not told and isinstance(runner, WorkerRunner):
            told = True
            runner.send_message(workers.STOP, {"why": session.ended_by})


def _follow(session: Session) -> NoReturn:
    while True:
        session.follow()
        gevent.sleep(LOOK_S)


def _require_pool(system: ModuleType, folder: str) -> None:
    """PoolError unless the pool that the users draw from is in the database, if DATABASE_URL names one."""
    if not os.environ.get("DATABASE_URL") or (folder and "seeding" in Run.open(Path(folder)).facts):
        return  # there is nothing to look at, or the run has just seeded it
    # In a process of its own: psycopg2 would block this one, all its users included.
    name = system.__name__.rpartition(".")[2]
    command = [sys.executable, "-m", "seeding", name, "--check", *(["--run-folder", folder] if folder else [])]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    if done.returncode:
        raise PoolError(done.stderr.strip().removeprefix("error: "))


def _end_in_order(environment: Environment) -> None:
    """From now on Ctrl-C and SIGTERM end the load first: Locust alone would end at once, and lose its last seconds."""

    def handle(number: int, _: FrameType | None) -> None:
        load = load_of(environment)
        if load is None or load.closed:
            raise KeyboardInterrupt
        if load.run is not None:
            load.end(signal.Signals(number).name)
        else:
            # Python raises it in whatever runs at this moment, which may be a user in the middle of an operation.
            hub: Any = gevent.get_hub()
            hub.loop.run_callback(hub.parent.throw, KeyboardInterrupt)

    # Python's own handlers: they take the place of those that Locust has, or will, set through the loop.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)


@events.test_stop.add_listener
def _end(environment: Environment, **_: Any) -> None:
    session = load_of(environment)
    if not isinstance(session, Session) or session.closed:
        return
    gevent.killall(session.watchers)
    session.tally.count()
    session.follow()  # the master may have heard of the end before
    # The shape of another's locustfile ends a load at the master.
    shaped = session.scenario is not None and session.scenario.shaped and isinstance(environment.runner, WorkerRunner)
    if not session.over() and not shaped:
        session.end("stopped from outside")
    summary = session.close(workers.counted(environment))
    if isinstance(environment.runner, WorkerRunner):
        workers.send_done(environment.runner, summary)
    elif session.run is not None:
        session.run.write("load.json", summary)
