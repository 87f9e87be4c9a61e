"""verdict.json as it is stored and read: bound to itself, to its run and to what it rests on.

`bound` in it has a hash of all the rest, and one of the seal of the run folder that it was made from. So one that was
edited, that is another run's, or that was made before the run was verified again is noticed by whatever reads it.
Hashes are no signatures: one who computes them again is not found out.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from harness import binding
from harness.errors import RunError
from harness.reported import VERDICT
from harness.run import Run
from reports.about import SCHEMA

BOUND = "bound"

Record = dict[str, Any]


def bound(record: Record, seal: str | None) -> Record:
    """`record`, the contents of a verdict.json, bound to itself and to the seal with that hash; None: there is none."""
    rest = {name: value for name, value in record.items() if name != BOUND}
    return {**rest, BOUND: {"seal": seal, "digest": _digest(rest)}}


def write(run: Run, record: Record) -> Record:
    """Store `record` as the verdict.json of `run`; what is stored."""
    stored = bound(record, seal_of(run.folder))
    run.write_text(VERDICT, json.dumps(stored, indent=2, allow_nan=False) + "\n")
    return stored


def read(path: Path, fix: str = "") -> Record:
    """The verdict.json at `path`; RunError if it is damaged, of another version or run, was changed, or is stale.

    A copy elsewhere, without its run folder, is compared with itself only. `fix` is what to do, by default: report the
    run again.
    """
    again = fix or f"`make report RUN={path.parent}` writes it again"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: {error}: expected the verdict of a reported run; {again}") from None
    schema = record.get("schema") if isinstance(record, dict) else None
    if schema != SCHEMA:
        raise RunError(f"{path}: schema {schema!r}, expected {SCHEMA}: it is of another version; {again}")
    said = record.get(BOUND)
    if not isinstance(said, dict) or said != bound(record, said.get("seal"))[BOUND]:
        raise RunError(f"{path}: it was changed after it was written: {again}")
    if (path.parent / binding.RUN).exists():
        _require_of(path, record, again)
    return dict(record)


def _require_of(path: Path, record: Record, again: str) -> None:
    """RunError if the verdict at `path` is not that on the run folder which it is in."""
    run, found = Run.open(path.parent).id, record["run"]["id"]
    if found != run:
        raise RunError(f"{path}: it is the verdict on run {found}, expected one on {run}: {again}")
    if record[BOUND].get("seal") != seal_of(path.parent):
        raise RunError(f"{path}: it rests on other evidence than is there now: {again}")


def seal_of(folder: Path) -> str | None:
    """The hash of the seal of a run folder; None if it has none."""
    try:
        return hashlib.sha256((folder / binding.FILE).read_bytes()).hexdigest()
    except OSError:
        return None


def _digest(rest: Record) -> str:
    """Stands for the contents of a verdict.json."""
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
