"""Everything under a run: a seeded database of its own, and the services of the target."""

import json
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, Any, cast
from urllib.parse import urlsplit, urlunsplit

import psycopg2

from harness import catalogue, database, database_url, fingerprint, steps
from harness.errors import Crashed, DatabaseError, ProofloadError, StackError
from harness.parent import die_with_parent
from harness.plan.disturbance import POSTGRES, TARGET
from harness.plan.scenario import Scenario
from harness.plan.services import with_port
from harness.progress import Progress
from harness.project import environment, hint
from harness.ready import Ready
from harness.run import Run
from harness.settings import Settings
from harness.stack import copies, health, postgres, postgres_log, process, user_command
from harness.stack.line import Line
from harness.stack.postgres import Postgres
from harness.stack.services import Services
from harness.stack.variant import Variant
from harness.verdict import EXIT_USAGE


@dataclass
class Stack:
    """What is up, and can be scaled. `services` is None if the target is not ours."""

    target_url: str
    """Where requests go; "" if the system has no address of its own."""
    database_url: str
    services: Services | None
    scale_command: str
    postgres: Postgres | None = None
    """The database's server, if it is ours."""
    lines: Mapping[str, Line] = field(default_factory=dict)
    """What leads to target and postgres, where a plan disturbs that."""
    disturb_command: str = ""
    waking: list[subprocess.Popen[bytes]] = field(default_factory=list)
    """What wakes the processes that a disturbance has stopped, if nothing else does."""
    surplus: list[str] = field(default_factory=list)
    """The databases of earlier runs that are too many."""

    def scale(self, service: str, processes: int) -> int | None:
        """Scale a service to `processes`; the exit code of PERF_SCALE_CMD, if that was run. StackError if it fails."""
        if self.services is not None:
            self.services.scale(service, processes)
        elif self.scale_command:
            values = {"service": service, "processes": str(processes)}
            return user_command.run("PERF_SCALE_CMD", self.scale_command, values)
        return None

    @property
    def load_url(self) -> str:
        """Where the load goes: the target, or the line that leads to it."""
        line = self.lines.get(TARGET)
        return f"http://127.0.0.1:{line.port}" if line else self.target_url

    @property
    def load_database_url(self) -> str:
        """Likewise, of users that speak to PostgreSQL themselves."""
        line = self.lines.get(POSTGRES)
        return _through(line, self.database_url) if line else self.database_url

    @contextmanager
    def dropping_surplus(self) -> Iterator[None]:
        """Drop those databases meanwhile, which takes as long as the disk needs for all that is to be written. If that
        fails, the next run does it.
        """

        def drop() -> None:
            with suppress(DatabaseError, psycopg2.Error):
                for name in self.surplus:
                    assert self.postgres is not None
                    self.postgres.drop(name)

        dropping = threading.Thread(target=drop)
        dropping.start()
        try:
            yield
        finally:
            dropping.join()

    def died(self) -> list[str]:
        """The services of our target of which a process ended by itself."""
        return self.services.died() if self.services is not None else []


@contextmanager
def up(run: Run, scenario: Scenario, settings: Settings, variant: Variant, progress: Progress) -> Iterator[Stack]:
    """Set up the stack of a run, record it in run.json, and take it down at the end, whatever happens."""
    system = scenario.system
    with ExitStack() as undo, ready("schema", system) as schema, ready("seeding", system) as seeder:
        progress.now("migrating, seeding" if settings.database_url else "starting PostgreSQL, migrating, seeding")
        server: Postgres | None = None
        surplus: list[str] = []
        if settings.database_url:
            url, name = settings.database_url, database_url.parse(settings.database_url).name
            seeding = _seed(scenario.system, url, progress, run, schema, seeder)
        else:
            server = postgres.start(settings.home, postgres.PRODUCTION if settings.database_settings else None)
            undo.callback(server.stop)
            seeding = _seed(scenario.system, pool(server, scenario.system), progress, run, schema, seeder)
            name = copies.name_of(scenario.system, run.id)
            surplus = _prune(server, scenario.system, settings.keep_disk)
            progress.now("copying the seeded database")
            # A copy of the seeded one: no run inherits another's rows, bloat or dropped index.
            url = server.create(name, scenario.system)
            undo.callback(_record_log, run, server, server.log.stat().st_size)
            with database.session(url, "stack") as cursor:
                # So that the monitor can tell which statements took the time.
                cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        run.record(
            seeding=seeding,
            database={
                "url": database.redacted(url),
                "name": name,
                "ours": not settings.database_url,
                **fingerprint.server(url),
            },
            schema=catalogue.lines(url),
        )
        progress.now("asking the target" if settings.target_url else "starting the target")
        found = _target(run, scenario, settings, url, server, variant, undo)
        found.surplus = surplus
        yield found


@contextmanager
def outside(run: Run, scenario: Scenario, settings: Settings) -> Iterator[Stack]:
    """Nothing of ours: a foreign target; and its database, if the plan has checks for it."""
    url = settings.database_url if scenario.own_checks else ""
    known = {"url": "none", "name": "", "ours": False, "server_version": "", "settings": {}}
    if url:
        known |= {"url": database.redacted(url), "name": database_url.parse(url).name, **fingerprint.server(url)}
    run.record(
        seeding=None,
        database=known,
        target={"url": settings.target_url, "ours": False, "services": {}, "fault": None, "died": []},
    )
    yield Stack(settings.target_url, url, None, "", disturb_command=settings.disturb_command)


def pool(server: Postgres, system: str) -> str:
    """The URL of the database in the embedded PostgreSQL that runs of `system` are copied from; made if it is new."""
    return server.url(system) if system in server.databases() else server.create(system)


def ready(stage: str, system: str) -> Ready:
    """A stage of `system` that waits, and whose output is ours to read."""
    return Ready(stage, f"{stage}.{system}", stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def seed(system: str, url: str, progress: Progress) -> dict[str, Any]:
    """Migrate and seed the database at `url`; what seeding reports."""
    with ready("schema", system) as schema, ready("seeding", system) as seeder:
        return _seed(system, url, progress, None, schema, seeder)


def _seed(system: str, url: str, progress: Progress, run: Run | None, schema: Ready, seeder: Ready) -> dict[str, Any]:
    """The same, as `run` needs it, by stages that wait for that."""
    arguments = [system, "--run-folder", str(run.folder)] if run else [system]
    said = begun(schema, arguments, url, progress)
    *lines, facts = begun(seeder, [*arguments, "--json"], url, progress).splitlines()
    for line in (*said.splitlines(), *lines):
        progress.say(f"  {line}")
    seeded: dict[str, Any] = json.loads(facts)
    return seeded


def stage(command: list[str], url: str, progress: Progress | None = None) -> str:
    """Run a stage that needs the database at `url`; what it printed. ProofloadError with its message if it refuses,
    Crashed if it failed or was killed.

    `progress` shows its steps as they come.
    """
    # A session of its own: Ctrl-C is for the pipeline to decide about.
    child = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env=environment(DATABASE_URL=url),
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    return _output(child, command[2], progress)


def begun(waiting: Ready, words: Sequence[str], url: str, progress: Progress | None = None) -> str:
    """As `stage`, of one that waits."""
    return _output(waiting.begin(words, DATABASE_URL=url), waiting.name, progress)


def _output(child: subprocess.Popen[str], name: str, progress: Progress | None) -> str:
    """What a stage printed that has begun, at its end."""
    with child:
        printed, errors = cast(IO[str], child.stdout), cast(IO[str], child.stderr)
        output: list[str] = []
        # Beside the other pipe: a full one would stop the stage.
        reader = threading.Thread(target=lambda: output.append(printed.read()))
        reader.start()
        try:
            told = progress.now if progress else lambda _: None
            said = "".join([line for line in errors if not steps.take(line, told)])
            code = child.wait()
        except BaseException:
            child.kill()
            raise
        finally:
            reader.join()
    message = said.strip().removeprefix("error: ") or f"{name} ended with {code}"
    if code == EXIT_USAGE:
        raise ProofloadError(message)
    if code:
        raise Crashed(message)
    return output[0]


def _record_log(run: Run, server: Postgres, offset: int) -> None:
    run.record(postgres=postgres_log.read(server.log, offset, server.announced))


def _prune(server: Postgres, system: str, share: float) -> list[str]:
    """Drop databases of earlier runs before another copy of the pool is made, but for those that can wait; which these
    are. StackError if there is no room for the copy.
    """
    sizes, folder = server.sizes(), server.log.parent
    free = shutil.disk_usage(folder).free
    gone = copies.to_drop(sizes, system, sizes[system], free, share)
    waiting = copies.to_wait(gone, sizes, sizes[system], free, share)
    for name in gone:
        if name not in waiting:
            server.drop(name)
    free = shutil.disk_usage(folder).free
    if sizes[system] > free and not copies.clones(folder):
        raise StackError(
            f"{folder}: {free / 1e9:.1f} GB free, but a copy of the seeded database of {system} takes "
            f"{sizes[system] / 1e9:.1f} GB: expected room for it: {hint('clean', 'clean')} frees what is there, or "
            "have PERF_HOME (as root /var/tmp) on another disk"
        )
    return waiting


def _target(
    run: Run,
    scenario: Scenario,
    settings: Settings,
    url: str,
    server: Postgres | None,
    variant: Variant,
    undo: ExitStack,
) -> Stack:
    """The target of a run, up: the services of its plan, or what TARGET_URL names. `server` is that of the database, if
    it is ours.
    """
    if settings.target_url:
        health.require(settings.target_url, scenario.contract.get("health"), settings.ca_file)
        stack = Stack(
            settings.target_url, url, None, settings.scale_command, server, disturb_command=settings.disturb_command
        )
        for name in {name: None for stage in scenario.stages for name in stage.scale}:
            stack.scale(name, scenario.services[name].processes)
    else:
        port = settings.target_port or process.free_port()
        listens = next(with_port(scenario.services), None)
        if listens:
            process.require_free(port, "PERF_TARGET_PORT")
        lines = _lines(scenario, run, port, server, undo)
        behind = _through(lines[POSTGRES], url) if POSTGRES in lines else url
        services = Services(scenario.services, run, behind, port, variant)
        undo.callback(services.stop)
        services.start()
        at = services.target_url if listens else ""
        stack = Stack(at, url, services, "", server, lines, settings.disturb_command)
    run.record(
        target={
            "url": stack.target_url,
            "ours": stack.services is not None,
            "services": {name: each.processes for name, each in scenario.services.items()},
            "fault": variant.fault,
            "strategy": variant.strategy,
            "commit": variant.checkout.name if variant.checkout else None,
            "died": [],
        }
    )
    return stack


def _lines(scenario: Scenario, run: Run, port: int, server: Postgres | None, undo: ExitStack) -> dict[str, Line]:
    """The lines that the plan disturbs, up: to the target at `port`, and to the database at `server`."""
    ports = {TARGET: port, **({POSTGRES: server.port} if server else {})}
    lines: dict[str, Line] = {}
    for name in sorted({one.line for one in scenario.disturbances if one.line in ports}):
        lines[name] = Line(name, f"127.0.0.1:{ports[name]}", run.folder / f"proxy-{name}.log")
        undo.callback(lines[name].stop)
    return lines


def _through(line: Line, url: str) -> str:
    """The URL of the same database, through a line."""
    address = urlsplit(url)
    return urlunsplit(address._replace(netloc=f"{address.username}@127.0.0.1:{line.port}"))
