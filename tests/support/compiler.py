"""Whether the engine can be compiled here."""

import shutil
import sysconfig
from pathlib import Path

import pytest


def require() -> None:
    """Skip what needs a C compiler, and the headers of Python, where they are not there."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if not shutil.which(compiler) or not Path(sysconfig.get_path("include"), "Python.h").exists():
        pytest.skip("no C compiler, or no headers of Python: apt-get install gcc python3-dev")
