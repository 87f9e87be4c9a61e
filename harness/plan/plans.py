"""The plans as they stand: where they are, and their tables. What becomes of them is for reading.py."""

import re
import tomllib
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

from harness.errors import PlanError, nearest
from systems import __path__ as SYSTEMS

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""A scenario is a folder."""


def files() -> list[Path]:
    """The plans of all systems: the built-in ones, then those of the project."""
    return [path for folder in SYSTEMS for path in sorted(Path(folder).glob("*.toml"))]


def systems() -> list[str]:
    """The names of all systems."""
    return [path.stem for path in files()]


def scenarios(system: str) -> list[str]:
    """The names of the scenarios of `system`, in the order of its plan."""
    return list(read(plan_of(system))[0].get("scenario", {}))


def reference(system: str, part: str) -> dict[str, Any]:
    """What the plan of `system` states at its top: its [contract], [database], [pool], [service]."""
    stated: dict[str, Any] = read(plan_of(system))[0].get(part, {})
    return stated


def read(path: Path) -> tuple[dict[str, Any], str]:
    """The tables of a plan, and its text; PlanError if there is none."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        tables = deepcopy(_parsed(text))
    except OSError as error:
        raise PlanError(f"{path}: {error.strerror}: expected a plan (TOML)") from None
    except UnicodeDecodeError as error:
        raise PlanError(f"{path}: not UTF-8 (byte {error.start}): expected a plan (TOML) in UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise PlanError(f"{path}: not TOML: {error}") from None
    having = tables.get("scenario", {})
    if not isinstance(having, dict):
        raise PlanError(f"{path}: scenario = {having!r}: expected tables, [scenario.<name>]")
    for name in having:
        if not NAME.fullmatch(name):
            raise PlanError(
                f"{path}: scenario {name!r}: expected a name of letters, digits, hyphens, dots, underscores"
            )
    for part in ("title", "system"):
        if not isinstance(tables.get(part, ""), str):
            raise PlanError(f"{path}: {part} = {tables[part]!r}: expected a text")
    return tables, text


@lru_cache
def _parsed(text: str) -> dict[str, Any]:
    """The tables of a plan: one of the shipped ones is read for each part of it that is asked for."""
    return tomllib.loads(text)


def plan_of(system: str) -> Path:
    """The plan of `system`; PlanError if there is none."""
    for path in files():
        if path.stem == system:
            return path
    raise PlanError(f"unknown system {system!r}; {nearest(system, systems())}")
