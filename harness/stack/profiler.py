"""`PROFILER=py-spy`: a flame graph of each service of our target during the load, in the run folder.

py-spy samples a process from outside, without pausing it; it is no dependency of ours, and must be installed.
"""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import PlanError, nearest
from harness.progress import Progress
from harness.project import environment
from harness.run import Run
from harness.settings import Settings
from harness.stack import process, services

PY_SPY = "py-spy"
FLAME, LOG = "flame-{}.svg", "profiler.log"
"""The graph of a service, and what the profiler itself said, in the run folder."""


def require(settings: Settings) -> None:
    """PlanError if a profiler is asked for that is not there, or for a target that is not ours."""
    if not settings.profiler:
        return
    if settings.profiler != PY_SPY:
        raise PlanError(f"PROFILER={settings.profiler!r}: {nearest(settings.profiler, [PY_SPY])}")
    if settings.target_url:
        raise PlanError(f"PROFILER={PY_SPY} with TARGET_URL: expected the reference target; unset one of them")
    if _program() is None:
        raise PlanError(
            f"PROFILER={PY_SPY}: no program {PY_SPY}: install it by `{sys.executable} -m pip install {PY_SPY}`"
        )


@contextmanager
def profiled(run: Run, settings: Settings, progress: Progress) -> Iterator[None]:
    """Profile the services of `run` meanwhile, if the settings ask for it: of each its first process, and what that
    started. What is left goes into run.json; that it failed costs the run nothing.
    """
    program = _program() if settings.profiler else None
    if program is None:
        yield
        return
    spies: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, pids in services.pids(run.folder).items():
            if pids:
                words = ["record", "--nonblocking", "--subprocesses", "--output", str(run.folder / FLAME.format(name))]
                command = [program, *words, "--pid", str(pids[0])]
                spies[name] = process.start(command, run.folder / LOG, environment())
        yield
    finally:
        for spy in spies.values():
            process.stop(spy, signal.SIGINT)  # then it writes the graph
        graphs = {name: FLAME.format(name) for name in spies if (run.folder / FLAME.format(name)).exists()}
        run.record(profiler={"by": PY_SPY, "graphs": graphs})
        missing = [name for name in spies if name not in graphs]
        if missing:
            progress.say(f"  no flame graph of {', '.join(missing)}: {run.folder / LOG} says why")


def _program() -> str | None:
    """Where py-spy is: on the PATH, or beside our Python."""
    return shutil.which(PY_SPY) or shutil.which(PY_SPY, path=str(Path(sys.executable).parent))
