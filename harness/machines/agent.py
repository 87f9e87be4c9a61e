"""`python -m harness worker`: a machine that puts load on for a master elsewhere, and ships what it did as it does it.

It joins with what it is, keeps the distance of the clocks from then on, takes what it is given if it may, starts its
load processes, and ships their journals once a second. It ends them when their master is gone: load that nobody
supervises is worse than a lost run.
"""

import contextlib
import hashlib
import json
import os
import platform
import secrets
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from harness import VERSION, fingerprint, search
from harness.errors import ProofloadError, StackError
from harness.fixtures import NAME as FIXTURES
from harness.machines import clocks, code, given, reach, wire
from harness.machines.crew import Crew, files
from harness.machines.key import JoinKey
from harness.machines.line import Line
from harness.machines.machine import Sampler
from harness.machines.shipping import Growing, Journalling
from harness.machines.wire import Message
from harness.settings import Settings
from harness.verdict import EXIT_CODES, Verdict

ORPHANED_S = 5.0
"""How long a master that is gone is waited for."""
EACH_S = 1.0
"""How often the clock is asked for, and what was written is shipped."""
PIECE_S = 30.0
"""How long a piece of a file may take to come."""
PACKAGES = ("gevent", "httptools", "orjson", "numpy", "psycopg2-binary")
"""What a load process draws its plan by, sends by and understands answers by."""


def told(processes: int) -> dict[str, Any]:
    """What a machine says of itself when it joins, and the master of itself."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    versions = fingerprint.versions()
    return {
        "protocol": wire.PROTOCOL,
        "version": VERSION,
        "code": code.fingerprint(),
        "locust": versions.get("locust"),
        "packages": {name: versions[name] for name in PACKAGES if name in versions},
        "python": platform.python_version(),
        "abi": ".".join(platform.python_version_tuple()[:2]),
        "host": socket.gethostname(),
        "boot": boot.read_text().strip() if boot.exists() else "",
        **{name: fingerprint.host()[name] for name in ("cores", "cpu", "memory_bytes")},
        "processes": processes,
    }


def work(settings: Settings, key: JoinKey) -> int:
    """Put load on for the master that the settings name, to its end; the exit code: 0 if all of it arrived.

    ProofloadError if the master refuses this machine, or this machine the load.
    """
    host, port = settings.master
    signals: list[int] = []

    def handle(number: int, _: FrameType | None) -> None:
        if signals:
            raise KeyboardInterrupt
        signals.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)
    with Line(host, port + 1, key, f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}") as line:
        agent = Agent(settings, host, key, line, signals)
        try:
            return agent.work()
        finally:
            agent.close()


@dataclass
class Agent:
    """One machine's part in one load."""

    settings: Settings
    host: str
    key: JoinKey
    line: Line
    signals: list[int]
    """Those that came; the first one ends the load of this machine in order."""
    machine: int = 0
    folder: Path | None = None
    crew: Crew | None = None
    sampler: Sampler | None = None
    growing: list[Growing] = field(default_factory=list)
    journals: list[Journalling] = field(default_factory=list)
    trips: list[clocks.Trip] = field(default_factory=list)
    shares: list[int] = field(default_factory=list)
    silence: float = 0.0
    """How many s may pass in which nothing is heard of the master."""
    early: dict[str, Message] = field(default_factory=dict)
    """What came while something else was waited for, by its kind: we are given the load as soon as all have joined."""
    stored: Path | None = None
    """Where secrets are, or may be."""

    def __post_init__(self) -> None:
        self.silence = self.settings.silence

    def work(self) -> int:
        """From the join to the end; the exit code."""
        self._join()
        bundle = self._awaited(wire.BUNDLE, 0)
        self._take(bundle)
        self._awaited(wire.START, 0)
        assert self.folder is not None
        locustfile = Path(json.loads((self.folder / "run.json").read_text())["plan"]["locustfile"])
        self.crew = Crew(self.folder, bundle.data, locustfile, self.host, self.key)
        self.sampler = Sampler(self.folder / f"machine-{self.machine}.jsonl")
        _say(f"machine {self.machine}: load processes {', '.join(map(str, self.shares))} are starting")
        try:
            whole = self._go_on()
        except (StackError, OSError) as error:
            _say(f"error: {error}")
            return EXIT_CODES[Verdict.INVALID]
        _say("the load is over, and all of it has arrived" if whole else "the load is over; not all of it has arrived")
        return 0 if whole else EXIT_CODES[Verdict.INVALID]

    def close(self) -> None:
        """Leave nothing running."""
        if self.crew is not None and self.crew.at_work:
            self.crew.kill()
        if self.stored is not None:
            # They hold tokens and the user's own rows; journals stay, in case that not all of them has arrived.
            for path in ((self.stored / FIXTURES).parent, self.stored / given.FEEDS):
                shutil.rmtree(path, ignore_errors=True)

    def _join(self) -> None:
        """Be let in; ProofloadError if we are not, in the words of the master."""
        self.line.say(Message(wire.HELLO, told(self.settings.processes)))
        _say(f"joining {self.host}, with {self.settings.processes} load processes")
        welcome = self._awaited(wire.WELCOME, self.settings.join_wait)
        self.machine = int(welcome.data["machine"])
        for _ in range(wire.ROUND_TRIPS):
            self.line.ask()
            for message in self.line.hear(200):
                self._unexpected(message)
        while not self.line.trips:  # without any it is not known when the load begins
            self.line.ask()
            for message in self.line.hear(200):
                self._unexpected(message)
            self._supervised()
        self._keep_trips()
        _say(f"joined as machine {self.machine}; waiting for the load")

    def _awaited(self, kind: str, seconds: float) -> Message:
        """The next message, of that kind; StackError if there is none for so long (0: however long it takes)."""
        until, asked = time.monotonic() + seconds, time.monotonic()
        while True:
            if kind in self.early:
                return self.early.pop(kind)
            for message in self.line.hear(100):
                if message.kind == kind:
                    return message
                self._unexpected(message)
            self._supervised()
            if self.signals:
                raise KeyboardInterrupt
            if seconds and time.monotonic() > until:
                raise StackError(
                    f"no master at {self.host}:{self.settings.master[1] + 1} for {seconds:g} s: expected "
                    "`make perf-SCENARIO-master WORKERS=n` there, and its port open for this machine"
                )
            if self.machine and time.monotonic() - asked > EACH_S:
                asked = time.monotonic()
                self.line.ask()
                self._keep_trips()

    def _unexpected(self, message: Message) -> None:
        """The end of it, if that is what it says; else it is kept for later."""
        if message.kind == wire.STEPS:
            self._follow(message)
        elif message.kind in (wire.BUNDLE, wire.START):
            self.early[message.kind] = message
        if message.kind == wire.REFUSED:
            raise StackError(f"the master refused this machine: {message.data['why']}")
        if message.kind == wire.BYE:
            raise StackError("the master ended before the load began")

    def _supervised(self) -> None:
        """StackError if the master is gone, or was not heard of for too long."""
        if self.line.gone() > ORPHANED_S:
            raise StackError(f"the master is gone: {self._kept()}")
        if self.machine and self.line.silence > self.silence:
            raise StackError(f"nothing was heard of the master for {self.line.silence:.0f} s: {self._kept()}")

    def _kept(self) -> str:
        kept = f", and what it did is in {self.folder}" if self.folder is not None and self.crew else ""
        return f"this machine puts no load on without it{kept}"

    def _take(self, bundle: Message) -> None:
        """Store what was given; ProofloadError, which the master is told, if this machine may not or can't use it."""
        run = str(bundle.data["run"]["run"])
        folder = self.settings.home / "worker" / f"{run}-{self.machine}"
        self.shares = [int(one) for one in bundle.data["shares"]]
        # What the master takes for a lost machine must not go on for longer than it thinks.
        self.silence = min(self.settings.silence, float(bundle.data["silence"]))
        try:
            self.stored = folder
            given.unpack(folder, bundle.data, bundle.payload, self.settings, self._piece)
        except ProofloadError as error:
            self.line.say(Message(wire.UNFIT, {"why": str(error)}))
            raise
        self.folder = folder
        self.growing = [Growing(path) for path in files(folder, self.machine, self.shares)]
        self.journals = [Journalling(folder / f"journal-{share}.bin") for share in self.shares]
        trips, self.trips = self.trips, []
        self._record(trips)
        worst = max((trip.back - trip.left for trip in trips), default=0)
        self.line.say(Message(wire.READY, {"round_trip_ns": worst}))

    def _piece(self, name: str, offset: int) -> Message:
        """What the master has of a file at an offset."""
        self.line.say(Message(wire.WANT, {"file": name, "offset": offset}))
        return self._awaited(wire.PIECE, PIECE_S)

    def _follow(self, message: Message) -> None:
        """Have our load processes find the steps of a search."""
        if self.folder is not None:
            fresh = self.folder / f".{search.FILE}.new"
            fresh.write_bytes(message.payload)
            fresh.replace(self.folder / search.FILE)
            self.line.steps = str(message.data["steps"])

    def _keep_trips(self) -> None:
        fresh, self.line.trips = self.line.trips, []
        if self.folder is None:
            self.trips += fresh
        else:
            self._record(fresh)

    def _record(self, trips: list[clocks.Trip]) -> None:
        """Put round trips on record, and tell our load processes what they come to."""
        assert self.folder is not None
        if not trips:
            return
        self.trips = [*self.trips, *trips][-1000:]
        with (self.folder / clocks.name(self.machine)).open("a") as file:
            file.writelines(json.dumps(trip) + "\n" for trip in trips)
        now = clocks.now(self.trips)
        fresh = self.folder / f".{clocks.NOW}.new"
        fresh.write_text(json.dumps({"shift": now[0], "doubt": now[1]}))
        fresh.replace(self.folder / clocks.NOW)

    def _go_on(self) -> bool:
        """Ship while the load goes on, and to the end; whether all of it arrived."""
        assert self.crew is not None
        assert self.sampler is not None
        due, stopping, final = time.monotonic(), False, False
        passing, passed, asking = self._written(), False, False
        while True:
            if asking:  # at once before what comes is heard: whatever were done between them would count as the way
                asking = False
                self.line.ask()
            for message in self.line.hear(20):
                if message.kind == wire.BYE:
                    return bool(message.data.get("whole"))
                if message.kind == wire.STOP and not stopping:
                    stopping = True
                    self.crew.stop()
                elif message.kind == wire.STEPS:
                    self._follow(message)
                elif message.kind == wire.AGAIN:
                    self._forget(message.data["files"])
                    final = False
            self._supervised()
            if self.signals and not stopping:
                stopping = True
                self.crew.stop()
            for share, exit_code, tail in self.crew.exited():
                self.line.ship(Message(wire.EXITED, {"share": share, "code": exit_code, "tail": tail}))
            if time.monotonic() >= due:
                due, asking = time.monotonic() + EACH_S, True
                self._keep_trips()
                if self.crew.at_work:
                    self.sampler.sample()
                if passed:
                    passing, passed = self._written(), False
            while self.line.free and not passed:
                fresh = next(passing, None)
                passed = fresh is None
                if fresh is not None:
                    self.line.ship(fresh)
            if passed and not self.crew.at_work and not final and not self.line.under_way:
                passing = self._written()
                fresh = next(passing, None)
                if fresh is not None:
                    self.line.ship(fresh)
                    passed = False
                else:
                    final = True
                    self.line.ship(Message(wire.MANIFEST, {"files": self._manifest()}))

    def _written(self) -> Iterator[Message]:
        """What was written since the last time; and then, as long as the load goes on, when that was."""
        assert self.crew is not None
        assert self.folder is not None
        at, goes_on = time.monotonic_ns(), self.crew.at_work
        looked = [one.look() for one in self.journals]
        for grown in self.growing:
            yield from grown.ship()
        for journal in looked:
            yield from journal
        if goes_on:
            with (self.folder / reach.name(self.machine)).open("a") as file:
                file.write(f"{at}\n")
            yield from self.growing[-1].ship()

    def _forget(self, names: list[str]) -> None:
        """Ship all of those files again, from the beginning."""
        for one in self.growing:
            if one.path.name in names:
                one.sent, one.there = 0, False
        self.journals = [Journalling(one.path) if one.path.name in names else one for one in self.journals]

    def _manifest(self) -> dict[str, tuple[int, str]]:
        """Size and SHA-256 of each file, but for that of the clocks, which goes on to the end."""
        assert self.folder is not None
        found = {}
        for path in [*(one.path for one in self.journals), *(one.path for one in self.growing)]:
            if path.name != clocks.name(self.machine):
                with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                    found[path.name] = (path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
        return found


def _say(line: str) -> None:
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)
