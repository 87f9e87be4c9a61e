"""Starting and ending the processes of a stack, so that none of them outlives the pipeline."""

import os
import pwd
import select
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.errors import StackError
from harness.parent import die_with_parent

GRACE_S = 10.0
"""How long a process may take to end when it is asked to; then it is killed."""


def start(
    command: Sequence[str],
    log: Path,
    environment: Mapping[str, str],
    owner: int | None = None,
    on_parent_death: signal.Signals = signal.SIGTERM,
    folder: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command`, its output appended to `log`, as user `owner` (a uid) and in `folder`, if given.

    In a session of its own: Ctrl-C reaches the pipeline only, which ends its processes in order. If
    the pipeline is killed, the kernel sends it `on_parent_death` (Linux).
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
            preexec_fn=die_with_parent(on_parent_death),
            **as_user(owner),
        )


def as_user(owner: int | None) -> dict[str, Any]:
    """The arguments of subprocess that run a command as user `owner` (a uid), with nothing of ours; None: as we are."""
    if owner is None:
        return {}
    return {"user": owner, "group": pwd.getpwuid(owner).pw_gid, "extra_groups": []}


def stop(process: subprocess.Popen[Any], number: signal.Signals = signal.SIGTERM, grace: float = GRACE_S) -> int:
    """End `process` with signal `number`, or kill it when it takes too long; its exit code."""
    if process.poll() is None:
        process.send_signal(number)
        if not ended_within(process, grace):
            # Its whole session: what it started itself must not stay behind either.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def ended_within(process: subprocess.Popen[Any], seconds: float) -> bool:
    """Wait for the end of `process`, for so long at most; whether it has ended."""
    if process.poll() is None:
        try:
            # subprocess itself looks every 50 ms.
            ends = os.pidfd_open(process.pid)
        except (AttributeError, OSError):  # only Linux has it, since 5.3
            with suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
        else:
            try:
                looked = select.poll()
                looked.register(ends, select.POLLIN)
                looked.poll(seconds * 1000)
            finally:
                os.close(ends)
    return process.poll() is not None


def woken_in(seconds: float, pids: Sequence[int]) -> subprocess.Popen[bytes]:
    """What continues the stopped `pids` (negative: process groups) in so many seconds, whatever becomes of us.

    One that is stopped when the pipeline is killed would stay behind, for it hears of that only when it goes on.
    """
    words = " ".join(map(str, pids))
    command = ["sh", "-c", f"sleep {seconds:g}; for pid in {words}; do kill -s CONT -- $pid; done"]
    nothing = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True)


def free_port(wanted: int = 0) -> int:
    """A port of 127.0.0.1 that is free (`wanted`, if given: OSError if that is not), and for a minute given to nobody
    who asks for any: the system keeps the port of a connection that its server ended, but not from one who names it.
    """
    with socket.create_server(("127.0.0.1", wanted)) as server, socket.create_connection(server.getsockname()):
        server.accept()[0].close()
        port: int = server.getsockname()[1]
        return port


def require_free(port: int, setting: str, host: str = "127.0.0.1") -> None:
    """StackError if `host`:`port` is taken; `setting` is the variable that chooses another port."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError as error:
            raise StackError(
                f"port {port} of {host} can't be used: {error.strerror}. End what uses it (`ss -ltnp`), "
                f"or choose another: {setting}={free_port()}"
            ) from None


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, for an error message."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])
