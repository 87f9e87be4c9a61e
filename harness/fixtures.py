"""What seeding leaves for the users of a run beside the database: ids and tokens, in one JSON file."""

import json
import os
from pathlib import Path
from typing import Any

from harness.errors import PoolError
from harness.project import hint

NAME = "fixtures/test-data.json"


def fixtures_of(folder: Path) -> Path:
    """Where they are for the run in `folder`; without a run, below PERF_HOME."""
    return folder / NAME


def write(path: Path, data: dict[str, Any]) -> None:
    """Store `data`, readable by us only: it holds tokens. PoolError if it can't be written."""
    fresh = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.unlink(missing_ok=True)
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(data, file, indent=1)
        fresh.replace(path)
    except OSError as error:
        raise PoolError(f"{path}: {error.strerror}: expected to write it there; see PERF_RUNS and PERF_HOME") from None


def read(path: Path, system: str) -> dict[str, Any]:
    """What seeding left at `path`; PoolError if there is nothing."""
    try:
        data: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise PoolError(
            f"{path}: {why}: expected what seeding leaves there; {hint(f'seed-{system}', f'seed {system}')} fixes it"
        ) from None
    return data
