"""What Proofload adds to Locust's life cycle: a session a load, its journal closed when the last user is done.

Imported by every locustfile of ours; `locust -f locustfiles/messages.py` works by itself, and
`--run-folder` makes it a load of the pipeline.
"""

import logging
import os
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import gevent
from locust import events
from locust.env import Environment
from locust.exception import StopTest
from locust.runners import LocalRunner

from harness.errors import PoolError, ProofloadError
from harness.load import health
from harness.load.session import Session
from harness.load.tally import FLUSH_S
from harness.run import Run
from harness.settings import ROOT

log = logging.getLogger(__name__)


def session_of(environment: Environment) -> Session:
    """The session of the load that is going on."""
    session: Session = environment.proofload  # type: ignore[attr-defined]
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
        help="The run folder whose run.json says what load to put on, and which gets the journal. Set by the pipeline",
    )


@events.test_start.add_listener
def _begin(environment: Environment, **_: Any) -> None:
    try:
        _require_pool(environment.user_classes[0].system)  # type: ignore[attr-defined]
        session = _session(environment)
    except ProofloadError as error:
        log.error("%s", error)
        environment.process_exit_code = 2
        raise StopTest(str(error)) from None
    environment.proofload = session  # type: ignore[attr-defined]
    environment.proofload_watch = [gevent.spawn(_tell, session)]  # type: ignore[attr-defined]
    if session.run:
        environment.stop_timeout = (session.scenario.timeout_seconds if session.scenario else 0) + 1
        path = session.run.folder / f"health-{session.worker}.jsonl"
        environment.proofload_watch += health.watch(session, path)  # type: ignore[attr-defined]
    else:
        log.warning("No --run-folder: nothing will be verified or reported. `make ui-peak` does all of it.")
        session.start.set()


def _tell(session: Session) -> NoReturn:
    while True:
        gevent.sleep(FLUSH_S)
        session.tally.count()


def _require_pool(system: ModuleType) -> None:
    """PoolError unless the pool that the users draw from is in the database, where we are told which one that is."""
    if not os.environ.get("DATABASE_URL"):
        return
    # In a process of its own: psycopg2 would block this one, all its users included.
    name = system.__name__.rpartition(".")[2]
    command = [sys.executable, "-m", "seeding", name, "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise PoolError(done.stderr.strip().removeprefix("error: "))


def _session(environment: Environment) -> Session:
    if not isinstance(environment.runner, LocalRunner):
        raise ProofloadError(
            "a master with workers was asked for: expected one load process; leave out --master, --worker, --processes"
        )
    folder = environment.parsed_options.run_folder if environment.parsed_options else ""
    system = environment.user_classes[0].system  # type: ignore[attr-defined]
    if not folder:
        return Session(environment, None, system.__name__, system.EXPECTED)
    if getattr(environment, "proofload", None):
        raise ProofloadError(f"{folder} holds its run already. For another, press Ctrl-C and begin again")
    run = Run.open(Path(folder))
    return Session(environment, run, run.scenario.system, run.scenario.expected)


@events.init.add_listener
def _init(environment: Environment, **_: Any) -> None:
    def spawned(**_: Any) -> None:
        session = getattr(environment, "proofload", None)
        if session is not None and session.scenario is not None:
            session.begin()

    # Not by decorator: this event does not say whose it is.
    environment.events.spawning_complete.add_listener(spawned)


@events.test_stop.add_listener
def _end(environment: Environment, **_: Any) -> None:
    session = getattr(environment, "proofload", None)
    if session is None or session.closed:
        return
    gevent.killall(getattr(environment, "proofload_watch", []))
    session.tally.count()
    if not session.over() and session.ended_by == "plan":
        session.ended_by = "signal"
    session.close(
        {name: (entry.num_requests, entry.num_failures) for (name, _), entry in environment.stats.entries.items()}
    )
