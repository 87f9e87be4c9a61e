"""The reference target of a system, seeded and up until Ctrl-C, to be asked by hand: nothing is sent."""

import json
import os
import secrets
import signal
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from harness import database, fixtures, guard, refusal
from harness.errors import PlanError, StackError
from harness.plan import plans, reading
from harness.progress import Progress
from harness.run import Run
from harness.settings import Settings
from harness.stack import process, reference, stack
from harness.stack.services import KEY
from harness.stack.variant import Variant

PORT = 3000
"""Where it listens, unless PERF_TARGET_PORT says otherwise: the same each time, so that other terminals know it."""

PROFILE = "smoke"
"""Of the system's first scenario, whose services and pool it has."""


def serve(system: str, variant: Variant) -> int:
    """Print what other terminals need to know of the target, and keep it up until Ctrl-C or SIGTERM; 0.

    ProofloadError if it can't be started, or a process of it ended by itself.
    """
    settings = Settings()
    if settings.target_url:
        raise PlanError(f"TARGET_URL is set ({settings.target_url}): expected none, to start the reference target")
    settings = replace(settings, target_port=settings.target_port or PORT)
    scenario = reading.find(plans.scenarios(system)[0], PROFILE)
    refusal.refuse(scenario, settings, variant)
    reference.require(scenario, settings)
    process.require_free(settings.target_port, "PERF_TARGET_PORT")
    if settings.database_url:
        guard.must_answer(settings.database_url, settings)
    os.environ.setdefault(KEY, secrets.token_hex(32))
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell has a job in the background ignore Ctrl-C
        signal.signal(number, _interrupt)
    try:
        with tempfile.TemporaryDirectory(prefix="proofload-") as folder, Progress() as progress:
            run = Run.create(Path(folder), scenario)
            with stack.up(run, scenario, settings, variant, progress) as running:
                progress.now("up, until Ctrl-C")
                print(_said(system, running, run), flush=True)
                while not (died := running.died()):
                    time.sleep(0.2)
                log = process.tail(run.folder / f"{died[0]}.log")
                raise StackError(f"the service {died[0]} ended by itself\n{log}")
    except KeyboardInterrupt:
        return 0


def _said(system: str, running: stack.Stack, run: Run) -> str:
    """Lines for a shell: where the target and its database are, and what it lets in."""
    lines = [
        f"# The reference target of {system}, until Ctrl-C. For another terminal:",
        # An engine has no address of its own.
        *([f"export TARGET_URL={running.target_url}"] if running.target_url else []),
        f"export DATABASE_URL={database.redacted(running.database_url)}",
    ]
    file = fixtures.fixtures_of(run.folder)
    if file.exists():
        seeded: dict[str, Any] = json.loads(file.read_text())
        lines.append(f"export TOKEN={seeded['practitionerTokens'][0]}")
    return "\n".join(lines)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
