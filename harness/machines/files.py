"""Files that each machine of a load needs beside the plan: its feeds. A machine asks for them piece by piece."""

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import PlanError, StackError
from harness.machines.shipping import inflated, packed_bytes
from harness.machines.wire import CHUNK_BYTES, PIECE, Message


@dataclass(frozen=True)
class Files:
    """Those of the master, by the names under which machines ask for them."""

    paths: Mapping[str, Path]

    def piece(self, name: str, offset: int) -> Message:
        """What a file has from `offset` on; nothing behind its end. LookupError if there is none of that name."""
        with self.paths[name].open("rb") as file:
            file.seek(offset)
            return Message(PIECE, {"file": name, "offset": offset}, packed_bytes(file.read(CHUNK_BYTES)))


def fetch(path: Path, name: str, digest: str, ask: Callable[[str, int], Message]) -> None:
    """Store the file called `name`, for its owner only; `ask` gives the piece at an offset.

    PlanError if it is not what has that `digest`; StackError if there is no room.
    """
    found, offset = hashlib.sha256(), 0
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            while data := inflated(ask(name, offset).payload):
                file.write(data)
                found.update(data)
                offset += len(data)
    except OSError as error:
        raise StackError(f"{path}: {error.strerror}: expected room for a feed; see PERF_HOME") from None
    if found.hexdigest() != digest:
        raise PlanError(f"{name}: it was changed at the master since the plan was read: expected it unchanged")
