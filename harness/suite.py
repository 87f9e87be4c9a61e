"""All scenarios of a system, one after the other, and one page about them."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import pipeline, refusal
from harness.errors import ProofloadError, RunError, crash
from harness.plan import overrides, plans, reading
from harness.project import environment_of_speaker
from harness.run import LATEST, SUITE, SUITE_SCHEMA, Run, point, require_link
from harness.settings import Settings
from harness.stack.variant import Variant
from harness.verdict import EXIT_CODES


def run(system: str, profile: str, variant: Variant) -> int:
    """Run every scenario of `system`; the exit code of the worst verdict.

    ProofloadError if one is known to be wrong, or the first can't begin: then nothing was sent. One that can't begin
    after others did, or in which an error of ours came before anything was sent, counts as INVALID; and so do those
    that an interruption leaves out.
    """
    settings = Settings()
    require_link(settings.runs / system / LATEST)
    for name in plans.scenarios(system):
        refusal.refuse(reading.find(name, profile, changes=overrides.of(settings, {})), settings, variant)
    done: list[dict[str, Any]] = []
    stopped = ""
    for name in plans.scenarios(system):
        folder, error = None, stopped
        if not stopped:
            command = ["python", "-m", "harness", "run", name, "--profile", profile, *variant.arguments()]
            try:
                folder, code = pipeline.run(name, profile, None, variant, False, command)
                if folder is None and not done and code not in EXIT_CODES.values():
                    return code  # interrupted before anything was sent, so that there is nothing to make a page about
                stopped = _interruption(folder)
            except Exception as failure:
                if not done:
                    raise
                # Those before it have verdicts, which an error of ours must not cost.
                error = str(failure) if isinstance(failure, ProofloadError) else crash(failure)
                print(f"error: {name}: {error}", file=sys.stderr)
        done.append({"scenario": name, "folder": str(folder) if folder else None, "error": error})
    return report(_write(Settings().runs, system, profile, done))


def report(folder: Path) -> int:
    """Write and print the page about the runs of a suite; the exit code of the worst verdict."""
    command = [sys.executable, "-m", "reports.suite", str(folder.resolve())]
    return subprocess.run(command, env=environment_of_speaker()).returncode


def _interruption(folder: Path | None) -> str:
    """Why the scenarios after the one in `folder` are left out; "" = they aren't."""
    if folder is None:
        return "left out: the run before was interrupted before anything could be proved"
    interrupted = Run.open(folder).facts["interrupted"]
    return f"left out: the run before was interrupted, {interrupted}" if interrupted else ""


def _write(runs: Path, system: str, profile: str, done: list[dict[str, Any]]) -> Path:
    """The folder of this suite, beside those of its runs."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    folder = runs / system / f"{moment}-{profile}"
    facts = {"schema": SUITE_SCHEMA, "system": system, "profile": profile, "moment": moment, "runs": done}
    try:
        folder.mkdir(parents=True)
        (folder / SUITE).write_text(json.dumps(facts, indent=2) + "\n")
        point(folder.parent / LATEST, folder.name)
    except OSError as error:
        raise RunError(f"{folder}: {error.strerror}: expected to make a folder there; see PERF_RUNS") from None
    return folder
