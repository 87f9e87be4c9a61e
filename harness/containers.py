"""What docker-compose.perf.yml needs of this machine, as `doctor` says it: not every run is in containers."""

import os
import subprocess
from collections.abc import Iterator
from functools import partial

import psutil

from harness.errors import StackError
from harness.stack import process

MEMORY_BYTES = 4 * 2**30
"""What its services that are used together may take."""
PORTS = {"PERF_POSTGRES_PORT": 5432, "PERF_TARGET_PORT": 8000, "PERF_ORCHESTRATOR_PORT": 8080}
"""The ports that it publishes on 127.0.0.1, by the variable that chooses another."""
LEAST = (1, 29)
"""The version of docker-compose that knows conditions of `depends_on`."""


def findings() -> Iterator[tuple[str, str | None]]:
    """(what, what there is to say of it, or None if it is as it should be)"""
    compose, fault = _compose()
    yield f"docker compose {compose}".strip(), fault
    if fault:
        return
    memory = psutil.virtual_memory().total
    few = f"services that are used together may take {MEMORY_BYTES / 2**30:g} GiB (docs/compose.md)"
    yield f"{memory / 2**30:.1f} GiB of memory, for docker compose", few if memory < MEMORY_BYTES else None
    for name, default in PORTS.items():
        text = os.environ.get(name, "")
        port = int(text) if text.isdecimal() else default
        yield f"port {port}, for docker compose", _wrong(partial(process.require_free, port, name))


def _wrong(trial: partial[None]) -> str | None:
    try:
        trial()
    except StackError as error:
        return str(error)
    return None


def _compose() -> tuple[str, str | None]:
    """The version of docker compose, and what is wrong with it."""
    if not _said("docker", "version", "--format", "{{.Server.Version}}"):
        return "", "not here, or without its engine: `apt-get install docker.io docker-compose`, or Docker's own"
    version = _said("docker", "compose", "version", "--short") or _said("docker-compose", "version", "--short")
    if not version:
        return "", "not here: Docker is, without its compose plugin; `apt-get install docker-compose`"
    numbers = tuple(int(each) for each in version.lstrip("v").split(".")[:2] if each.isdecimal())
    return version, f"too old: expected {LEAST[0]}.{LEAST[1]} or later" if numbers < LEAST else None


def _said(*words: str) -> str:
    """What a command says; "" if it fails, or is not there."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if done.returncode else done.stdout.strip()
