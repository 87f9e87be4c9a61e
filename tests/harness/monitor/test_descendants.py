"""All processes below one are found, whatever has started them."""

import subprocess
import sys

import psutil
import pytest

from harness.monitor import descendants as module
from harness.monitor.descendants import descendants

TREE = """
import subprocess, sys, threading
if sys.argv[1] == "0":
    print("ready", flush=True)
    sys.stdin.read()
else:
    # Started by another thread than the first one.
    run = lambda: subprocess.run([sys.executable, "-c", sys.argv[2], str(int(sys.argv[1]) - 1), sys.argv[2]])
    threading.Thread(target=run).start()
"""


@pytest.mark.parametrize("told", [True, False])
def test_children_and_theirs_are_found(told: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if told and not module.TOLD:
        pytest.skip("a kernel that does not tell the children of a thread")
    monkeypatch.setattr(module, "TOLD", told)
    line = [sys.executable, "-c", TREE, "2", TREE]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdin
        process.stdout.readline()
        found = descendants(process.pid)
        parents = [psutil.Process(pid).ppid() for pid in found]
        process.stdin.close()

    assert len(found) == 2
    assert parents == [process.pid, found[0]]


def test_of_a_process_that_is_gone_there_is_none() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert descendants(process.pid) == []
