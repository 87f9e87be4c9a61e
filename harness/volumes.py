"""One scenario at several volumes of its pool, one after the other, and a page about what grows with the volume."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import pipeline, refusal
from harness.errors import PlanError, RunError
from harness.plan import overrides, reading
from harness.plan.facts import facts_of
from harness.project import environment_of_speaker
from harness.run import LATEST, VOLUMES, VOLUMES_SCHEMA, Run, point, require_link
from harness.settings import Settings
from harness.stack.variant import Variant

_SIZE = re.compile(r"(\d[\d_]*)([km]?)")
_TIMES = {"": 1, "k": 1_000, "m": 1_000_000}


def sizes(words: Sequence[str]) -> list[int]:
    """The volumes that words such as 300k, 1m or 1_000_000 stand for, ascending; PlanError unless they are two or more
    different ones.
    """
    found = []
    for word in words:
        match = _SIZE.fullmatch(word.lower())
        if not match:
            raise PlanError(f"volume {word!r}: expected a number, such as 300k, 1m or 1_000_000")
        found.append(int(match[1]) * _TIMES[match[2]])
    if len(set(found)) != len(found) or len(found) < 2:
        raise PlanError(f"volumes {' '.join(words) or '(none)'}: expected two or more different ones, e.g. 1m 3m 10m")
    return sorted(found)


def run(
    scenario: str,
    profile: str,
    file: Path | None,
    volumes: Sequence[int],
    variant: Variant,
    sets: Mapping[str, Any],
    command: list[str],
) -> int:
    """Run `scenario` at each of `volumes`; the exit code of the page about them. `command` repeats it all.

    PlanError, before anything is sent, if the system does not say what its volume is (VOLUME of its facts), or has no
    such pool. RunError if a run is interrupted: the page can be made of those before.
    """
    settings = Settings()
    of = _volume_of(reading.find(scenario, profile, file, overrides.of(settings, sets)).system)
    each = [{**sets, f"pool.{of}": volume} for volume in volumes]
    for changes in each:
        refusal.refuse(reading.find(scenario, profile, file, overrides.of(settings, changes)), settings, variant)
    folder = _folder(settings.runs, scenario, profile)
    done: list[str] = []
    for volume, changes in zip(volumes, each, strict=True):
        print(f"\n── {volume:,} {of} ──", file=sys.stderr)
        path, _ = pipeline.run(scenario, profile, file, variant, False, command, changes)
        if path is None or Run.open(path).facts["interrupted"]:
            raise RunError(f"the run with {volume:,} {of} was interrupted: expected a whole run of each volume")
        done.append(str(path))
        facts = {"schema": VOLUMES_SCHEMA, "scenario": scenario, "profile": profile, "of": of, "runs": done}
        (folder / VOLUMES).write_text(json.dumps(facts, indent=2) + "\n")
    return report(folder)


def report(folder: Path) -> int:
    """Make the page about the runs that are named in `folder`, in it; the exit code."""
    command = [sys.executable, "-m", "reports.compare.volumes", str(folder.resolve())]
    return subprocess.run(command, env=environment_of_speaker()).returncode


def _volume_of(system: str) -> str:
    of: str = getattr(facts_of(system), "VOLUME", "")
    if not of:
        raise PlanError(f"systems/{system}.py: no VOLUME: expected the key of [pool] that says how much there is")
    return of


def _folder(runs: Path, scenario: str, profile: str) -> Path:
    folder = runs / "volumes" / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{scenario}-{profile}"
    require_link(folder.parent / LATEST)
    try:
        folder.mkdir(parents=True)
        point(folder.parent / LATEST, folder.name)
    except OSError as error:
        raise RunError(f"{folder}: {error.strerror}: expected to make a folder there; see PERF_RUNS") from None
    return folder
