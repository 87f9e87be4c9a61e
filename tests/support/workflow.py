"""The steps of a workflow, run as GitHub would run them: as far as they are commands."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from harness.settings import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTION = ROOT / "action.yml"
EXPRESSION = re.compile(r"\$\{\{ *(.*?) *\}\}")


def read(path: Path) -> dict[str, Any]:
    """The workflow or action in a file."""
    found: dict[Any, Any] = yaml.safe_load(path.read_text())
    return {("on" if name is True else name): value for name, value in found.items()}  # YAML 1.1 takes `on` for true


def filled(text: str, context: Mapping[str, str]) -> str:
    """A value with its expressions in place; KeyError if one is not in `context`."""
    return EXPRESSION.sub(lambda match: context[match[1]], text)


def environment(table: Mapping[str, Any], context: Mapping[str, str]) -> dict[str, str]:
    """The variables of a job or a step."""
    return {name: filled(str(value), context) for name, value in table.get("env", {}).items()}


def ran(
    steps: list[dict[str, Any]], context: Mapping[str, str], folder: Path, surroundings: Mapping[str, str]
) -> tuple[int, str]:
    """Run the commands of `steps`, in their order, up to the first that fails: its exit code, or 0, and all output.

    A condition must be one that `context` has, as "true" or "false".
    """
    said = ""
    for step in steps:
        wanted = context[f"if: {step['if']}"] if "if" in step else "true"
        if "run" not in step or wanted == "false":
            continue
        assert not EXPRESSION.search(step["run"]), "an input in a command is a command"
        variables = {**surroundings, **environment(step, context)}
        shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        done = subprocess.run(shell, cwd=folder, env=variables, stdout=-1, stderr=subprocess.STDOUT, text=True)
        said += done.stdout
        if done.returncode:
            return done.returncode, said
    return 0, said
