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
from harness.stack import process, stack
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


def test_one_says_when_it_has() -> None:
    with stack.ready("verification", "messages") as waiting:
        assert not waiting.imported(0.001)
        assert waiting.imported(60)
        assert "_multiarray_umath" in Path(f"/proc/{waiting.child.pid}/maps").read_text()


def test_one_that_has_ended_is_not_waited_for() -> None:
    with stack.ready("verification", "messages") as waiting:
        waiting.child.kill()

        assert waiting.imported(60)


def test_what_is_known_of_its_words_comes_first(tmp_path: Path) -> None:
    folder, other = tmp_path / "first", tmp_path / "second"
    with (
        Ready("verification", words=[str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as waiting,
        pytest.raises(ProofloadError, match=f"unrecognized arguments: {other}"),
    ):
        stack.begun(waiting, [str(other)], DATABASE)


@pytest.mark.parametrize("stage", ["reports", "harness.load", "harness.monitor"])
def test_one_that_is_not_needed_ends_without_a_word(stage: str, tmp_path: Path) -> None:
    said = tmp_path / "said"
    with said.open("wb") as output, Ready(stage, stdout=output, stderr=output, cwd=tmp_path) as waiting:
        waiting.imported(60)

    assert (waiting.child.returncode, said.read_text()) == (0, "")
    assert list(tmp_path.iterdir()) == [said]


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


def test_one_that_is_released_is_ended_by_whom_it_began_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "run.json")

    with Ready("reports", released=True) as waiting:
        child = waiting.begin([str(tmp_path)])
    assert child.poll() is None
    assert process.stop(child) == -signal.SIGTERM

    with Ready("reports", released=True) as waiting:
        pass
    assert waiting.child.returncode == 0


@pytest.mark.parametrize(("number", "words"), [(signal.SIGTERM, ""), (signal.SIGINT, "interrupted\n")])
def test_one_that_has_begun_gets_its_signal_when_the_pipeline_is_killed(
    number: signal.Signals, words: str, tmp_path: Path
) -> None:
    pipe, said = tmp_path / "run.json", tmp_path / "said"
    os.mkfifo(pipe)
    program = (
        "import signal, sys; from harness.ready import Ready\n"
        f"waiting = Ready('reports', on_parent_death=signal.{number.name}, stderr=open({str(said)!r}, 'wb'))\n"
        f"waiting.begin([{str(tmp_path)!r}])\n"
        "print(waiting.child.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
    ) as parent:
        assert parent.stdout is not None
        begun = psutil.Process(int(parent.stdout.readline()))
        with pipe.open("wb"):  # as soon as the stage reads there
            parent.kill()
            eventually(lambda: not begun.is_running() or begun.status() == psutil.STATUS_ZOMBIE)

    assert said.read_text() == words


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
