"""A run of two load processes with everything that a run leaves."""

import atexit
import functools
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from harness.run import Run
from tests.support.synthetic_run import BEGAN, bind, synthetic_run


@functools.cache
def _made() -> Run:
    """Of which each test gets a copy."""
    folder = Path(tempfile.mkdtemp(prefix="proofload-test-"))
    atexit.register(shutil.rmtree, folder)
    return made(folder)


def whole(tmp_path: Path) -> Run:
    """A copy of one."""
    folder = _made().folder
    return Run.open(shutil.copytree(folder, tmp_path / folder.relative_to(_made().folder.parents[1])))


def made(tmp_path: Path, **asked: Any) -> Run:
    """One of which something is `asked`, as of a synthetic run."""
    run = synthetic_run(tmp_path, clocks=(0, 0), **asked)
    line = {"at": BEGAN + 10**9, "target.cpu": 0.5}
    run.write_text("monitor.jsonl", json.dumps(line) + "\n")
    run.write_text("looks.jsonl", json.dumps({"table": "message_logs", "key": "idempotency_key"}) + "\n")
    run.write_text("statements.json", "[]\n")
    (run.folder / "refused-0.bin").write_bytes(b"")
    return bind(run)
