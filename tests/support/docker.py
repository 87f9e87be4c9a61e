"""A Docker of its own: its daemon, socket, images and networks are apart from all others, and gone at the end.

Images are built by a daemon that makes no bridge and no rule of the firewall. Containers are run by one in a network
namespace of its own: its bridges and rules go with it, and none of the machine's stands in their way.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from harness.stack import process

START_S = 60.0
SBIN = "/usr/sbin:/sbin"
NEEDED = {
    **dict.fromkeys(("dockerd", "docker", "docker-init", "containerd", "runc"), "docker.io"),
    "iptables": "iptables",  # names of containers are looked up by it
    "unshare": "util-linux",
    "ip": "iproute2",
}
"""Each program, and the package of Debian that has it."""
NO_RULES = ("--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false")
BUILDING = ["dockerd", "--bridge=none", *NO_RULES]
APART = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec dockerd "$@"', "dockerd"]


class CantRun(Exception):
    """Containers can't be run on this machine, for that reason."""


@dataclass(frozen=True)
class Docker:
    """One that is up."""

    socket: Path

    @property
    def environment(self) -> dict[str, str]:
        """What leads docker and compose to it, and away from a person's settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "COMPOSE_"))}
        return {**kept, "DOCKER_HOST": f"unix://{self.socket}", "DOCKER_CONFIG": str(self.socket.parent / "config")}

    def __call__(self, *words: str, data: bytes | None = None) -> str:
        """What a command of docker prints."""
        done = subprocess.run(["docker", *words], env=self.environment, input=data, capture_output=True)
        assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")
        return done.stdout.decode()


def unfit() -> str:
    """Why no daemon can be started here; "" = one may."""
    if os.geteuid():
        return "only root starts a Docker daemon"
    for program, package in NEEDED.items():
        if shutil.which(program, path=f"{os.environ['PATH']}:{SBIN}") is None:
            return f"no {program} here: `apt-get install {package}`"
    compose = subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0
    if not compose and shutil.which("docker-compose") is None:
        return "no docker compose here: `apt-get install docker-compose`"
    return ""


@contextmanager
def docker(folder: Path, begin: list[str]) -> Iterator[Docker]:
    """A daemon until the end, all of it in `folder`; BUILDING or APART is how its command begins.

    CantRun with its last words if it does not come up.
    """
    found = Docker(folder / "docker.sock")
    (folder / "config").mkdir(parents=True, exist_ok=True)
    places = {"data-root": "data", "exec-root": "exec", "pidfile": "pid"}
    words = [*begin, "--host", f"unix://{found.socket}"]
    words += [f"--{option}={folder / name}" for option, name in places.items()]
    log = folder / "log"
    daemon = process.start(words, log, {"PATH": f"{os.environ['PATH']}:{SBIN}"})
    try:
        deadline = time.monotonic() + START_S
        while subprocess.run(["docker", "version"], env=found.environment, capture_output=True).returncode:
            if daemon.poll() is not None or time.monotonic() > deadline:
                raise CantRun(process.tail(log))
            time.sleep(0.1)
        yield found
    finally:
        with suppress(AssertionError):
            for name in found("ps", "--all", "--quiet").split():
                found("rm", "--force", "--volumes", name)
        process.stop(daemon, grace=30)
        # What a daemon of Docker leaves mounted: the network namespace that it was in.
        mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for place in reversed([place for place in mounted if place.startswith(f"{folder}/")]):
            subprocess.run(["umount", place], check=True)


def network() -> list[str]:
    """The interfaces and the firewall's rules of this machine, without what counts packets."""
    found = subprocess.run(["ip", "-brief", "link"], capture_output=True, text=True).stdout.splitlines()
    for program in ("iptables-save", "ip6tables-save"):
        with suppress(OSError):
            lines = subprocess.run([f"/usr/sbin/{program}"], capture_output=True, text=True).stdout.splitlines()
            found += [line for line in lines if not line.startswith(("#", ":"))]
    return [line.split("@")[0] for line in found]
