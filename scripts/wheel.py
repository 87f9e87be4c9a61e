"""Puts what can be compiled of the engine into a wheel; without a C compiler it is one of Python only."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent))

import compile as engine


class CompiledEngine(BuildHookInterface):  # type: ignore[type-arg]
    """What hatchling calls before and after it makes a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and say so in the wheel's name."""
        self._folder = tempfile.TemporaryDirectory()
        if version == "editable":
            return
        folder = Path(self._folder.name)
        why = engine.into(folder)
        if why:
            self.app.display_warning(f"{why}\nthe engine is not compiled, and runs as Python")
            return
        build_data["pure_python"], build_data["infer_tag"] = False, True
        for path in folder.rglob("*"):
            if path.is_file():
                build_data["force_include"][str(path)] = str(path.relative_to(folder))

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was compiled."""
        self._folder.cleanup()
