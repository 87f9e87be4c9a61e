"""What can be wrong with what we were given, and how it is reported.

    ProofloadError            printed without a traceback; exit code 2: nothing was sent, nothing was lost
    ├── PlanError             the plan (TOML) or a word on the command line
    ├── GuardError            the target or database is not one that may be loaded
    ├── StackError            PostgreSQL or the target can't be started or reached
    ├── DatabaseError         database down, wrong password, wrong schema version
    ├── PoolError             the seeded pool is missing or not the right one
    ├── JournalError          a journal can't be written, or is not one of ours
    └── RunError              a run folder that isn't one, or lacks what a stage needs

Each message names the file, host or value, what was expected, and the command that fixes it.
"""

import difflib
import os
import sys
from collections.abc import Callable, Iterable
from typing import NoReturn

from harness.verdict import EXIT_USAGE


class ProofloadError(Exception):
    """Something given to us is wrong; str() is the whole message for the person who can fix it."""


class PlanError(ProofloadError):
    """The plan or a word on the command line is wrong."""


class GuardError(ProofloadError):
    """The target or database is not one that may be loaded, seeded or cleaned."""


class StackError(ProofloadError):
    """PostgreSQL or the target can't be started or reached."""


class DatabaseError(ProofloadError):
    """The database is down, refuses us, or has another schema."""


class PoolError(ProofloadError):
    """The seeded pool is missing or isn't the one that is expected."""


class JournalError(ProofloadError):
    """A journal can't be written, or is not one of ours."""


class RunError(ProofloadError):
    """A run folder isn't one, or lacks what this stage needs."""


def nearest(word: str, known: Iterable[str]) -> str:
    """`known` as the end of a message about `word`: the nearest one first, then all; never empty."""
    names = sorted(set(known))
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}known: {', '.join(names) or 'none'}"


def command(main: Callable[[], int]) -> NoReturn:
    """Run a command line's `main` and exit with its code; a ProofloadError is its message on stderr and exit code 2."""
    try:
        code = main()
    except ProofloadError as error:
        print(f"error: {error}", file=sys.stderr)
        code = EXIT_USAGE
    except BrokenPipeError:
        # Who read our output has read enough, e.g. `| head`. Python would complain again when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)
