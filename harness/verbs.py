"""What each verb of the command line does; each gives the exit code."""

import os
import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg2.extensions import make_dsn

from harness import ab as pairs
from harness import ambient, by_hand, database, database_url, doctor, guard, own_checks, pipeline, project, refusal
from harness import suite as scenarios
from harness import volumes as at_volumes
from harness.errors import DatabaseError, PlanError, RunError, nearest
from harness.plan import overrides, plans, reading, without_plan
from harness.plan.scenario import Scenario
from harness.plan.text import describe
from harness.progress import Progress
from harness.run import MOST_PAIRS, Run, require_of
from harness.scaffold import system as scaffold
from harness.scaffold.told import told
from harness.settings import Settings
from harness.stack import postgres, stack
from harness.stack.variant import Variant


def run(options: Namespace) -> int:
    """Run a scenario."""
    variant, sets = Variant(options.fault, options.strategy), overrides.parsed(options.set)
    if options.workers:
        os.environ["PERF_WORKERS"] = options.workers
    if options.locustfile:
        found, settings = _of_file(options)
        return pipeline.run_scenario(found, settings, variant, options.ui, options.words)[1]
    _require_scenario(options)
    arguments = (options.scenario, options.profile, options.plan, variant, options.ui, options.words, sets)
    return pipeline.run(*arguments)[1]


def worker(options: Namespace) -> int:
    """Put load on for a master on another machine."""
    from harness.machines import agent, key  # what they need no other verb does

    if options.master:
        os.environ["PERF_MASTER"] = options.master
    settings, joining = Settings(), key.given()
    if not settings.master[0]:
        raise PlanError("no master: expected --master HOST (PERF_MASTER), the address that its command printed")
    if joining is None:
        raise PlanError(f"{key.VARIABLE} is not set: expected the key that the master's command printed")
    return agent.work(settings, joining)


def plan(options: Namespace) -> int:
    """Print what a scenario would do."""
    if options.locustfile:
        scenario, settings = _of_file(options)
    else:
        _require_scenario(options)
        settings = Settings()
        changes = overrides.of(settings, overrides.parsed(options.set))
        scenario = reading.find(options.scenario, options.profile, options.plan, changes)
    refusal.refuse(scenario, settings, Variant(options.fault, options.strategy))
    if settings.database_url and scenario.own_checks:
        own_checks.require(settings.database_url, scenario)
    print(describe(scenario, settings))
    return 0


def new(options: Namespace) -> int:
    """Write the files of a new system, and say what to do with them."""
    scaffold.write(options.name, options.reference)
    print(told(options.name, options.reference))
    return 0


def _of_file(options: Namespace) -> tuple[Scenario, Settings]:
    """The scenario that a locustfile without a plan stands for, and the settings with its host as the target."""
    for name in ("scenario", "plan"):
        if getattr(options, name):
            raise PlanError(f"--locustfile with {getattr(options, name)}: expected the one or the other")
    if options.host:
        os.environ["TARGET_URL"] = options.host
    settings = Settings()
    asked = without_plan.Asked(
        options.locustfile,
        options.users,
        options.seconds or without_plan.SECONDS,
        options.spawn_rate,
        options.rule,
        options.tags,
        options.exclude_tags,
    )
    changes = overrides.of(settings, overrides.parsed(options.set))
    return without_plan.scenario(asked, options.profile, changes), settings


def _require_scenario(options: Namespace) -> None:
    """PlanError unless a scenario is named, and nothing is said that is for a locustfile alone."""
    for name in ("users", "seconds", "spawn_rate", "rule", "tags", "exclude_tags", "host"):
        if getattr(options, name):
            word = {"seconds": "for"}.get(name, name.replace("_", "-"))
            raise PlanError(f"--{word}: it is for --locustfile; a plan says it of a scenario (see --set)")
    if not options.scenario:
        raise PlanError("no scenario: expected its name, e.g. peak, or --locustfile FILE; `proofload list` names all")


def every(_options: Namespace) -> int:
    """Print all systems and their scenarios."""
    for path in plans.files():
        tables, _ = plans.read(path)
        print(f"{path.stem}: {tables.get('title', '')}")
        for name, table in tables.get("scenario", {}).items():
            print(f"  {name:<24} {table.get('purpose', '') if isinstance(table, dict) else ''}")
    return 0


def suite(options: Namespace) -> int:
    """Run all scenarios of a system."""
    return scenarios.run(_system(options.system), options.profile, Variant(options.fault, options.strategy))


def ab(options: Namespace) -> int:
    """Compare two targets in pairs of runs."""
    if not 1 <= options.pairs <= MOST_PAIRS:
        raise PlanError(f"--pairs {options.pairs}: expected 1 to {MOST_PAIRS}")
    base = Variant(options.base_fault, options.base_strategy or options.strategy)
    head = Variant(options.fault, options.strategy)
    arguments = (options.scenario, options.profile, options.plan, options.base, options.pairs)
    return pairs.run(*arguments, base, head, options.words)


def volumes(options: Namespace) -> int:
    """Run a scenario at several volumes."""
    variant, sets = Variant(options.fault, options.strategy), overrides.parsed(options.set)
    found = at_volumes.sizes(options.volumes)
    return at_volumes.run(options.scenario, options.profile, options.plan, found, variant, sets, options.words)


def seed(options: Namespace) -> int:
    """Migrate and seed the database of a system."""
    return _seed(_system(options.system))


def target(options: Namespace) -> int:
    """Keep the reference target of a system up."""
    return by_hand.serve(_system(options.system), Variant(options.fault, options.strategy))


def verify(options: Namespace) -> int:
    """Verify a run again."""
    return _verify(_system(options.system), options.folder)


def report(options: Namespace) -> int:
    """Report a run again."""
    return pipeline.report(options.folder)


def baseline(options: Namespace) -> int:
    """Make a run the baseline of its scenario."""
    command = [sys.executable, "-m", "reports.compare.name_baseline", str(options.folder)]
    return subprocess.run(command, env=project.environment_of_speaker()).returncode


def psql(options: Namespace) -> int:
    """Open the database of a run."""
    return _psql(Run.open(options.folder))


def examine(_options: Namespace) -> int:
    """Print what is missing on this machine."""
    return doctor.examine()


def clean(options: Namespace) -> int:
    """Remove what is ours here, or what the suite left in a database of the user's."""
    return _clean_system(_system(options.system), options.folder, options.yes) if options.system else _clean()


def _system(name: str) -> str:
    if name not in plans.systems():
        raise PlanError(f"unknown system {name!r}; {nearest(name, plans.systems())}")
    return name


def _seed(system: str) -> int:
    settings = Settings()
    with Progress() as progress:
        if settings.database_url:
            guard.may_write(settings.database_url, settings)
            stack.seed(system, settings.database_url, progress)
        else:
            server = postgres.start(settings.home)
            try:
                stack.seed(system, stack.pool(server, system), progress)
            finally:
                server.stop()
    return 0


def _verify(system: str, folder: Path | None) -> int:
    run = require_of(Run.open(folder), system) if folder else _latest(system)
    with _database_of(run) as url:
        print(stack.stage([sys.executable, "-m", "verification", str(run.folder)], url), end="", flush=True)
    # What was reported before is about the findings before.
    return pipeline.report(run.folder)


def _latest(system: str) -> Run:
    """The youngest run of any scenario of `system`."""
    folder = Settings().runs
    folders = [path.parent for path in folder.glob("*/latest/run.json")]
    runs = [run for path in folders if (run := Run.open(path)).scenario.system == system]
    if not runs:
        raise RunError(f"{folder}: no run of {system} in it: expected one, or the folder of a run")
    return max(runs, key=lambda run: run.id)


@contextmanager
def _database_of(run: Run) -> Iterator[str]:
    """The URL of the database that the run wrote; the embedded PostgreSQL runs meanwhile, if it is in there."""
    settings, facts = Settings(), run.facts.get("database", {})
    if not facts.get("ours", False):
        url = database.from_environment()
        if database.redacted(url) != database.redacted(str(facts.get("url"))):
            raise RunError(
                f"{run.folder}: its database is {facts.get('url')}, but DATABASE_URL says {database.redacted(url)}"
            )
        yield url
        return
    server = postgres.start(settings.home)
    try:
        name = facts.get("name")
        if name not in server.databases():
            raise RunError(f"{run.folder}: its database {name} is not kept any more (see PERF_KEEP_DISK): run it again")
        yield server.url(name)
    finally:
        server.stop()


def _psql(run: Run) -> int:
    with _database_of(run) as url:
        psql = shutil.which("psql") or str(postgres.wheel() / "bin" / "psql")
        # libpq reads the password from the environment; the command line is for everyone to see.
        parameters = database_url.parse(url).parameters()
        secrets = {name: str(parameters.pop(name, "")) for name in ("password", "sslpassword")}
        environment = {**ambient.kept(), "PGPASSWORD": secrets["password"]}
        return subprocess.run([psql, make_dsn(**parameters)], env=environment).returncode


def _clean_system(system: str, folder: Path | None, confirmed: bool) -> int:
    url = Settings().database_url
    if not url:
        raise DatabaseError(
            "DATABASE_URL is not set: expected the database to clean, postgresql://user@host:port/name. "
            f"The embedded PostgreSQL goes as a whole: {project.hint('clean', 'clean')}"
        )
    guard.may_write(url, Settings())
    if folder:
        require_of(Run.open(folder), system)
    words = [*(["--run-folder", str(folder.resolve())] if folder else []), *(["--yes"] if confirmed else [])]
    # Its output is ours: the counts are to be seen before anything is deleted.
    command = [sys.executable, "-m", "seeding", system, "--clean", *words]
    return subprocess.run(command, env=project.environment_of_speaker()).returncode


def _clean() -> int:
    settings = Settings()
    postgres.remove(settings.home)
    for folder in (settings.home, settings.runs):
        shutil.rmtree(folder, ignore_errors=True)
    return 0
