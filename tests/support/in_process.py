"""Our command line, ended in this process: a process of its own takes half a second to start, and refusals are many."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from unittest.mock import patch

import pytest

from harness.__main__ import main
from harness.errors import command
from harness.settings import ROOT


def refused(capfd: pytest.CaptureFixture[str], *words: str, environment: Mapping[str, str]) -> str:
    """The message with which `python -m harness WORDS` refuses in the checkout, with `environment`."""
    before = Path.cwd()
    with patch.dict(os.environ, environment), patch.object(sys, "argv", ["python -m harness", *words]):
        os.chdir(ROOT)
        try:
            with pytest.raises(SystemExit) as ended:
                command(main)
        finally:
            os.chdir(before)
    said = capfd.readouterr().err
    assert ended.value.code == 2, said
    assert "Traceback" not in said
    return said
