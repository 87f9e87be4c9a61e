"""Everything that stands under a run: a seeded database of its own, the target, the delivery workers."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from harness import database, fingerprint
from harness.errors import ProofloadError, StackError
from harness.plan.scenario import Scenario
from harness.progress import Progress
from harness.run import Run
from harness.settings import ROOT, Settings
from harness.stack import postgres, process, target
from harness.stack.postgres import Postgres
from harness.stack.target import Variant

KEEP_DATABASES = 5
"""How many runs' databases the embedded PostgreSQL keeps, so that findings can be looked up by hand."""

SCALE_TIMEOUT_S = 60.0


@dataclass
class Stack:
    """What stands, and can be scaled. The target and its workers are None if they are not ours."""

    target_url: str
    database_url: str
    server: subprocess.Popen[bytes] | None
    deliveries: target.Deliveries | None
    scale_command: str

    def scale(self, workers: int) -> None:
        """Have `workers` delivery workers; StackError if that fails."""
        if self.deliveries is not None:
            self.deliveries.scale(workers)
        elif self.scale_command:
            command = self.scale_command.replace("{workers}", str(workers))
            try:
                done = subprocess.run(
                    shlex.split(command),
                    capture_output=True,
                    text=True,
                    timeout=SCALE_TIMEOUT_S,
                    start_new_session=True,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise StackError(f"PERF_SCALE_CMD: {command}: {error}") from None
            if done.returncode:
                raise StackError(f"PERF_SCALE_CMD: {command}: code {done.returncode}: {done.stderr.strip()}")

    def died(self) -> bool:
        """Whether a process of our target ended by itself."""
        return (self.server is not None and self.server.poll() is not None) or (
            self.deliveries is not None and self.deliveries.died()
        )


@contextmanager
def up(run: Run, scenario: Scenario, settings: Settings, variant: Variant, progress: Progress) -> Iterator[Stack]:
    """Set up the stack of a run, record it in run.json, and take it down at the end, whatever happens."""
    with ExitStack() as undo:
        progress.now("starting PostgreSQL, migrating, seeding")
        if settings.database_url:
            url, name = settings.database_url, database.parse(settings.database_url).database
            seeding = seed(scenario.system, url, progress, run)
        else:
            server = postgres.start(settings.home)
            undo.callback(server.stop)
            seeding = seed(scenario.system, pool(server, scenario.system), progress, run)
            name = f"{scenario.system}_{run.id.lower()}"
            _prune(server, scenario.system)
            # A copy of the seeded one: no run inherits another's rows, bloat or dropped index.
            url = server.create(name, scenario.system)
            with database.connect(url, "stack") as connection, connection.begin():
                # So that the monitor can tell which statements took the time.
                connection.execute(text("CREATE EXTENSION IF NOT EXISTS pg_stat_statements"))
        run.record(
            seeding=seeding,
            database={
                "url": database.redacted(url),
                "name": name,
                "ours": not settings.database_url,
                **fingerprint.server(url),
            },
        )
        progress.now("starting the target")
        yield _target(run, scenario, settings, url, variant, undo)


@contextmanager
def outside(run: Run, settings: Settings) -> Iterator[Stack]:
    """Nothing of ours: somebody else's target, and no database that we know anything of."""
    run.record(
        seeding=None,
        database={"url": "none", "name": "", "ours": False, "server_version": "", "settings": {}},
        target={"url": settings.target_url, "ours": False, "processes": None, "fault": None, "died": False},
    )
    yield Stack(settings.target_url, "", None, None, "")


def pool(server: Postgres, system: str) -> str:
    """The URL of the database in the embedded PostgreSQL that runs of `system` are copied from; made if it is new."""
    return server.url(system) if system in server.databases() else server.create(system)


def seed(system: str, url: str, progress: Progress, run: Run | None = None) -> dict[str, Any]:
    """Migrate and seed the database at `url`, as `run` needs it; what seeding says of it."""
    arguments = [system, "--run-folder", str(run.folder)] if run else [system]
    progress.say("  " + stage([sys.executable, "-m", "schema", *arguments], url).strip())
    *lines, facts = stage([sys.executable, "-m", "seeding", *arguments, "--json"], url).splitlines()
    for line in lines:
        progress.say(f"  {line}")
    seeded: dict[str, Any] = json.loads(facts)
    return seeded


def stage(command: list[str], url: str) -> str:
    """Run a stage that needs the database at `url`; what it printed. ProofloadError, as it says, if it refuses."""
    # A session of its own: Ctrl-C is for the pipeline to decide about.
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url},
        start_new_session=True,
    )
    if done.returncode:
        raise ProofloadError(
            done.stderr.strip().removeprefix("error: ") or f"{command[2]} ended with {done.returncode}"
        )
    return done.stdout


def _prune(server: Postgres, system: str) -> None:
    """Drop the databases of all but the latest runs; their names begin with the moment, so they sort by age."""
    for name in [name for name in server.databases() if name.startswith(f"{system}_2")][: -(KEEP_DATABASES - 1)]:
        server.drop(name)


def _target(run: Run, scenario: Scenario, settings: Settings, url: str, variant: Variant, undo: ExitStack) -> Stack:
    health = scenario.contract["health"]
    if settings.target_url:
        stack = Stack(settings.target_url, url, None, None, settings.scale_command)
        target.healthy(settings.target_url, health, None, None)
    else:
        port, log = settings.target_port or process.free_port(), run.folder / "target.log"
        server = target.start(scenario.system, url, port, log, variant)
        undo.callback(process.stop, server)
        stack = Stack(f"http://127.0.0.1:{port}", url, server, None, "")
        if scenario.delivery_workers is not None:
            deliveries = target.Deliveries(
                scenario.system, url, scenario.delivery_seconds, run.folder / "delivery.log", variant
            )
            undo.callback(deliveries.stop)
            stack.deliveries = deliveries
        target.healthy(stack.target_url, health, server, log)
    if scenario.delivery_workers is not None and (stack.deliveries or scenario.scales):
        stack.scale(scenario.delivery_workers)
    run.record(
        target={
            "url": stack.target_url,
            "ours": stack.server is not None,
            "processes": 1,
            "fault": variant.fault,
            "strategy": variant.strategy,
            "commit": variant.checkout.name if variant.checkout else None,
            "died": False,
        }
    )
    return stack
