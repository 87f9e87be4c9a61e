"""Several machines on one: network namespaces, a veth pair between the master and each other, and clocks of their own.

Nothing of the network of the machine itself is touched; all of it is gone at the end.
"""

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Namespaces:
    """A network namespace for the master, and one for each of some workers, which reach the master only."""

    name: str
    ahead: tuple[int, ...]
    """By how many seconds the CLOCK_MONOTONIC of each worker is ahead of the machine's."""

    host = "10.99.1.1"
    """The master, as all see it."""

    @property
    def master(self) -> list[str]:
        """What a command of the master begins with."""
        return ["ip", "netns", "exec", f"{self.name}m"]

    def worker(self, number: int) -> list[str]:
        """What a command of worker `number`, from 1, begins with."""
        ahead = self.ahead[number - 1]
        clock = ["unshare", "--time", "--monotonic", str(ahead)] if ahead else []
        return ["ip", "netns", "exec", f"{self.name}{number}", *clock]

    def run(self, number: int, *words: str) -> None:
        """Run a command of the network inside of worker `number`; 0: of the master."""
        inside = self.master if not number else ["ip", "netns", "exec", f"{self.name}{number}"]
        subprocess.run([*inside, *words], check=True, capture_output=True, text=True)

    def cut(self, number: int, *ports: int) -> None:
        """Cut worker `number` off, or only from those ports of the master: neither end is told."""
        self._drop("-A", number, ports, [])

    def heal(self, number: int, *ports: int) -> None:
        """Undo `cut`."""
        self._drop("-D", number, ports, [])

    def lose(self, number: int, share: float, *ports: int) -> None:
        """Lose that share of the packets to and from worker `number`, or only of those of these ports."""
        self._drop("-A", number, ports, f"-m statistic --mode random --probability {share}".split())

    def _drop(self, do: str, number: int, ports: tuple[int, ...], which: list[str]) -> None:
        for chain, end in (("INPUT", "--sport"), ("OUTPUT", "--dport")):
            for port in ports or (0,):
                of_port = [end, str(port)] if port else []
                self.run(number, "iptables", do, chain, "-p", "tcp", *of_port, *which, "-j", "DROP")

    def slow(self, number: int, rate: str) -> None:
        """Have worker `number` send no more than that, e.g. "8mbit"."""
        self.run(
            number,
            "tc",
            "qdisc",
            "add",
            "dev",
            "uplink",
            "root",
            "tbf",
            "rate",
            rate,
            "burst",
            "16kb",
            "latency",
            "400ms",
        )


def unfit() -> str:
    """Why this machine can't have such namespaces; "" = it can."""
    if os.geteuid():
        return "only root makes network namespaces"
    probe = f"pf{secrets.token_hex(3)}"
    for words in (
        ["ip", "netns", "add", probe],
        ["ip", "netns", "exec", probe, "unshare", "--time", "--monotonic", "1000", "true"],
        ["ip", "netns", "exec", probe, "iptables", "-L"],
    ):
        try:
            done = subprocess.run(words, capture_output=True, text=True)
        except OSError as error:
            return f"{words[0]}: {error.strerror}"
        if done.returncode:
            subprocess.run(["ip", "netns", "del", probe], capture_output=True)
            return f"{' '.join(words)}: {done.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", probe], capture_output=True)
    return ""


@contextmanager
def namespaces(*ahead: int) -> Iterator[Namespaces]:
    """A master, and a worker for each of `ahead`: the seconds by which its clock is ahead."""
    found = Namespaces(f"pf{secrets.token_hex(3)}", ahead)
    names = [f"{found.name}m", *(f"{found.name}{number}" for number in range(1, len(ahead) + 1))]
    made = []

    def do(*words: str) -> None:
        subprocess.run(words, check=True, capture_output=True, text=True)

    try:
        for name in names:
            do("ip", "netns", "add", name)
            made.append(name)
            do("ip", "-n", name, "link", "set", "lo", "up")
        for number in range(1, len(ahead) + 1):
            inside = f"{found.name}{number}"
            do(*f"ip link add w{number} netns {names[0]} type veth peer name uplink netns {inside}".split())
            do(*f"ip -n {names[0]} addr add 10.99.{number}.1/30 dev w{number}".split())
            do(*f"ip -n {names[0]} link set w{number} up".split())
            do(*f"ip -n {inside} addr add 10.99.{number}.2/30 dev uplink".split())
            do(*f"ip -n {inside} link set uplink up".split())
            do(*f"ip -n {inside} route add default via 10.99.{number}.1".split())
        yield found
    finally:
        for name in made:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
