"""The load processes of one machine: started as the master says, ended when nobody supervises them any more."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.machines import MACHINE, clocks, reach
from harness.machines.given import CERTIFICATES
from harness.machines.key import JoinKey
from harness.project import environment
from harness.stack import process

GRACE_S = 5.0
"""How long they may take to end when they are asked to, without a master; then they are killed."""


class Crew:
    """The processes that were started, by their numbers."""

    def __init__(self, folder: Path, given: Mapping[str, Any], locustfile: Path, host: str, key: JoinKey) -> None:
        """Start them: they find their master by themselves."""
        self._folder = folder
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._stopped = False
        words = [sys.executable, "-m", "harness.load", "--run-folder", str(folder), "--host", str(given["url"])]
        words += ["-f", f"{Path(__file__).parent.parent / 'load' / 'shape.py'},{locustfile}", *given["words"]]
        words += ["--worker", "--master-host", host, "--master-port", str(given["port"])]
        of_theirs = None if given["run"]["plan"].get("system") else locustfile.parent
        for share in given["shares"]:
            known = {
                # Of users that call an engine in the database itself; all others have no need of it.
                "DATABASE_URL": str(given["database"]),
                **given["variables"],
                **({"PERF_CA_FILE": str(folder / CERTIFICATES)} if given["certificates"] else {}),
                "PERF_RUN": str(given["run"]["run"]),
                "PERF_LOAD_PROCESS": f"{share}/{given['count']}",
                MACHINE: str(given["machine"]),
                "PERF_RUN_FOLDER": str(folder),
                **key.environment(),
            }
            log = folder / f"load-{share}.log"
            child = process.start(words, log, environment(**known), on_parent_death=signal.SIGKILL, folder=of_theirs)
            self._running[int(share)] = child

    def exited(self) -> list[tuple[int, int, str]]:
        """Those that have ended since the last time: number, exit code, and of one that failed the end of its log."""
        ended = []
        for share, child in list(self._running.items()):
            code = child.poll()
            if code is not None:
                del self._running[share]
                failed = code and not (self._stopped and code == -signal.SIGINT)
                ended.append((share, code, process.tail(self._folder / f"load-{share}.log") if failed else ""))
        return ended

    @property
    def at_work(self) -> bool:
        """Whether some go on."""
        return bool(self._running)

    def stop(self) -> None:
        """End those that go on: asked first, then killed with all that they started."""
        self._stopped = True
        for child in self._running.values():
            if child.poll() is None:
                child.send_signal(signal.SIGINT)
        for child in self._running.values():
            process.stop(child, signal.SIGINT, GRACE_S)

    def kill(self) -> None:
        """End those that go on at once: without supervision nothing more may be sent."""
        for child in self._running.values():
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
        for child in self._running.values():
            child.wait()


def files(folder: Path, machine: int, shares: Sequence[int]) -> list[Path]:
    """What of the folder is shipped, but for journals: the files that only grow, those first that journals need."""
    needed = ("refused-{}.bin", "kinds-{}.jsonl", "received-{}.bin", "loaded-{}.bin", "plans-{}.jsonl")
    others = ("health-{}.jsonl", "metrics-{}.jsonl", "metrics-{}.bin", "unread-{}.txt", "load-{}.log")
    names = [name.format(share) for share in shares for name in (*needed, *others)]
    # Last of all what says until when all before it is here.
    of_machine = (clocks.name(machine), f"machine-{machine}.jsonl", reach.name(machine))
    return [folder / name for name in (*names, *of_machine)]
