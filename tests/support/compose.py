"""docker-compose.perf.yml as compose reads it: anchors merged, and variables with their defaults."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from harness.settings import ROOT

FILE = ROOT / "docker-compose.perf.yml"
VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?P<how>:?-)(?P<default>[^}]*)\}")


def filled(value: Any, environment: Mapping[str, str]) -> Any:
    """`value` with the variables of `environment`, or their defaults, in it."""
    if isinstance(value, dict):
        return {key: filled(each, environment) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, environment) for each in value]
    if not isinstance(value, str):
        return value

    def known(match: re.Match[str]) -> str:
        given = environment.get(match["name"])
        return match["default"] if given is None or (not given and match["how"] == ":-") else given

    found = VARIABLE.sub(known, value)
    assert "${" not in found, f"{found}: a variable without a default: compose warns of it"
    return found


def read(environment: Mapping[str, str] = MappingProxyType({}), path: Path = FILE) -> dict[str, Any]:
    """All of it."""
    found: dict[str, Any] = filled(yaml.safe_load(path.read_text()), environment)
    return found


def megabytes(service: Mapping[str, Any]) -> int:
    """The limit of a service's memory."""
    text = service["deploy"]["resources"]["limits"]["memory"]
    assert text.endswith("M"), f"{text}: expected it in M, so that sums are seen"
    return int(text[:-1])
