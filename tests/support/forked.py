"""Stages of a pipeline that are forked off it: what each takes, else, is mostly to import what the pipeline has.

Each imports what is ours by itself, with an environment of its own. The load is a process as ever: Locust changes the
standard library under what has been imported.
"""

import atexit
import os
import random
import runpy
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from harness.project import PACKAGES


def stages() -> None:
    """From here on this process forks those of ours that it would start by `python -m`."""
    subprocess.Popen = Stage  # type: ignore[misc]


class Stage(subprocess.Popen[Any]):
    """As subprocess.Popen."""

    def _execute_child(
        self,
        args: Sequence[str],
        executable: Any,
        preexec_fn: Callable[[], None] | None,
        close_fds: bool,
        pass_fds: Sequence[int],
        cwd: Any,
        env: Mapping[str, str] | None,
        startupinfo: Any,
        creationflags: int,
        shell: bool,
        p2cread: int,
        p2cwrite: int,
        c2pread: int,
        c2pwrite: int,
        errread: int,
        errwrite: int,
        *more: Any,
    ) -> None:
        if not _is_ours(args):
            kept = (args, executable, preexec_fn, close_fds, pass_fds, cwd, env, startupinfo, creationflags, shell)
            pipes = (p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)
            super()._execute_child(*kept, *pipes, *more)  # type: ignore[misc]
            return
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if not self.pid:
            _run(args, preexec_fn, cwd, os.environ if env is None else env, (p2cread, c2pwrite, errwrite))
        self._child_created = True
        self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)  # type: ignore[attr-defined]


def _is_ours(command: Any) -> bool:
    return (
        list(command[:2]) == [sys.executable, "-m"]
        and command[2].split(".")[0] in PACKAGES
        and "harness.load" not in command[2:4]
    )


def _run(
    command: Sequence[str],
    first: Callable[[], None] | None,
    folder: Any,
    environment: Mapping[str, str],
    pipes: tuple[int, int, int],
) -> NoReturn:
    """Be the process of the command, in a session of its own, to its end."""
    code = 1
    try:
        atexit._clear()
        os.setsid()
        for mine, pipe in enumerate(pipes):
            if pipe >= 0:
                os.dup2(pipe, mine)
        os.closerange(3, 1024)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if first:
            first()
        begin_anew(command[3:], dict(environment), folder or os.getcwd())
        runpy.run_module(command[2], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def begin_anew(words: Sequence[str], environment: Mapping[str, str], folder: str) -> None:
    """Have this process be as one that begins there, with nothing of ours imported."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    encoding, _, errors = environment.get("PYTHONIOENCODING", "utf-8").partition(":")
    for number, name in ((1, "stdout"), (2, "stderr")):
        # Those that were made for another file say whether it can be sought in, or is a terminal.
        stream = open(number, "w", encoding=encoding, errors=errors or "strict", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.stderr.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    random.seed()
    for name in [name for name in sys.modules if name.split(".")[0] in PACKAGES]:
        del sys.modules[name]
    sys.argv[1:] = words
