"""Telling who started this process that it is up."""

import os
from pathlib import Path


def ready() -> None:
    """Create the file that the variable READY names, if there is one."""
    path = os.environ.get("READY")
    if path:
        Path(path).touch()
