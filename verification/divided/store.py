"""Where the parts of a run are kept meanwhile: in a folder, or wherever fsspec reaches (s3://…), for all machines."""

import importlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from harness.errors import RunError
from systems import ids
from verification.arrays import Array
from verification.divided.piece import arrays, written


@dataclass(frozen=True)
class File:
    """A file of a table: the pieces of some parts, one behind the other."""

    name: str
    first: int
    """The part that has the first piece; the others are of those that follow."""
    bounds: Array
    """Where each piece begins; and where the last one ends. One that ends where it begins is none."""

    def of(self, part: int) -> tuple[int, int] | None:
        """From where to where the piece of a part goes, if it has one."""
        place = part - self.first
        if not 0 <= place < len(self.bounds) - 1:
            return None
        begin, end = self.bounds[place : place + 2].tolist()
        return (begin, end) if begin < end else None


Pieces = dict[str, list[File]]
"""Those of each table, in the order in which they were added."""


@dataclass(frozen=True)
class Store:
    """Tables by name, each divided into parts, of which each is in pieces: one that was added after the other.

    What is added at a time is a file, however many parts it goes to.
    """

    place: str
    """The path of a folder, or the URL of one."""
    parts: int
    pieces: Pieces = field(default_factory=dict)

    def part_of(self, keys: Array) -> Array:
        """The part that each of `keys` (numbers of operations; −1 for one that names none) is in."""
        # The golden ratio spreads numbers of which one follows the other, and those with a pattern in their low bits;
        # above them is the number of the load process.
        numbers = keys.astype(np.uint64)
        mixed = (numbers ^ numbers >> np.uint64(ids.COUNT_BITS)) * np.uint64(0x9E37_79B9_7F4A_7C15)
        # By a product with the upper half: to divide would take ten times as long.
        half = np.uint64(32)
        return ((mixed >> half) * np.uint64(self.parts) >> half).astype(np.int64)

    def divide(self, table: str, keys: Array, of: Callable[[Array], Mapping[str, npt.NDArray[Any]]]) -> None:
        """Add lines to a table, each to the part of its key, in their order; `of` gives what is kept of lines."""
        self.spread(table, self.part_of(keys), of)

    def spread(
        self, table: str, part: Array, of: Callable[[Array], Mapping[str, npt.NDArray[Any]]], parts: int = 0
    ) -> None:
        """Add lines to a table, each to the `part` with that number, in their order; of `parts`, if they are not as
        many as those of the run.
        """
        count = parts or self.parts
        # Numbers of 16 bits are put in order in a tenth of the time.
        order = np.argsort(part.astype(np.uint16) if count <= 1 << 16 else part, kind="stable")
        ends = np.cumsum(np.bincount(part, minlength=count)).tolist()
        pieces = (of(order[begin:end]) if begin < end else {} for begin, end in zip([0, *ends[:-1]], ends, strict=True))
        if len(part):
            self._add(table, 0, pieces)

    def add(self, table: str, part: int, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Add a piece to a part of a table."""
        self._add(table, part, [arrays])

    def _add(self, table: str, first: int, pieces: Iterable[Mapping[str, npt.NDArray[Any]]]) -> None:
        """Add a file with a piece for each part from `first` on; without arrays it is none."""
        files = self.pieces.setdefault(table, [])
        name, bounds = f"{table}-{len(files)}.bin", [0]
        with self._writing(name) as file:
            for piece in pieces:
                bounds.append(bounds[-1] + (written(file, piece) if piece else 0))
        files.append(File(name, first, np.array(bounds, np.int64)))

    def read(self, table: str, part: int) -> list[dict[str, npt.NDArray[Any]]]:
        """The pieces of a part of a table, in the order in which they were added."""
        places = ((one.name, one.of(part)) for one in self.pieces.get(table, ()))
        return [arrays(self._read(name, *place)) for name, place in places if place]

    def tables(self, part: int) -> set[str]:
        """Those of which a part has any piece."""
        return {name for name, files in self.pieces.items() if any(one.of(part) for one in files)}

    def with_pieces(self, more: Iterable[Pieces]) -> "Store":
        """The same, with the tables that others have made, each those of its own."""
        files = dict(self.pieces)
        for one in more:
            assert not files.keys() & one.keys()
            files |= one
        return replace(self, pieces=files)

    def only(self, number: int) -> "Store":
        """The same, of which no other part is known."""
        found = {
            table: [File(one.name, number, np.array(place)) for one in files if (place := one.of(number))]
            for table, files in self.pieces.items()
        }
        return replace(self, pieces={table: files for table, files in found.items() if files})

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

    @contextmanager
    def _writing(self, name: str) -> Iterator[BinaryIO]:
        """A file to be written; RunError if there is no room for it."""
        try:
            if self._remote:
                files, root = self._files
                with files.open(f"{root}/{name}", "wb") as file:
                    yield cast(BinaryIO, file)
            else:
                with Path(self.place, name).open("wb") as file:
                    yield file
        except OSError as error:
            raise RunError(
                f"{self.place}: {error.strerror or error}: expected room for the parts of the run. Free some disk "
                "space, or set PERF_PARTITIONS_FOLDER; then verify it again"
            ) from None

    def _read(self, name: str, begin: int, end: int) -> bytearray:
        """What a file has from there to there; RunError if it has not all of that."""
        if self._remote:
            files, root = self._files
            found = bytearray(files.cat_file(f"{root}/{name}", start=begin, end=end))
            held = len(found)
        else:
            found = bytearray(end - begin)
            with Path(self.place, name).open("rb") as file:
                file.seek(begin)
                held = file.readinto(found)
        if held < end - begin:
            raise RunError(f"{self.place}/{name}: was cut: expected {end:,} bytes. Verify the run again")
        return found

    @property
    def _remote(self) -> bool:
        return "://" in self.place

    @property
    def _files(self) -> tuple[Any, str]:
        """What reads and writes there, and the path as it wants it."""
        files, root = importlib.import_module("fsspec").core.url_to_fs(self.place)
        return files, str(root)
