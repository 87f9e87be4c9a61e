"""The parts of the engine that run for each operation, and may be compiled: `make compiled`, or in a wheel.

They are compiled from the same sources, which run as Python where that was not done, or was done for another Python.
"""

import hashlib
import importlib.util
import json
import shutil
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
SOURCES = (
    "harness/journal.py",
    "harness/journal_record.c",
    "harness/journal_record.py",
    "harness/load/channel.py",
    "harness/load/frame.py",
    "harness/load/habit.py",
    "harness/load/head.py",
    "harness/load/http.py",
    "harness/load/http_frame.py",
    "harness/load/schedule.py",
    "harness/load/sleepers.py",
)
GROUP = "proofload"
"""What the library is called in which all of them are."""
RECORD = "harness/compiled.json"
"""Which files were made, and of which sources: a digest each, by path below ROOT."""


def digests(root: Path) -> dict[str, str]:
    """Those of the sources below `root`; an image may be without those that only a compiler reads."""
    there = [source for source in SOURCES if (root / source).exists()]
    return {source: hashlib.sha256((root / source).read_bytes()).hexdigest() for source in there}


def _recorded(root: Path) -> dict[str, Any] | None:
    """What was compiled; None: nothing. Another process may remove it at the same moment."""
    try:
        text = (root / RECORD).read_text()
    except FileNotFoundError:
        return None
    record: dict[str, Any] = json.loads(text)
    return record


def remove(root: Path) -> bool:
    """Go back to Python; whether there was anything compiled. OSError if it can't be removed."""
    record = _recorded(root)
    if record is None:
        return False
    for made in record["made"]:
        (root / made).unlink(missing_ok=True)
    (root / RECORD).unlink(missing_ok=True)
    importlib.invalidate_caches()
    return True


def install(folder: Path, root: Path) -> None:
    """Put what was compiled into `folder` in its place. OSError if that can't be done.

    What is there but not whole is on record as of no sources, so that whatever comes in between leads back to Python.
    """
    record = json.loads((folder / RECORD).read_text())
    _put_on_record(root, {**record, "sources": {}})
    for name in record["made"]:
        shutil.copy(folder / name, root / name)
    _put_on_record(root, record)


def _put_on_record(root: Path, record: dict[str, Any]) -> None:
    """At once: another process may read it at any moment, and this one end."""
    begun = root / f"{RECORD}.part"
    begun.write_text(json.dumps(record, indent=1) + "\n")
    begun.replace(root / RECORD)


def require_current() -> None:
    """Before any of them is imported: remove what was compiled of other sources, which would run in their place, or is
    not whole. If that can't be done this process ends: exit code 2.
    """
    try:
        record = _recorded(ROOT)
        if record is None:
            return
        if digests(ROOT).items() <= record["sources"].items() and all(
            (ROOT / made).exists() for made in record["made"]
        ):
            return
        remove(ROOT)
    except OSError as error:
        print(
            f"error: the engine has changed since it was compiled, and what was compiled can't be removed: {error}: "
            "expected `make compiled` or `make interpreted` there, by somebody who may write",
            file=sys.stderr,
        )
        sys.exit(2)
    print("the engine has changed since it was compiled, and runs as Python: `make compiled`", file=sys.stderr)


def used() -> bool:
    """Whether this process would run what was compiled."""
    spec = importlib.util.find_spec("harness.journal")
    return spec is not None and not (spec.origin or "").endswith(".py")
