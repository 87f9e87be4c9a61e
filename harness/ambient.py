"""What the shell around us sets for other programs, and must not steer ours.

libpq, Locust, Git, HTTP clients and Python read variables of their own, each of which changes what a run does without
being asked to. What our processes are to know they are told by name (docs/settings.md).
"""

import os

PREFIXES = ("PG", "LOCUST_", "GIT_")
"""libpq's and asyncpg's, Locust's and Git's."""
PROXIES = "_proxy"
"""The end of the names by which HTTP clients find a proxy, in any case."""
PYTHON = frozenset(
    {"PYTHONDEVMODE", "PYTHONINSPECT", "PYTHONOPTIMIZE", "PYTHONSAFEPATH", "PYTHONSTARTUP", "PYTHONWARNINGS"}
)
"""Those that change what a program of ours does; where it finds modules is the user's to say."""

_libpq: dict[str, str] = {}


def steers(name: str) -> bool:
    """Whether variable `name` would change what a process of ours does."""
    return name.startswith(PREFIXES) or name.lower().endswith(PROXIES) or name in PYTHON


def kept() -> dict[str, str]:
    """The environment that a process of ours begins with: ours, without what would steer it."""
    return {name: value for name, value in os.environ.items() if not steers(name)}


def whole() -> dict[str, str]:
    """The environment as it was given to us: for commands of the user's own."""
    return {**_libpq, **os.environ}


def forget_libpq() -> None:
    """Take libpq's variables out of this process: it would connect to PGHOSTADDR, wherever it is told to."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        _libpq[name] = os.environ.pop(name)
