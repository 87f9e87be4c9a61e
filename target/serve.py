"""Processes share one port, each with a socket, a loop and a pool of its own; they live and die together."""

import ctypes
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

import uvicorn
import uvloop
from starlette.applications import Starlette

from target import pool_use

HOST = os.environ.get("PERF_BIND", "") or "127.0.0.1"
"""Where it listens: beyond this machine only if that is asked for."""
BACKLOG = 2048
KEEP_ALIVE_S = 75
"""Longer than any pause of a load generator: a connection that we close while it sends makes an unknown outcome."""

SHUTDOWN_S = 5
PR_SET_PDEATHSIG = 1


def serve(application: Callable[[], Starlette], port: int, processes: int) -> int:
    """Serve on `port` of HOST until SIGTERM or SIGINT; 1 if a process died before, 2 if the port is taken."""
    # All listen before any serves: a connection made in between waits for its process, and the kernel
    # spreads the first connections over all of them.
    try:
        sockets = _listen(port, processes)
    except OSError as error:
        print(f"error: {HOST}:{port}: {error.strerror}", file=sys.stderr)
        return 2
    if processes == 1:
        _serve(application(), sockets[0])
        return 0
    children: set[int] = set()
    stopped = False

    def stop(_signum: int = 0, _frame: FrameType | None = None) -> None:
        nonlocal stopped
        stopped = True
        for pid in children:
            with suppress(ProcessLookupError):  # it has ended, and is not yet taken out of the children
                os.kill(pid, signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    parent = os.getpid()
    for number, mine in enumerate(sockets):
        pid = os.fork()
        if pid == 0:
            children.clear()
            pool_use.belongs_to(number)
            _die_with(parent)
            for other in sockets:
                if other is not mine:
                    other.close()
            _serve(application(), mine)
            sys.exit(0)
        children.add(pid)
    for ours in sockets:
        ours.close()
    died = False
    while children:
        pid, status = os.wait()
        children.discard(pid)
        died = died or not stopped or status != 0
        if not stopped:
            stop()
    return 1 if died else 0


def _listen(port: int, processes: int) -> list[socket.socket]:
    with socket.socket() as probe:
        # SO_REUSEPORT would let us in beside a server that is already there, and share its load.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((HOST, port))
    sockets = []
    for _ in range(processes):
        ours = socket.socket()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        ours.bind((HOST, port))
        sockets.append(ours)
    for ours in sockets:
        ours.listen(BACKLOG)
    return sockets


def _serve(application: Starlette, listening: socket.socket) -> None:
    # uvicorn shuts down in order, and then raises the signal again for the handler that was there before: ours.
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: sys.exit(0))
    config = uvicorn.Config(
        application,
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    server = uvicorn.Server(config)
    uvloop.run(server.serve(sockets=[listening]))
    if not server.started:
        sys.exit(3)


def _die_with(parent: int) -> None:
    """Have the kernel end this process when `parent` ends, however it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
