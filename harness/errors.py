"""What can be wrong with what we were given, and how it is reported.

    ProofloadError            printed without a traceback; exit code 2: nothing was sent, nothing was lost
    ├── PlanError             the plan (TOML) or a word on the command line
    ├── GuardError            the target or database is not one that may be loaded
    ├── StackError            PostgreSQL or the target can't be started or reached
    ├── DatabaseError         database down, wrong password, wrong schema version
    ├── PoolError             the seeded pool is missing or not the right one
    ├── JournalError          a journal can't be written, or is not one of ours
    ├── RunError              a run folder that isn't one, or lacks what a stage needs
    └── Crashed               a process of ours failed: exit code 70, as for every error that nothing expected

Each message names the file, host or value, what was expected, and the command that fixes it.
"""

import atexit
import contextlib
import difflib
import io
import os
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

from harness.verdict import EXIT_CRASH, EXIT_INTERRUPTED, EXIT_PIPE, EXIT_USAGE

CRASH = "crash.txt"
"""The tracebacks of what failed unexpectedly, in the folder of a run that sent something."""


class ProofloadError(Exception):
    """Something given to us is wrong; str() is the whole message for the person who can fix it."""


class PlanError(ProofloadError):
    """The plan or a word on the command line is wrong."""


class GuardError(ProofloadError):
    """The target or database is not one that may be loaded, seeded or cleaned."""


class StackError(ProofloadError):
    """PostgreSQL or the target can't be started or reached."""


class CommandError(StackError):
    """A command of the user's own failed: that which sets the number of processes, or that which disturbs."""

    def __init__(self, code: int, command: str, said: str) -> None:
        super().__init__(f"{command}: code {code}: {said}")
        self.code = code


class DatabaseError(ProofloadError):
    """The database is down, refuses us, or has another schema."""


class PoolError(ProofloadError):
    """The seeded pool is missing or isn't the one that is expected."""


class JournalError(ProofloadError):
    """A journal can't be written, or is not one of ours."""


class FeedError(ProofloadError):
    """A feed can't be read, or has no more rows."""


class RunError(ProofloadError):
    """A run folder isn't one, or lacks what this stage needs."""


class Crashed(ProofloadError):
    """A process of ours failed, or was killed; str() is the one line that is known of it."""


def nearest(word: object, known: Iterable[str]) -> str:
    """`known` as the end of a message about `word`: the nearest one first, then all; never empty."""
    names = sorted(set(known))
    close = difflib.get_close_matches(str(word), names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}known: {', '.join(names) or 'none'}"


def command(main: Callable[[], int]) -> NoReturn:
    """Run a command line's `main` and exit with its code.

    A ProofloadError is its message on stderr and exit code 2. What nothing expected is one line there, which names the
    file with the traceback, and exit code 70: it says nothing about the target.
    """
    _open_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # what is in ASCII gets a ? for ✓, not a traceback
    try:
        code = main()
    except ProofloadError as error:
        code = _said(f"error: {error}", EXIT_CRASH if isinstance(error, Crashed) else EXIT_USAGE)
    except BrokenPipeError:
        code = EXIT_PIPE  # never that of a verdict: whatever was to come was not done
    except KeyboardInterrupt:
        code = _said("interrupted", EXIT_INTERRUPTED)
    except Exception as error:
        code = _said(f"error: {crash(error)}", EXIT_CRASH)
    sys.exit(_flushed(code))


def leave(main: Callable[[], int]) -> NoReturn:
    """As `command`, of a process that has nothing to do then but to end: what it holds in memory goes as a whole.

    Python would free it piece by piece, a tenth of a second for what has imported pandas.
    """
    try:
        command(main)
    except SystemExit as end:
        if end.code is not None and not isinstance(end.code, int):
            raise  # it is printed
        code = end.code or 0
    # In the order in which Python does it (Py_FinalizeEx).
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    os._exit(_flushed(code))


def _open_standard_streams() -> None:
    """Where they are closed (`>&-`), the next file opened would get what is printed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115  # until the end of the process
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115


def _said(line: str, code: int) -> int:
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)
    return code


def _flushed(code: int) -> int:
    """`code`, once all of our output is out, or nobody reads it any more, as after `| head`."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            # Python would complain again when it flushes at its end, and exit with a code of its own.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            if not isinstance(error, BrokenPipeError):
                code = _said(f"error: the output can't be written: {error.strerror}", EXIT_CRASH)
    return code


def crash(error: Exception, folder: Path | None = None) -> str:
    """One line about an error that nothing expected; its traceback is in the file that it names.

    That is CRASH in `folder`, if one is given and has room for it; else a temporary file.
    """
    at = traceback.extract_tb(error.__traceback__)[-1]
    first = (str(error).strip() or "no reason given").splitlines()[0]
    line = f"Proofload itself failed: {type(error).__name__}: {first} ({Path(at.filename).name}:{at.lineno})"
    told = "".join(traceback.format_exception(error))
    if folder:
        with contextlib.suppress(OSError):
            with (folder / CRASH).open("a", encoding="utf-8") as kept:
                kept.write(told + "\n")
            return f"{line}. The traceback is in {folder / CRASH}; please report it"
    try:
        with tempfile.NamedTemporaryFile("w", prefix="proofload-crash-", suffix=".txt", delete=False) as file:
            file.write(told)
    except OSError:
        return f"{line}; its traceback could be written nowhere:\n{told}"
    return f"{line}. The traceback is in {file.name}; please report it"
