"""The processes of a load: what they are, and that they wait for their turn."""

from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from harness import load_processes
from harness.errors import StackError
from harness.load_stage import put_load
from harness.monitor.processes import _what
from harness.pipeline import _Waiting
from harness.progress import Progress
from harness.run import Run
from harness.settings import Settings
from harness.stack.stack import Stack
from harness.window import Window
from tests.support.synthetic_run import synthetic_run

NOWHERE = Stack("http://127.0.0.1:1", "", None, "")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """One whose load has not begun."""
    found = synthetic_run(tmp_path, began=False)
    for path in found.folder.glob("journal-*"):
        path.unlink()
    return found


def test_the_only_one_has_no_port(run: Run) -> None:
    (one,) = load_processes.of(run, Settings(), None)

    assert (one.log.name, one.share, one.port, one.folder) == ("load.log", "0/1", "", None)
    assert "--headless" in one.words
    assert not {"--master", "--worker", "--host"} & set(one.words)


def test_with_a_window_it_has_the_web_ui(run: Run) -> None:
    (one,) = load_processes.of(run, Settings(), Window(8123))

    assert "--headless" not in one.words
    assert one.words[one.words.index("--web-port") + 1] == "8123"


def test_of_several_the_master_is_the_first(run: Run) -> None:
    found = load_processes.of(run, replace(Settings(), processes=2), None)

    assert [one.log.name for one in found] == ["load.log", "load-0.log", "load-1.log"]
    assert [one.share for one in found] == ["0/2", "0/2", "1/2"]
    assert [one.port for one in found] == ["--master-bind-port", "--master-port", "--master-port"]
    assert ["--master" in one.words for one in found] == [True, False, False]
    assert ["--worker" in one.words for one in found] == [False, True, True]


def test_workers_on_other_machines_are_not_ours(run: Run) -> None:
    settings = replace(Settings(), workers=2, master_bind="0.0.0.0")
    (master,) = load_processes.of(run, settings, None)

    assert master.words[master.words.index("--master-bind-host") + 1] == "0.0.0.0"
    assert master.words[master.words.index("--expect-workers") + 1] == "2"


def test_one_that_waits_is_the_generator_and_has_neither_said_nor_made_anything(run: Run) -> None:
    (one,) = load_processes.of(run, Settings(), None)
    before = sorted(run.folder.iterdir())
    with one.ahead() as waiting:
        assert waiting.imported(60)

        assert _what(psutil.Process(waiting.child.pid)) == "generator"
        assert sorted(run.folder.iterdir()) == sorted([*before, one.log])
    assert (waiting.child.returncode, one.log.read_text()) == (0, "")


def test_the_load_begins_when_all_that_wait_have_done_their_imports(run: Run) -> None:
    waiting = _Waiting()
    waiting.start(run, Settings(), None)
    try:
        ahead = [*waiting.load, waiting.monitor, waiting.verification]
        children = [one.child.pid for one in ahead if one]
        assert len(children) == 3
        waiting.settle()

        # NumPy's library is the one that all of them have.
        assert all("_multiarray_umath" in Path(f"/proc/{pid}/maps").read_text() for pid in children)
    finally:
        waiting.close()
    assert not any(psutil.pid_exists(pid) for pid in children)


def test_one_that_was_killed_while_it_waited_has_put_no_load_on(run: Run) -> None:
    (one,) = load_processes.of(run, Settings(), None)
    with one.ahead() as waiting:
        waiting.child.kill()
        waiting.child.wait()
        with pytest.raises(StackError, match="no load was put on: Locust ended with code -9"):
            put_load(run, Settings(), NOWHERE, lambda: None, Progress(), waiting=[waiting])


def test_a_locustfile_that_can_not_be_imported_is_told_with_its_traceback(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("import no_such_module\n")
    run.facts["plan"] = {**run.facts["plan"], "locustfile": str(broken)}
    run = Run(run.folder, run.facts)
    (one,) = load_processes.of(run, Settings(), None)
    with one.ahead() as waiting, pytest.raises(StackError) as refused:
        put_load(run, Settings(), NOWHERE, lambda: None, Progress(), waiting=[waiting])

    assert "Locust ended with code 1" in str(refused.value)
    assert "No module named 'no_such_module'" in str(refused.value)
    assert "Proofload itself failed" not in str(refused.value)
