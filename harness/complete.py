"""Whether this Python can run Proofload: asked before anything is imported that may be missing."""

import importlib.util
import os
import sys

OLDEST = (3, 11)
NEEDED = (
    "gevent",
    "jinja2",
    "locust",
    "msgspec",
    "numpy",
    "orjson",
    "pandas",
    "psutil",
    "psycopg2",
    "rich",
    "sqlalchemy",
)


def require():  # type: ignore[no-untyped-def]  # in words that an old Python reads, too
    """End this process with one line and exit code 2 if it can't."""
    found = ".".join(map(str, sys.version_info[:2]))
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if sys.version_info >= OLDEST and not missing:
        return
    why = "lacks " + ", ".join(missing) if sys.version_info >= OLDEST else "is too old"
    fix = "`make venv`, then .venv/bin/python" if os.path.exists("Makefile") else "an environment of Proofload's own"
    print(f"error: {sys.executable} (Python {found}) {why}: expected Python 3.11 or later: {fix}", file=sys.stderr)
    sys.exit(2)
