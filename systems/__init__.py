"""The systems under test: for each its facts (a module) and its plan (the TOML of the same stem).

Standard library only, and nothing of ours outside this folder: seeding, users, target and
verification all import it, so whatever they must agree on is stated here and nowhere else.
"""

import os
from pathlib import Path

PROJECT = Path(os.getcwd())
"""The folder that a command is run in. If it has a folder `systems/`, the systems in there stand beside these."""


def beside(package: str) -> list[str]:
    """Where the project has modules that belong to our `package`: to be searched after ours, so that ours win."""
    folder, ours = PROJECT / package, Path(__file__).parent.parent / package
    there = (PROJECT / "systems").is_dir() and not (ours.exists() and folder.exists() and folder.samefile(ours))
    return [str(folder)] if there else []


__path__ += beside("systems")
