"""`python -m schema <system>`: the tables of a system in the database of DATABASE_URL."""

import argparse
from pathlib import Path

from harness import database, errors, guard
from harness.run import Run, require_of
from harness.settings import Settings
from schema.migrate import migrate


def main() -> int:
    """Make the tables, or say what is there."""
    parser = argparse.ArgumentParser(prog="python -m schema", description=__doc__)
    parser.add_argument("system", help="e.g. messages")
    parser.add_argument("--run-folder", type=Path, help="the run to make them for: its plan may name them otherwise")
    arguments = parser.parse_args()
    run = require_of(Run.open(arguments.run_folder), arguments.system) if arguments.run_folder else None
    url = database.from_environment()
    settings = Settings()
    guard.may_write(url, settings)
    if database.missing(url):
        guard.may_create(url)
        database.create(url)
        print(f"created the database {database.redacted(url)}")
    guard.must_be(url, settings)
    if run and "given" in run.scenario.pool:
        print(f"the pool is that of {run.scenario.pool['file']}: the tables are left as they are")
        return 0
    print(migrate(arguments.system, url, run.scenario.database if run else None))
    return 0


if __name__ == "__main__":
    errors.command(main)
