"""Two targets compared: pairs of runs, one with the target of a commit and one with that of this checkout, by turns.

The harness, the plan and the tables are those of this checkout in both: only the target differs.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import ambient, pipeline, refusal
from harness.errors import PlanError, RunError
from harness.plan import overrides, reading
from harness.plan.scenario import Scenario
from harness.plan.services import with_port
from harness.project import environment_of_speaker
from harness.run import LATEST, PAIRS, PAIRS_SCHEMA, Run, point, require_link
from harness.settings import CHECKOUT, ROOT, Settings
from harness.stack.variant import Variant
from systems import PROJECT


def run(
    scenario: str,
    profile: str,
    file: Path | None,
    base: str,
    pairs: int,
    base_variant: Variant,
    head_variant: Variant,
    command: list[str],
) -> int:
    """Run `pairs` pairs of `scenario` and compare them; the exit code of what was found. `command` repeats it all.

    Each run has a fresh target and database. Both of a pair have the same seed; who goes first changes from pair to
    pair, so that machine drift favours neither side. PlanError if the commit `base` is not known.
    """
    settings = Settings()
    if not CHECKOUT or not PROJECT.samefile(ROOT):
        raise PlanError(f"{PROJECT}: two targets are compared in a checkout of Proofload, of which each is a commit")
    if settings.target_url or settings.database_url:
        raise PlanError(
            "TARGET_URL or DATABASE_URL with two targets to compare: expected the reference target; unset it"
        )
    commit = _commit(base)
    _require_server(reading.find(scenario, profile, file, overrides.of(settings, {})), commit, base)
    require_link(settings.runs / "ab" / LATEST)
    done: list[dict[str, Any]] = []
    with _checkout(commit, settings.home) as folder:
        sides = {"base": replace(base_variant, checkout=folder), "head": head_variant}
        for variant in sides.values():
            refusal.refuse(reading.find(scenario, profile, file, overrides.of(settings, {})), settings, variant)
        for pair in range(pairs):
            os.environ["PERF_SEED"] = str(settings.seed + pair)
            order = ("base", "head") if pair % 2 == 0 else ("head", "base")
            found: dict[str, Any] = {"first": order[0]}
            for side in order:
                print(f"\n── pair {pair + 1} of {pairs}: {side} ──", file=sys.stderr)
                path, _ = pipeline.run(scenario, profile, file, sides[side], False, command)
                if path is None or Run.open(path).facts["interrupted"]:
                    raise RunError(
                        f"pair {pair + 1} was interrupted: nothing is compared; expected {pairs} whole pairs"
                    )
                found[side] = str(path)
            done.append(found)
    facts = {
        "schema": PAIRS_SCHEMA,
        "scenario": scenario,
        "profile": profile,
        "base": {"ref": base, "commit": commit, **_said(base_variant)},
        "head": {"ref": "this checkout", "commit": _commit("HEAD"), **_said(head_variant)},
        "pairs": done,
    }
    return report(_write(settings.runs, scenario, facts))


def report(folder: Path) -> int:
    """Compare the pairs in `folder`, which the page about them goes into; the exit code."""
    command = [sys.executable, "-m", "reports.compare", str(folder.resolve())]
    return subprocess.run(command, env=environment_of_speaker()).returncode


def _require_server(scenario: Scenario, commit: str, base: str) -> None:
    """PlanError if users import the target of `scenario`, from this checkout in any case, and `commit` is not it."""
    if not any(with_port(scenario.services)) and commit != _commit("HEAD"):
        raise PlanError(
            f"BASE={base}: {scenario.system} is an engine, which its users import from this checkout: expected "
            "BASE=HEAD, and another strategy for one of the two: BASE_STRATEGY=… or STRATEGY=…"
        )


def _said(variant: Variant) -> dict[str, str | None]:
    return {"fault": variant.fault, "strategy": variant.strategy}


def _commit(ref: str) -> str:
    # Never an option: a ref may come from the author of a pull request.
    done = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if done.returncode:
        raise PlanError(f"BASE={ref!r} is no commit of {ROOT}: expected a branch, tag or hash, e.g. BASE=main")
    return done.stdout.strip()


@contextmanager
def _checkout(commit: str, home: Path) -> Iterator[Path]:
    """The files of `commit` in a folder of their own, which is gone afterwards."""
    folder = home / "ab" / commit
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        done = _git("worktree", "add", "--detach", str(folder), commit)
        if done.returncode:
            raise RunError(f"{folder}: {done.stderr.strip()}: expected a worktree of {commit[:12]}")
    try:
        yield folder
    finally:
        _git("worktree", "remove", "--force", str(folder))


def _git(*words: str) -> subprocess.CompletedProcess[str]:
    # Without the variables that a hook of Git sets: they name the repository that it is a hook of.
    return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, env=ambient.kept())


def _write(runs: Path, scenario: str, facts: dict[str, Any]) -> Path:
    folder = runs / "ab" / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{scenario}"
    folder.mkdir(parents=True)
    (folder / PAIRS).write_text(json.dumps(facts, indent=2) + "\n")
    point(folder.parent / LATEST, folder.name)
    return folder
