"""A stage waits with its imports done, begins when it is told, and never stays behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from harness.errors import Crashed, ProofloadError
from harness.project import environment
from harness.ready import Ready
from harness.stack import stack
from tests.support.target_process import eventually

DATABASE = "postgresql://nobody@127.0.0.1:1/none"


def test_it_begins_when_it_is_told_with_its_words_and_what_belongs_into_its_environment(tmp_path: Path) -> None:
    with stack.ready("verification", "messages") as waiting, pytest.raises(ProofloadError) as refused:
        stack.begun(waiting, [str(tmp_path)], DATABASE)

    assert "run.json: No such file or directory: expected a run folder" in str(refused.value)
    assert not isinstance(refused.value, Crashed)


def test_it_has_done_its_imports_by_then() -> None:
    with stack.ready("verification", "messages") as waiting:
        pid = waiting.child.pid
        # NumPy's library is loaded into a process that was told nothing yet.
        eventually(lambda: "_multiarray_umath" in Path(f"/proc/{pid}/maps").read_text())
        assert waiting.child.poll() is None

    assert waiting.child.returncode == 0


def test_one_that_is_not_needed_ends_without_a_word() -> None:
    with Ready("reports", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as waiting:
        child = waiting.child
        child.stdin.close()  # type: ignore[union-attr]
        said = [stream.read() for stream in (child.stdout, child.stderr) if stream]

    assert (child.returncode, said) == (0, ["", ""])


def test_one_that_was_killed_while_it_waited_is_told_as_one_that_fell(tmp_path: Path) -> None:
    with stack.ready("verification", "messages") as waiting:
        waiting.child.kill()
        waiting.child.wait()
        with pytest.raises(Crashed, match="verification ended with -9"):
            stack.begun(waiting, [str(tmp_path)], DATABASE)


def test_a_stage_that_can_not_be_imported_is_told_when_it_begins() -> None:
    with stack.ready("no_such_stage", "messages") as waiting, pytest.raises(Crashed, match="No module named"):
        stack.begun(waiting, [], DATABASE)


def test_one_that_has_begun_does_not_outlive_the_block(tmp_path: Path) -> None:
    pipe = tmp_path / "run.json"
    os.mkfifo(pipe)  # what it reads first, and nobody writes it

    with Ready("reports") as waiting:
        waiting.begin([str(tmp_path)])

    assert waiting.child.returncode == -signal.SIGKILL


def test_none_outlives_a_pipeline_that_is_killed() -> None:
    program = (
        "import sys; from harness.ready import Ready; print(Ready('reports').child.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
    ) as parent:
        assert parent.stdout is not None
        waiting = psutil.Process(int(parent.stdout.readline()))
        parent.kill()

    eventually(lambda: not waiting.is_running() or waiting.status() == psutil.STATUS_ZOMBIE)
