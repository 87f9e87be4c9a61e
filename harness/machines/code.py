"""Which code a machine has: a load of several must have the same, or its operations would not be what is verified."""

import hashlib
import json
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType

from harness.project import FOLDERS, PACKAGES
from harness.settings import ROOT
from systems import PROJECT

SUFFIXES = {".py", ".toml", ".sql"}
RUNS = ("reports", "runs")


def fingerprint() -> str:
    """Stands for all files of ours and of the project that can change what a load does; by name and content."""
    digest = hashlib.sha256()
    for place, path in sorted(_files()):
        digest.update(f"{place}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _files() -> Iterator[tuple[str, Path]]:
    trees: list[tuple[str, Path, Sequence[str]]] = [("ours", ROOT, PACKAGES)]
    if not PROJECT.samefile(ROOT) and (PROJECT / "systems").is_dir():
        trees.append(("project", PROJECT, FOLDERS))
    for name, root, packages in trees:
        for package in packages:
            for path in (root / package).rglob("*"):
                place = path.relative_to(root)
                # What runs have left is no code.
                if path.suffix in SUFFIXES and "__pycache__" not in path.parts and place.parts[:2] != RUNS:
                    yield f"{name}/{place}", path


@cache
def imported() -> dict[str, str]:
    """Stands for each module of the user's own that this process has imported by now, by its name: what a locustfile
    imports may be in none of the project's folders. And for each fact of a system, which a variable may have changed.
    """
    found = {}
    apart = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        ours = any(Path(file).is_relative_to(ROOT / one) for one in PACKAGES)
        if name != "__main__" and file.endswith(".py") and not file.startswith(apart) and not ours:
            with suppress(OSError):
                found[name] = _digest(Path(file).read_bytes())
        if name.startswith("systems."):
            found |= {f"{name}.{fact}": value for fact, value in facts(module).items()}
    return found


def facts(module: ModuleType) -> dict[str, str]:
    """Stands for each constant of a module that is made of texts and numbers."""
    found = {}
    for name, value in vars(module).items():
        if name.isupper():
            with suppress(TypeError, ValueError):
                found[name] = _digest(json.dumps(value, sort_keys=True).encode())
    return found


def differing(ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """What of `imported` a worker elsewhere has in another form than the master; "" = none."""
    return next((name for name, digest in sorted(theirs.items()) if ours.get(name, digest) != digest), "")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def place(file: Path) -> tuple[str, str]:
    """Where a locustfile is, so that another machine finds it: in which tree, and its path there; ("", its path) if it
    is in neither.
    """
    for name, root in (("ours", ROOT), ("project", PROJECT)):
        if file.resolve().is_relative_to(root.resolve()):
            return name, str(file.resolve().relative_to(root.resolve()))
    return "", str(file)


def found(tree: str, path: str) -> Path:
    """Where that is on this machine."""
    return (ROOT if tree == "ours" else PROJECT) / path
