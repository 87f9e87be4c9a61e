"""`python -m seeding <system>`: the pool of a system in the database of DATABASE_URL, from PERF_SEED."""

import argparse
import importlib
import json
import pkgutil
from typing import Any

import seeding
import systems
from harness import database, errors, guard
from harness.settings import Settings


def main() -> int:
    """Seed a pool, or look at it."""
    parser = argparse.ArgumentParser(prog="python -m seeding", description=__doc__)
    parser.add_argument("system", help="e.g. messages")
    parser.add_argument("--check", action="store_true", help="only see whether the pool is there; change nothing")
    parser.add_argument("--json", action="store_true", help="print what was done as JSON too, on the last line")
    arguments = parser.parse_args()
    module = _module(arguments.system)
    url = database.from_environment()
    settings = Settings()
    if arguments.check:
        module.check(url)
        print(f"the pool of {arguments.system} is there")
        return 0
    guard.may_write(url, settings)
    facts = module.seed(url, settings.seed)
    print(_sentence(facts))
    if arguments.json:
        print(json.dumps(facts))
    return 0


def _module(system: str) -> Any:
    """A system is a module that stands both here and among the systems."""
    known = {m.name for m in pkgutil.iter_modules(seeding.__path__)} & {
        m.name for m in pkgutil.iter_modules(systems.__path__)
    }
    if system not in known:
        raise errors.PlanError(f"no system {system!r}: {errors.nearest(system, known)}")
    return importlib.import_module(f"seeding.{system}")


def _sentence(facts: dict[str, Any]) -> str:
    users, digest = f"{facts['users']:,} users", f"digest {facts['digest'][:4]}…"
    cleaned = f"{facts['cleaned']:,} messages of earlier runs deleted" if facts["cleaned"] else "nothing to clean"
    if facts["skipped"]:
        return f"the same pool of {users} is already there ({digest}); {cleaned}; {facts['seconds']:.2f} s"
    return f"seeded {users} in {facts['seconds']:.2f} s ({digest}); {cleaned}"


if __name__ == "__main__":
    errors.command(main)
