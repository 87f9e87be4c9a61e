"""Our commands, for tests that ask what they do, not how they start: processes whose libraries are imported already.

They and their stages are forked (tests/support/nursery.py): half of what a short run takes is to import them.
"""

import atexit
import functools
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile

from harness.settings import ROOT
from tests.support.nursery import Nursery


@functools.cache
def _nursery() -> Nursery:
    nursery = Nursery("commands")
    atexit.register(nursery.close)
    return nursery


def run(
    program: str, *words: str, environment: Mapping[str, str] | None = None, folder: Path = ROOT, timeout: float = 150
) -> subprocess.CompletedProcess[str]:
    """`python -m PROGRAM WORDS` in `folder`, to its end."""
    with TemporaryFile() as out, TemporaryFile() as err:
        code = (
            _nursery()
            .start([program, *words], environment or os.environ, folder, [out.fileno(), err.fileno()])
            .wait(timeout)
        )
        said = []
        for each in (out, err):
            each.seek(0)
            said.append(each.read().decode())
    return subprocess.CompletedProcess([program, *words], code, *said)
