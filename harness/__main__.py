"""The command line: `python -m harness run peak --profile smoke`.

Exit codes: 0 GO, 1 NO-GO, 2 usage (nothing was sent), 3 INVALID, 4 CONDITIONAL.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from harness import VERSION, ab, database, doctor, guard, pipeline, project, suite
from harness.errors import DatabaseError, PlanError, RunError, command, nearest
from harness.plan import overrides, reading
from harness.plan.text import describe
from harness.progress import Progress
from harness.run import MOST_PAIRS, Run
from harness.settings import Settings
from harness.stack import postgres, stack
from harness.stack.variant import Variant

SET = "a key of the plan with another value, e.g. max_users=20 or pool.users=1000; once for each key"


def main() -> int:
    """Do what the command line says; the exit code."""
    project.require_names_of_its_own()
    installed = Path(sys.argv[0]).stem == "proofload"
    name = ["proofload"] if installed else ["python", "-m", "harness"]
    parser = argparse.ArgumentParser(prog=" ".join(name), description="Load tests that prove their answer.")
    parser.add_argument("--version", action="version", version=f"proofload {VERSION}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")
    for verb, text in (
        ("run", "run a scenario, from an empty machine to a verdict"),
        ("plan", "say what it would do; do nothing"),
    ):
        scenario = verbs.add_parser(verb, help=text)
        scenario.add_argument("scenario", help="its name, e.g. peak")
        scenario.add_argument("--profile", default="ci", help="smoke, ci (default), full, or what the plan has")
        scenario.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=SET)
        scenario.add_argument("--plan", type=Path, help="a plan (TOML) of your own instead of those in systems/")
        if verb == "run":
            scenario.add_argument("--ui", action="store_true", help="with Locust's web UI, until Ctrl-C")
            _add_variant(scenario)
    verbs.add_parser("list", help="name all systems and their scenarios")
    every = verbs.add_parser("suite", help="run all scenarios of a system, and make one page about them")
    every.add_argument("system", help="e.g. authorizations")
    every.add_argument("--profile", default="ci", help="smoke, ci (default), full, or what the plan has")
    _add_variant(every)
    pair = verbs.add_parser("ab", help="compare the target of a commit with this checkout's, in pairs of runs")
    pair.add_argument("scenario", help="its name, e.g. peak")
    pair.add_argument("--profile", default="ci", help="smoke, ci (default), full, or what the plan has")
    pair.add_argument("--plan", type=Path, help="a plan (TOML) of your own instead of those in systems/")
    pair.add_argument("--base", required=True, help="the commit, e.g. main")
    pair.add_argument("--pairs", type=int, default=6, help="how many (default 6; fewer can prove nothing)")
    pair.add_argument("--base-fault", help="a fault of the target of that commit, to see what a comparison finds")
    _add_variant(pair)
    seed = verbs.add_parser("seed", help="migrate and seed the database of a system")
    seed.add_argument("system", help="e.g. messages")
    verify = verbs.add_parser("verify", help="verify a run again")
    verify.add_argument("system", help="e.g. messages")
    verify.add_argument("folder", type=Path, nargs="?", help="the run folder; without it the latest run of that system")
    for verb, text in (("report", "report a run again"), ("psql", "open the database of a run in psql")):
        again = verbs.add_parser(verb, help=text)
        again.add_argument("folder", type=Path, help="the run folder, e.g. reports/runs/peak/latest")
    verbs.add_parser("doctor", help="what is missing here, and how to fix it")
    clean = verbs.add_parser(
        "clean",
        help="remove the embedded PostgreSQL and all run folders; or what the suite left in a database of yours",
    )
    clean.add_argument(
        "system", nargs="?", help="delete what was seeded and stored for it in DATABASE_URL, e.g. messages"
    )
    clean.add_argument("folder", type=Path, nargs="?", help="a run folder whose plan names the tables otherwise")
    clean.add_argument("--yes", action="store_true", help="also from a database that is not on this machine")
    options = parser.parse_args()
    words = [*name, *sys.argv[1:]]
    if options.verb == "run":
        variant = Variant(options.fault, options.strategy)
        sets = overrides.parsed(options.set)
        return pipeline.run(options.scenario, options.profile, options.plan, variant, options.ui, words, sets)[1]
    if options.verb == "suite":
        return suite.run(_system(options.system), options.profile, Variant(options.fault, options.strategy))
    if options.verb == "ab":
        if not 1 <= options.pairs <= MOST_PAIRS:
            raise PlanError(f"--pairs {options.pairs}: expected 1 to {MOST_PAIRS}")
        head = Variant(options.fault, options.strategy)
        base = Variant(options.base_fault, options.strategy)
        return ab.run(options.scenario, options.profile, options.plan, options.base, options.pairs, base, head, words)
    if options.verb == "plan":
        settings = Settings()
        changes = overrides.of(settings, overrides.parsed(options.set))
        print(describe(reading.find(options.scenario, options.profile, options.plan, changes), settings))
        return 0
    if options.verb == "list":
        return _list()
    if options.verb == "seed":
        return _seed(_system(options.system))
    if options.verb == "verify":
        return _verify(_system(options.system), options.folder)
    if options.verb == "report":
        return pipeline.report(options.folder)
    if options.verb == "psql":
        return _psql(Run.open(options.folder))
    if options.verb == "doctor":
        return doctor.examine()
    return _clean_system(_system(options.system), options.folder, options.yes) if options.system else _clean()


def entry() -> NoReturn:
    """The console script."""
    command(main)


def _list() -> int:
    for path in reading.files():
        tables, _ = reading.read(path)
        print(f"{path.stem}: {tables.get('title', '')}")
        for name, table in tables.get("scenario", {}).items():
            print(f"  {name:<24} {table.get('purpose', '') if isinstance(table, dict) else ''}")
    return 0


def _add_variant(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fault", help="a fault of the reference target (target/faults/), to see it found")
    parser.add_argument("--strategy", help="how the reference target does its work, e.g. for_update")


def _system(name: str) -> str:
    if name not in reading.systems():
        raise PlanError(f"unknown system {name!r}; {nearest(name, reading.systems())}")
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
    run = Run.open(folder) if folder else _latest(system)
    with _database_of(run) as url:
        print(stack.stage([sys.executable, "-m", "verification", str(run.folder)], url), end="")
    hint = project.hint(f"report RUN={run.folder}", f"report {run.folder}")
    print(f"{run.folder}: verified again; {hint} writes its report again")
    return 0


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
        if database.redacted(url) != facts.get("url"):
            raise RunError(
                f"{run.folder}: its database is {facts.get('url')}, but DATABASE_URL says {database.redacted(url)}"
            )
        yield url
        return
    server = postgres.start(settings.home)
    try:
        if facts["name"] not in server.databases():
            raise RunError(
                f"{run.folder}: its database {facts['name']} is not kept any more (see PERF_KEEP_DISK): run it again"
            )
        yield server.url(facts["name"])
    finally:
        server.stop()


def _psql(run: Run) -> int:
    with _database_of(run) as url:
        psql = shutil.which("psql") or str(postgres.wheel() / "bin" / "psql")
        # libpq reads the password from the environment; the command line is for everyone to see.
        parsed = database.parse(url)
        environment = {**os.environ, "PGPASSWORD": str(parsed.password or "")}
        words = [
            "-h",
            str(parsed.host),
            "-p",
            str(parsed.port or 5432),
            "-U",
            str(parsed.username),
            str(parsed.database),
        ]
        return subprocess.run([psql, *words], env=environment).returncode


def _clean_system(system: str, folder: Path | None, confirmed: bool) -> int:
    url = Settings().database_url
    if not url:
        raise DatabaseError(
            "DATABASE_URL is not set: expected the database to clean, postgresql://user@host:port/name. "
            f"The embedded PostgreSQL goes as a whole: {project.hint('clean', 'clean')}"
        )
    guard.may_write(url, Settings())
    words = [*(["--run-folder", str(folder.resolve())] if folder else []), *(["--yes"] if confirmed else [])]
    # Its output is ours: the counts are to be seen before anything is deleted.
    command = [sys.executable, "-m", "seeding", system, "--clean", *words]
    return subprocess.run(command, env=project.environment()).returncode


def _clean() -> int:
    settings = Settings()
    postgres.remove(settings.home)
    for folder in (settings.home, settings.runs):
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    command(main)
