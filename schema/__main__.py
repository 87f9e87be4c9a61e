"""`python -m schema <system>`: the tables of a system in the database of DATABASE_URL."""

import argparse

from harness import database, errors, guard
from harness.settings import Settings
from schema.migrate import migrate


def main() -> int:
    """Make the tables, or say what is there."""
    parser = argparse.ArgumentParser(prog="python -m schema", description=__doc__)
    parser.add_argument("system", help="e.g. messages")
    arguments = parser.parse_args()
    url = database.from_environment()
    guard.may_write(url, Settings())
    print(migrate(arguments.system, url))
    return 0


if __name__ == "__main__":
    errors.command(main)
