"""Where the parts of a run are kept meanwhile: in a folder, or wherever fsspec reaches (s3://…), for all machines."""

import importlib
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import RunError
from systems import ids
from verification.arrays import Array


@dataclass(frozen=True)
class Store:
    """Tables by name, each divided into parts, of which each is in pieces: one that was added after the other."""

    place: str
    """The path of a folder, or the URL of one."""
    parts: int
    pieces: Counter[tuple[str, int]] = field(default_factory=Counter)
    """How many pieces of which table there are of which part."""

    def part_of(self, keys: Array) -> Array:
        """The part that each of `keys` (numbers of operations; −1 for one that names none) is in."""
        # The golden ratio spreads numbers of which one follows the other, and those with a pattern in their low bits;
        # above them is the number of the load process.
        numbers = keys.astype(np.uint64)
        mixed = (numbers ^ numbers >> np.uint64(ids.COUNT_BITS)) * np.uint64(0x9E37_79B9_7F4A_7C15)
        parts: Array = (mixed >> np.uint64(32)).astype(np.int64) % self.parts
        return parts

    def divide(self, table: str, keys: Array, of: Callable[[Array], Mapping[str, npt.NDArray[Any]]]) -> None:
        """Add lines to a table, each to the part of its key, in their order; `of` gives what is kept of lines."""
        self.spread(table, self.part_of(keys), of)

    def spread(self, table: str, part: Array, of: Callable[[Array], Mapping[str, npt.NDArray[Any]]]) -> None:
        """Add lines to a table, each to the `part` with that number, in their order."""
        order = np.argsort(part, kind="stable")
        bounds = np.searchsorted(part[order], np.arange(self.parts + 1))
        for number in range(self.parts):
            lines = order[bounds[number] : bounds[number + 1]]
            if len(lines):
                self.add(table, number, of(lines))

    def add(self, table: str, part: int, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Add a piece to a part of a table."""
        self.write(self._name(table, part, self.pieces[table, part]), arrays)
        self.pieces[table, part] += 1

    def read(self, table: str, part: int) -> list[dict[str, npt.NDArray[Any]]]:
        """The pieces of a part of a table, in the order in which they were added."""
        return [self.load(self._name(table, part, piece)) for piece in range(self.pieces[table, part])]

    def only(self, number: int) -> "Store":
        """The same, of which no other part is known."""
        pieces = {(table, part): count for (table, part), count in self.pieces.items() if part == number}
        return replace(self, pieces=Counter(pieces))

    def write(self, name: str, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Write a file with these arrays; RunError if there is no room for it."""
        made = BytesIO()
        np.savez(made, allow_pickle=False, **dict(arrays))
        try:
            if self._remote:
                files, root = self._files
                files.pipe_file(f"{root}/{name}", made.getvalue())
            else:
                Path(self.place, name).write_bytes(made.getbuffer())
        except OSError as error:
            raise RunError(
                f"{self.place}: {error.strerror or error}: expected room for the parts of the run. Free some disk "
                "space, or set PERF_PARTITIONS_FOLDER; then verify it again"
            ) from None

    def load(self, name: str) -> dict[str, npt.NDArray[Any]]:
        """The arrays of a file."""
        if self._remote:
            files, root = self._files
            read = files.cat_file(f"{root}/{name}")
        else:
            read = Path(self.place, name).read_bytes()
        with np.load(BytesIO(read), allow_pickle=False) as arrays:
            return dict(arrays)

    def make(self) -> None:
        """Make the place, empty."""
        self.remove()
        if self._remote:
            files, root = self._files
            files.makedirs(root, exist_ok=True)
        else:
            Path(self.place).mkdir(parents=True)

    def remove(self) -> None:
        """Remove all of it."""
        if self._remote:
            files, root = self._files
            if files.exists(root):
                files.rm(root, recursive=True)
        else:
            shutil.rmtree(self.place, ignore_errors=True)

    @property
    def _remote(self) -> bool:
        return "://" in self.place

    @property
    def _files(self) -> tuple[Any, str]:
        """What reads and writes there, and the path as it wants it."""
        files, root = importlib.import_module("fsspec").core.url_to_fs(self.place)
        return files, str(root)

    @staticmethod
    def _name(table: str, part: int, piece: int) -> str:
        return f"{table}-{part}-{piece}.npz"
