"""`python -m seeding <system>`: the pool of a system in the database of DATABASE_URL, from PERF_SEED."""

import argparse
import json
from pathlib import Path
from typing import Any

from harness import database, errors, guard
from harness.errors import GuardError
from harness.fixtures import fixtures_of
from harness.project import hint, module
from harness.run import Run, require_of
from harness.settings import Settings
from seeding import clean
from seeding.pool import Ours


def main() -> int:
    """Seed a pool, check that it is there, or clean."""
    parser = argparse.ArgumentParser(prog="python -m seeding", description=__doc__)
    parser.add_argument("system", help="e.g. messages")
    parser.add_argument("--check", action="store_true", help="only see whether the pool is there; change nothing")
    parser.add_argument("--clean", action="store_true", help="delete what the suite seeded and stored; tables stay")
    parser.add_argument("--yes", action="store_true", help="with --clean: also from a database that is not on loopback")
    parser.add_argument("--json", action="store_true", help="print what was done as JSON too, on the last line")
    parser.add_argument("--run-folder", type=Path, help="the run to seed for, or to clean after: as its plan says")
    arguments = parser.parse_args()
    system: Any = module("seeding", arguments.system)
    if system is None:
        print(f"{arguments.system} has no seeding/{arguments.system}.py: nothing is seeded, and nothing cleaned")
        if arguments.json:
            print("{}")
        return 0
    run = require_of(Run.open(arguments.run_folder), arguments.system) if arguments.run_folder else None
    scenario = run.scenario if run else None
    url = database.from_environment()
    settings = Settings()
    if arguments.check:
        system.check(url, scenario)
        print(f"the pool of {arguments.system} is there")
        return 0
    guard.may_write(url, settings)
    guard.must_be(url, settings)
    if arguments.clean:
        return _clean(url, arguments.system, system.ours(scenario), arguments.yes)
    fixtures = fixtures_of(run.folder if run else settings.home / arguments.system)
    facts = system.seed(url, settings.seed, scenario, fixtures)
    print(system.sentence(facts))
    if arguments.json:
        print(json.dumps(facts))
    return 0


def _clean(url: str, system: str, parts: list[Ours], confirmed: bool) -> int:
    """Count, print the counts, delete if that is confirmed."""
    counted = clean.counts(url, system, parts)
    if not any(count for _, count in counted):
        print(f"nothing to clean: no row of the suite for {system} in {database.redacted(url)}")
        return 0
    print(f"of the suite for {system} in {database.redacted(url)}:")
    for ours, count in counted:
        print(f"  {count:>12,} rows in {ours.table}", flush=True)
    if not (confirmed or guard.on_loopback(url)):
        raise GuardError(
            "nothing was deleted: the database is not on this machine. To delete these rows: "
            + hint(f"clean-{system} YES=1", f"clean {system} --yes")
        )
    deleted = 0
    for ours, gone, kept in clean.clean(url, system, parts):
        deleted += gone
        if kept:
            print(f"  {kept:,} rows in {ours.table} stay: rows that are not the suite's refer to them")
    print(f"deleted {deleted:,} rows; the tables stay")
    return 0


if __name__ == "__main__":
    errors.command(main)
