"""The parts of the engine that run for each operation, and may be compiled: `make compiled`, or in a wheel.

They are compiled from the same sources, which run as Python where that was not done, or was done for another Python.
"""

import hashlib
import importlib.util
import json
import sys
from pathlib import Path

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
    """Those of the sources below `root`."""
    return {source: hashlib.sha256((root / source).read_bytes()).hexdigest() for source in SOURCES}


def remove(root: Path) -> bool:
    """Go back to Python; whether there was anything compiled. OSError if it can't be removed."""
    record = root / RECORD
    if not record.exists():
        return False
    for made in json.loads(record.read_text())["made"]:
        (root / made).unlink(missing_ok=True)
    record.unlink(missing_ok=True)
    importlib.invalidate_caches()
    return True


def require_current() -> None:
    """Before any of them is imported: remove what was compiled of other sources, which would run in their place."""
    record = ROOT / RECORD
    if not record.exists() or json.loads(record.read_text())["sources"] == digests(ROOT):
        return
    remove(ROOT)
    print("the engine has changed since it was compiled, and runs as Python: `make compiled`", file=sys.stderr)


def used() -> bool:
    """Whether this process would run what was compiled."""
    spec = importlib.util.find_spec("harness.journal")
    return spec is not None and not (spec.origin or "").endswith(".py")
