"""In CI a test that is skipped fails the run, unless a named variable allows it."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness.settings import ROOT

TEST = "import pytest\ndef test_it():\n    pytest.skip('no such thing here')\ndef test_other():\n    pass\n"


@pytest.mark.parametrize(
    ("variables", "processes", "code"),
    [
        ({}, "0", 0),
        ({"CI": "true"}, "0", 1),
        ({"CI": "true"}, "2", 1),
        ({"CI": "true", "PERF_ALLOW_SKIPS": "1"}, "0", 0),
    ],
)
def test_a_skipped_test_fails_in_ci(variables: dict[str, str], processes: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text(TEST)
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT)]
    command += ["-p", "conftest", "-p", "no:cacheprovider", "-n", processes, str(tmp_path / "test_one.py")]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **variables}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    assert done.returncode == code, done.stdout + done.stderr
    assert ("no such thing here" in done.stdout) == (code == 1)
