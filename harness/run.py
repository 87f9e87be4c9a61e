"""A run: one folder that holds what made it (run.json) beside what came of it. Stages meet only here."""

import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from harness import reported, search, steered
from harness.errors import RunError
from harness.plan.scenario import Scenario, resolved
from harness.project import hint
from systems import ids

FORMAT = 3
"""The version of run.json; a reader refuses any other."""

TABLES = (
    "target",
    "database",
    "versions",
    "host",
    "git",
    "seeding",
    "load",
    "monitor",
    "clock",
    "before",
    "after",
    "postgres",
    "aborted",
    "trace",
)
"""The facts in run.json that are tables, where they are known."""

LATEST = "latest"
"""The link beside run folders to the latest of them that has a verdict."""

SUITE, SUITE_SCHEMA = "suite.json", 1
"""What the scenarios of a suite left, in the folder of the suite, and the version of that."""

PAIRS, PAIRS_SCHEMA = "pairs.json", 1
"""What the pairs of a comparison left, in the folder of the comparison, and the version of that."""

VOLUMES, VOLUMES_SCHEMA = "volumes.json", 1
"""Which runs of several volumes belong together, in a folder of their own, and the version of that."""

MOST_PAIRS = 16
"""A comparison of pairs goes through every swap of them, two to the number of pairs."""

UNREAD = "unread-{}.txt"
"""In the folder of a run, the first answer that a load process did not understand, whole; by the process."""
LOST_PROCESS = "a load process was lost"
"""Why a load was interrupted, where one of its processes ended before it."""


class Run:
    """A run folder. `facts` is run.json; `record` adds to it."""

    def __init__(self, folder: Path, facts: dict[str, Any]) -> None:
        self.folder, self.facts = folder, facts

    @classmethod
    def create(cls, runs: Path, scenario: Scenario, **facts: Any) -> Self:
        """A new folder `runs/<scenario>/<UTC>-<profile>`; RunError if it can't be made, or `latest` could not."""
        born = datetime.now(UTC)
        moment = born.strftime(ids.BORN)
        parent = runs / scenario.name
        folder = parent / f"{moment}-{scenario.profile}"
        require_link(parent / LATEST)
        try:
            parent.mkdir(parents=True, exist_ok=True)
            number = 1
            while True:
                try:
                    folder.mkdir()
                    break
                except FileExistsError:
                    number += 1
                    folder = parent / f"{moment}-{scenario.profile}-{number}"
        except OSError as error:
            raise RunError(f"{folder}: {error.strerror}: expected to make a run folder there; see PERF_RUNS") from None
        run = cls(folder, {})
        run.record(
            format=FORMAT,
            run=ids.run_of(born, secrets.token_hex(3)),
            scenario=scenario.name,
            profile=scenario.profile,
            plan=scenario.as_json(),
            **facts,
        )
        return run

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The run in `folder`; RunError if it isn't a run folder of this version."""
        path = folder / "run.json"
        try:
            facts = json.loads(path.read_text())
        except OSError as error:
            raise RunError(
                f"{path}: {error.strerror}: expected a run folder, e.g. RUN=reports/runs/peak/latest"
            ) from None
        except ValueError as error:
            raise RunError(f"{path}: not JSON: {error}") from None
        if not isinstance(facts, dict):
            raise RunError(f"{path}: expected a table of facts, as a run leaves it; restore the file, or run again")
        if facts.get("format") != FORMAT:
            raise RunError(
                f"{path}: format {facts.get('format')!r}, expected {FORMAT}: made by Proofload {_made_by(facts)}, "
                "which can report it; run again to use this version"
            )
        if not isinstance(facts.get("run"), str):
            raise RunError(f"{path}: no id of the run in it: the file is damaged; run again")
        for name in TABLES:
            if not isinstance(facts.get(name) or {}, dict):
                raise RunError(f"{path}: {name} is {facts[name]!r}, expected a table: the file is damaged; run again")
        return cls(folder.resolve(), facts)

    def becomes_latest(self) -> None:
        """Have `latest` beside the folder point to it, now that it has a verdict, unless it points to a later run."""
        link = self.folder.parent / LATEST
        if self.folder.parent.name != self.facts.get("scenario"):
            return  # a copy, elsewhere
        require_link(link)
        there = os.readlink(link) if link.is_symlink() else ""
        if there[: ids.BORN_LENGTH] <= self.folder.name[: ids.BORN_LENGTH] or not link.exists():
            point(link, self.folder.name)

    @property
    def id(self) -> str:
        """The run's id: its moment of birth and some chance, e.g. 20261120T235501a1b2c3. Letters and digits only."""
        return str(self.facts["run"])

    @cached_property
    def scenario(self) -> Scenario:
        """The plan that it followed, as it was resolved then; of a search with the stages that it has made so far, and
        with the arrivals that a person has changed.

        RunError if run.json holds none.
        """
        try:
            planned = search.followed(resolved(self.facts["plan"]), search.read(self.folder))
            return steered.followed(planned, steered.read(self.folder))
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"{self.folder / 'run.json'}: no plan of this version: {error}; run again") from None

    @property
    def processes(self) -> int | None:
        """How many load processes it was given; None if no load was begun."""
        count: int | None = (self.facts.get("load") or {}).get("processes")
        return count

    @property
    def clock(self) -> int:
        """ns from CLOCK_MONOTONIC to the wall clock, of the load's master; RunError if no load was begun."""
        try:
            clock = self.facts["clock"]
            return int(clock["wall_ns"]) - int(clock["mono_ns"])
        except (KeyError, TypeError, ValueError):
            raise RunError(
                f"{self.folder / 'run.json'}: no clock: expected what is recorded when a load begins; run again"
            ) from None

    def record(self, **facts: Any) -> None:
        """Add facts to run.json."""
        self.facts.update(facts)
        self.write("run.json", self.facts)

    def write(self, name: str, value: Mapping[str, Any]) -> Path:
        """Store `value` as JSON under `name`, all or nothing."""
        return self.write_text(name, json.dumps(value, indent=2) + "\n")

    def write_text(self, name: str, text: str) -> Path:
        """Store `text` under `name`, all or nothing: a reader never sees half of it."""
        path, new = self.folder / name, self.folder / f".{name}.new"
        try:
            new.write_text(text, encoding="utf-8")
            new.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)  # on a full disk, room for the next try
            raise RunError(
                f"{path}: {error.strerror}: expected room and leave to write it; then {self._repeats(name)}"
            ) from None
        return path

    def _repeats(self, name: str) -> str:
        """What makes the file called `name` again."""
        system = (self.facts.get("plan") or {}).get("system") or "SYSTEM"
        if name in reported.FILES:
            return f"report it again: {hint(f'report RUN={self.folder}', f'report {self.folder}')}"
        if name == "integrity.json":
            return f"verify it again: {hint(f'verify-{system} RUN={self.folder}', f'verify {system} {self.folder}')}"
        return "run again"

    def read(self, name: str) -> dict[str, Any]:
        """The JSON under `name`; RunError if this stage has not run."""
        path = self.folder / name
        try:
            value = json.loads(path.read_text())
        except OSError as error:
            raise RunError(f"{path}: {error.strerror}: expected a run whose earlier stages are done") from None
        except ValueError as error:
            raise RunError(f"{path}: not JSON: {error}. Repeat the stage that writes it, or the run") from None
        if not isinstance(value, dict):
            raise RunError(f"{path}: expected an object in it. Repeat the stage that writes it, or the run")
        return value


def _made_by(facts: Mapping[str, Any]) -> str:
    """The version that made a run; of old ones the commit."""
    versions, git = facts.get("versions") or {}, facts.get("git") or {}
    return str(versions.get("proofload") or f"at commit {git.get('commit') or 'unknown'}"[:22])


def require_of(run: Run, system: str) -> Run:
    """The run itself, if it is one of `system`; else RunError."""
    if run.scenario.system != system:
        whose = run.scenario.system or "a locustfile of its own"
        raise RunError(f"{run.folder}: it is a run of {whose}, expected one of {system}")
    return run


def require_link(link: Path) -> None:
    """RunError if something else is where a link to the latest folder goes."""
    if link.exists() and not link.is_symlink():
        what = "a folder" if link.is_dir() else "a file"
        raise RunError(f"{link}: it is {what}, expected a link to the latest run or nothing: `mv` it elsewhere")


def point(link: Path, target: str) -> None:
    """Make `link` point to `target` in one step; RunError if something else is there."""
    require_link(link)
    new = link.with_name(f".latest-{os.getpid()}")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(link)
