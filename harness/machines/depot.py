"""The master's end: which machines there are, what they are given, and where what they ship lands.

A thread of the pipeline's process answers all of them; what the pipeline asks for it finds in `machines`. A machine
that is not heard of is waited for as long as a partition may last; one that left is lost.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import zmq

from harness import search
from harness.errors import StackError
from harness.machines import wire
from harness.machines.files import Files
from harness.machines.key import JoinKey
from harness.machines.landing import Landing
from harness.machines.members import Machine, unlike
from harness.machines.wire import Message
from harness.run import Run

POLL_MS = 20
GONE_S = 5.0
"""A machine that was not heard of for so long, while a connection ended, has left."""
TRIES = 3
"""How often what did not arrive whole is asked for."""


class Depot:
    """Listens from its beginning on; to be closed."""

    def __init__(self, host: str, port: int, key: JoinKey, processes: int, me: Mapping[str, Any]) -> None:
        """For so many load processes; `me` are the protocol, code and versions that machines must have, too.

        StackError if nothing can listen there.
        """
        self.machines: list[Machine] = []
        self.failed = ""
        """Why what is shipped can't be kept, if it can't."""
        self._wanted, self._me = processes, me
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
        self._socket.setsockopt(zmq.LINGER, 1000)
        key.listen(self._socket)
        self._monitor = self._socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        try:
            self._socket.bind(f"tcp://{host}:{port}")
        except zmq.ZMQError as error:
            self._context.destroy(linger=0)
            raise StackError(
                f"{host}:{port} can't be used: {error}: expected an address of this machine and a free port, see "
                "PERF_MASTER_BIND and PERF_MASTER_PORT (the depot is at the next one)"
            ) from None
        self._full, self._stopped, self._started = False, False, False
        self._numbers = 0
        self._broken_off = 0.0
        self._taking = threading.Lock()
        """Held while something of a machine is taken."""
        self._files = Files({})
        self._searched: Path | None = None
        """Where search.json is, or will be, …"""
        self._steps = b""
        """… and what it held the last time."""
        self._outgoing: SimpleQueue[tuple[bytes, Message]] = SimpleQueue()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True, name="depot")
        self._thread.start()

    def joined(self) -> int:
        """How many load processes the machines have that are there."""
        return sum(one.processes for one in self.machines)

    def close_the_door(self) -> bool:
        """Let no other machine in: what is planned is for those that are there. False, and it stays open, if one of
        them has just left.
        """
        with self._taking:
            self._full = self.joined() == self._wanted
        return self._full

    def give(self, run: Run, bundle: Mapping[str, Any], secret: bytes, files: Files | None = None) -> None:
        """Give each machine what it needs for the load of `run`: to all the same, and to each its own numbers. The
        `files` are asked for piece by piece.
        """
        self._files, first = files or Files({}), 0
        for one in self.machines:
            one.shares = list(range(first, first + one.processes))
            first += one.processes
            one.landing = Landing(run.folder, run.id, one.number, one.shares)
            own = {"machine": one.number, "shares": one.shares, "count": self.joined()}
            self._say(one, Message(wire.BUNDLE, {**bundle, **own}, secret))
        self._searched = run.folder / search.FILE

    def start(self) -> None:
        """Have the machines start their load processes."""
        self._started = True
        for one in self.machines:
            self._say(one, Message(wire.START, {}))

    def stop(self) -> None:
        """Have the machines end their load processes, in order."""
        self._stopped = True
        for one in self.machines:
            self._say(one, Message(wire.STOP, {}))

    def lost(self, silence: float) -> str:
        """Why the load can't go on as planned, if it can't: a machine was not heard of for `silence` s, or left, or one
        of its load processes ended.
        """
        now = time.monotonic()
        for one in self.machines:
            if one.left or now - one.heard > silence:
                return f"{one.name} (machine {one.number}) was not heard of for {now - one.heard:.0f} s"
            if one.exited:
                return f"load process {min(one.exited)} on {one.name} ended"
        return self.failed

    def collect(self, seconds: float, silence: float) -> None:
        """Wait until all files of all machines are here, as long as they come, but for at most so many seconds. What
        has not come by then never does: what is judged must not change meanwhile.
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.failed:
            now = time.monotonic()
            waiting = [one for one in self.machines if not one.ended and not one.left and now - one.heard <= silence]
            if not waiting:
                break
            time.sleep(POLL_MS / 1000)
        with self._taking:
            for one in self.machines:
                one.ended = True

    def close(self) -> None:
        """Say good-bye, and listen no more. What is not whole by then stays so."""
        for one in self.machines:
            self._say(one, Message(wire.BYE, {"whole": one.whole}))
        self._over.set()
        self._thread.join()

    def _say(self, machine: Machine, message: Message) -> None:
        self._outgoing.put((machine.address, message))

    def _serve(self) -> None:
        """What the thread does. If it can't go on, the load can't: that is known by `failed`."""
        try:
            self._answer_all()
        except Exception as error:
            self.failed = f"the depot ended: {type(error).__name__}: {error}"
        finally:
            self._socket.disable_monitor()
            self._context.destroy(linger=1000)

    def _answer_all(self) -> None:
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        while True:
            over = self._over.is_set()
            try:
                while True:
                    address, message = self._outgoing.get_nowait()
                    self._socket.send_multipart([address, *wire.frames(message)])
            except Empty:
                pass
            if over:
                break
            if poller.poll(POLL_MS):
                for _ in range(64):
                    try:
                        address, *received = self._socket.recv_multipart(zmq.NOBLOCK)
                    except zmq.Again:
                        break
                    try:
                        self._hear(address, wire.message(received))
                    except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
                        self._answer(address, Message(wire.REFUSED, {"why": "a message that is none: other versions?"}))
            self._notice()
            if self._tell_steps():
                for one in self.machines:
                    self._answer(one.address, self._message_of_steps())

    def _tell_steps(self) -> bool:
        """Whether a search has decided more."""
        found = b""
        if self._searched is not None:
            with suppress(OSError):  # there is no search, or not yet
                found = self._searched.read_bytes()
        changed, self._steps = found != self._steps, found
        return changed

    def _message_of_steps(self) -> Message:
        return Message(wire.STEPS, {"steps": sha256(self._steps).hexdigest()}, self._steps)

    def _answer(self, address: bytes, message: Message) -> None:
        self._socket.send_multipart([address, *wire.frames(message)])

    def _notice(self) -> None:
        """Which machines have left: a connection ended, and one is not heard of any more."""
        now = time.monotonic()
        if self._monitor.poll(0):
            while self._monitor.poll(0):
                self._monitor.recv_multipart()
                # Whose connection it was is not told: one that has given all is the first to be expected to leave.
                done = next((one for one in self.machines if one.ended and not one.parted), None)
                if done:
                    done.parted = True
                else:
                    self._broken_off = now
        for one in self.machines:
            one.silent = max(one.silent, now - one.heard) if not one.ended else one.silent
            quiet = now - one.heard > GONE_S
            if quiet and self._broken_off >= one.heard - 1 and not one.ended:
                one.left = True
        with self._taking:
            if not self._full:  # one that left before the load is none of it: another may come instead
                self.machines = [one for one in self.machines if not one.left]

    def _hear(self, address: bytes, message: Message) -> None:
        if message.kind == wire.PING:
            there = time.monotonic_ns()
            order = wire.STOP if self._stopped else wire.START if self._started else ""
            self._answer(address, Message(wire.PONG, {"left": message.data["left"], "there": there, "do": order}))
        machine = next((one for one in self.machines if one.address == address), None)
        if machine is not None:
            machine.silent = max(machine.silent, time.monotonic() - machine.heard)
            machine.heard, machine.left = time.monotonic(), False
            with self._taking:
                self._hear_of(machine, message)
        elif message.kind == wire.HELLO:
            self._join(address, message.data)

    def _join(self, address: bytes, told: Mapping[str, Any]) -> None:
        """Let a machine in, or say in one sentence why not."""
        processes, free = int(told.get("processes", 0)), self._wanted - self.joined()
        why = unlike(self._me, told)
        if not why and self._full:
            why = "the load has begun: expected all machines to join before it"
        elif not why and not 1 <= processes <= free:
            why = (
                f"it has {processes} load processes, and {free} of {self._wanted} are wanted: see PROCESSES and WORKERS"
            )
        if why:
            self._answer(address, Message(wire.REFUSED, {"why": why}))
            return
        self._numbers += 1
        name = str(told.get("host", "?"))
        self.machines.append(Machine(self._numbers, name, dict(told), processes, address, time.monotonic()))
        self._answer(address, Message(wire.WELCOME, {"machine": self._numbers}))

    def _hear_of(self, machine: Machine, message: Message) -> None:
        kind, data = message.kind, message.data
        if kind == wire.PING:
            # What was said of it before may have been lost with a connection.
            if machine.ended:
                self._answer(machine.address, Message(wire.BYE, {"whole": machine.whole}))
            if self._steps and data.get("steps") != sha256(self._steps).hexdigest():
                self._answer(machine.address, self._message_of_steps())
        elif kind == wire.WANT:
            machine.asked = time.monotonic()
            self._answer(machine.address, self._files.piece(str(data["file"]), int(data["offset"])))
        elif kind == wire.READY:
            machine.ready, machine.round_trip_ns = True, int(data["round_trip_ns"])
        elif kind == wire.UNFIT:
            machine.unfit = str(data["why"])
        elif kind == wire.EXITED:
            machine.exited[int(data["share"])] = int(data["code"])
            machine.tails[int(data["share"])] = str(data.get("tail", ""))
            self._answer(machine.address, Message(wire.ACK, {"seq": data["seq"]}))
        elif kind in (wire.RECORDS, wire.BYTES):
            if not self.failed and not machine.ended and machine.landing is not None:
                self._keep(machine.landing, message)
            self._answer(machine.address, Message(wire.ACK, {"seq": data["seq"]}))
        elif kind == wire.MANIFEST and machine.landing is not None:
            if not machine.ended:
                self._complete(machine, machine.landing, data["files"])
            answer = wire.BYE if machine.ended else wire.AGAIN
            said = {"whole": machine.whole, "files": machine.lacking, "seq": data["seq"]}
            self._answer(machine.address, Message(answer, said))

    def _keep(self, landing: Landing, message: Message) -> None:
        try:
            landing.take(message)
        except OSError as error:
            self.failed = f"what machines ship can't be kept: {error.strerror}: expected room in the run folder"

    def _complete(self, machine: Machine, landing: Landing, manifest: dict[str, Sequence[Any]]) -> None:
        """Ask for what is lacking, or be done with this machine."""
        machine.tries += 1
        try:
            machine.lacking = landing.lacking(manifest)
            if machine.lacking and machine.tries < TRIES and not self.failed:
                return
            machine.lacking = landing.complete(manifest)
        except OSError as error:
            self.failed = f"what machines ship can't be kept: {error.strerror}: expected room in the run folder"
        machine.whole, machine.ended = not machine.lacking and not self.failed, True
