"""Where the files of a machine land in the run folder: under their own names, and read while they grow.

A journal counts as not whole until its hash is that of the machine's, and so do the files beside it that its operations
need: until then its header says "arriving", so that rows beyond what is there are nobody's fault.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from harness.journal import ARRIVING, HEADER_BYTES, MAGIC, RECORD
from harness.machines.shipping import inflated, unpacked
from harness.machines.wire import RECORDS, Message

# A number has one form only, or two files were of one load process.
_NUMBER = r"(0|[1-9][0-9]*)"
_OF_SHARE = re.compile(
    rf"(journal|refused|kinds|metrics|health|received|loaded|plans|unread|load)-{_NUMBER}\.(bin|jsonl|txt|log)"
)
_OF_MACHINE = re.compile(rf"(clock|machine|shipped)-{_NUMBER}\.jsonl")
NEEDED = ("refused", "kinds", "received", "loaded", "plans")
"""What the operations of a journal need to be judged, by the beginnings of the names."""


class Landing:
    """The files of one machine, whose load processes have the numbers `shares`."""

    def __init__(self, folder: Path, run: str, machine: int, shares: Sequence[int]) -> None:
        self._folder, self._run, self._machine, self._shares = folder, run, machine, frozenset(shares)
        self._headers: dict[str, bytes] = {}

    def take(self, message: Message) -> None:
        """Write what was shipped. ValueError if it is none of this machine's files; OSError if there is no room."""
        name = self._mine(str(message.data.get("file")))
        if message.kind == RECORDS:
            self._records(name, int(message.data["places"]), int(message.data["size"]), message.payload)
        else:
            with (self._folder / name).open("r+b" if (self._folder / name).exists() else "w+b") as file:
                file.seek(int(message.data["offset"]))
                file.write(inflated(message.payload))

    def _mine(self, name: str) -> str:
        share, machine = _OF_SHARE.fullmatch(name), _OF_MACHINE.fullmatch(name)
        if (share and int(share[2]) in self._shares) or (machine and int(machine[2]) == self._machine):
            return name
        raise ValueError(f"{name!r}: expected a file of load processes {sorted(self._shares)}")

    def _records(self, name: str, count: int, size: int, payload: bytes) -> None:
        path = self._folder / name
        if not count:
            page = inflated(payload)
            said = json.loads(page[len(MAGIC) :].rstrip(b"\0"))
            own = (self._run, f"journal-{said.get('worker')}.bin", self._machine)
            if len(page) != HEADER_BYTES or own != (said.get("run"), name, said.get("machine")):
                raise ValueError(
                    f"{name}: expected the header of a journal of run {self._run} and machine {self._machine}"
                )
            self._headers[name] = page
        if name not in self._headers:
            raise ValueError(f"{name}: operations before the header")
        with path.open("r+b" if path.exists() else "w+b") as file:
            if not count:
                file.write(arriving(self._headers[name]))
            else:
                places, records = unpacked(count, payload)
                breaks = [0, *((places[1:] - places[:-1] != 1).nonzero()[0] + 1).tolist(), count]
                for first, last in pairwise(breaks):
                    file.seek(HEADER_BYTES + int(places[first]) * RECORD.itemsize)
                    file.write(records[first:last].tobytes())
            file.flush()
            if os.fstat(file.fileno()).st_size != size >= HEADER_BYTES:
                file.truncate(size)

    def lacking(self, manifest: Mapping[str, Sequence[Any]]) -> list[str]:
        """Which files of the manifest (size and SHA-256 by name) are not here as they are there."""
        return [name for name, told in manifest.items() if not self._is(self._mine(name), int(told[0]), str(told[1]))]

    def _is(self, name: str, size: int, digest: str) -> bool:
        path = self._folder / name
        try:
            if path.stat().st_size != size:
                return False
            found = hashlib.sha256()
            with path.open("rb") as file:
                if header := self._headers.get(name):
                    file.seek(len(header))
                    found.update(header)
                while data := file.read(1 << 20):
                    found.update(data)
        except OSError:
            return False
        return found.hexdigest() == digest

    def complete(self, manifest: Mapping[str, Sequence[Any]]) -> list[str]:
        """Have the journals that are whole say so, which need all of NEEDED beside them; what is lacking for ever."""
        lacking = self.lacking(manifest)
        for name, header in self._headers.items():
            beside = {name, *(name.replace("journal", other) for other in NEEDED)}
            if name in manifest and not {Path(one).stem for one in lacking} & {Path(one).stem for one in beside}:
                with (self._folder / name).open("r+b") as file:
                    file.write(header)
        return lacking


def arriving(page: bytes) -> bytes:
    """The header page of a journal that is not known to be all here."""
    header = {**json.loads(page[len(MAGIC) :].rstrip(b"\0")), ARRIVING: True}
    # Its kinds may fill the page: without blanks there is room for another word.
    return (MAGIC + json.dumps(header, separators=(",", ":")).encode() + b"\n").ljust(HEADER_BYTES, b"\0")
