"""What is missing on this machine, and the command that fixes it."""

import importlib.metadata
import os
import re
import resource
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path

from harness import DISTRIBUTION, containers, guard
from harness.errors import ProofloadError
from harness.project import hint
from harness.settings import CHECKOUT, ROOT, Settings
from harness.stack import health, postgres, process

FREE_BYTES = 1_000_000_000
OPEN_FILES = 1024


def examine() -> int:
    """Print what was found, a line each; 0 if nothing is missing, else 2."""
    found = list(_findings())
    for name, fault, fix in found:
        print(f"{'ok' if fault is None else 'MISSING':8}{name}" + ("" if fault is None else f": {fault}. Fix: {fix}"))
    for name, without in _not_needed():
        print(f"{'ok' if without is None else '-':8}{name}" + ("" if without is None else f": {without}"))
    return 2 if any(fault for _, fault, _ in found) else 0


def _not_needed() -> Iterator[tuple[str, str | None]]:
    """(what not every run needs, what there is to say of it, or None if it is as it should be)"""
    settings = Settings()
    cores = os.cpu_count() or 1
    needed = settings.processes + 1
    few = f"PERF_PROCESSES={settings.processes} load processes and the target want {needed}: they share them"
    yield f"{cores} cores", few if cores < needed else None
    for port, what in ((settings.master_port, "Locust's master"), (settings.master_port + 1, "the depot")):
        used, _ = _trial(partial(process.require_free, port, "PERF_MASTER_PORT"))
        yield f"port {port} for {what}, if the load comes from other machines", used
    yield from containers.findings()


def _findings() -> Iterator[tuple[str, str | None, str]]:
    """(what, what is wrong with it or None, the command that fixes it)"""
    version = sys.version_info
    old = version < (3, 11)
    yield (
        f"Python {version[0]}.{version[1]}",
        "too old" if old else None,
        "install Python 3.11 or later, and Proofload there",
    )
    missing = [name for name in _required() if not _installed(name)]
    fix = "`make venv`" if CHECKOUT else f"`pip install {DISTRIBUTION}`"
    yield "packages", f"not installed: {', '.join(missing)}" if missing else None, fix
    settings = Settings()
    free = shutil.disk_usage(_existing(settings.home)).free
    yield (
        f"{free / 1e9:.1f} GB of disk free",
        f"expected {FREE_BYTES / 1e9:g} GB" if free < FREE_BYTES else None,
        f"{hint('clean', 'clean')}, or PERF_HOME and PERF_RUNS elsewhere",
    )
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    yield f"{files} open files", f"expected {OPEN_FILES}" if files < OPEN_FILES else None, f"`ulimit -n {OPEN_FILES}`"
    yield "PostgreSQL", *_trial(lambda: _database(settings))
    yield "target", *_trial(lambda: _target(settings))
    yield (
        f"port {settings.ui_port} for the web UI",
        *_trial(lambda: process.require_free(settings.ui_port, "PERF_UI_PORT")),
    )


def _trial(try_it: Callable[[], object]) -> tuple[str | None, str]:
    try:
        try_it()
    except ProofloadError as error:
        return str(error), "as it says"
    return None, ""


def _database(settings: Settings) -> None:
    if settings.database_url:
        guard.may_write(settings.database_url, settings)
        guard.must_answer(settings.database_url, settings)
    else:
        postgres.start(settings.home).stop()


def _target(settings: Settings) -> None:
    if settings.target_url:
        guard.may_load(settings.target_url, settings)
        health.require(settings.target_url, None, settings.ca_file)


def _required() -> list[str]:
    """In a checkout all packages that are needed there; else those that the wheel can't do without."""
    if CHECKOUT:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        stated = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    else:
        stated = [each for each in importlib.metadata.requires(DISTRIBUTION) or [] if "extra ==" not in each]
    names = [match[0] for each in stated if (match := re.match(r"[A-Za-z0-9._-]+", each))]
    return [name for name in names if not (name == "uvloop" and os.name == "nt")]


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)
