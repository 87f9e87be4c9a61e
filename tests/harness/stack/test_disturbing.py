"""Each word does to processes, database and network what it says, and is taken back."""

import json
import os
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg2
import pytest

from harness.errors import CommandError, StackError
from harness.plan.disturbance import parse
from harness.plan.scenario import Service
from harness.run import Run
from harness.stack import disturbing, postgres_log, process
from harness.stack.disturbing import Done, by_command
from harness.stack.line import Line
from harness.stack.postgres import Postgres
from harness.stack.process import free_port
from harness.stack.services import Services, pids
from harness.stack.stack import Stack
from harness.stack.variant import Variant
from tests.support.plans import varied
from tests.support.target_process import eventually

WAITS = """
import os, pathlib, signal, sys, time
def end(*_):
    pathlib.Path(sys.argv[1]).write_text("in order")
    sys.exit()
signal.signal(signal.SIGTERM, end)
pathlib.Path(os.environ["READY"]).touch()
time.sleep(600)
"""


@pytest.fixture
def said(tmp_path: Path) -> Path:
    """What a worker writes that is ended in order."""
    return tmp_path / "said"


@pytest.fixture
def stack(tmp_path: Path, said: Path) -> Iterator[Stack]:
    """Two services, of two processes and of one."""
    program = tmp_path / "waits.py"
    program.write_text(WAITS)
    start = f"{sys.executable} {program} {said}"
    run = Run.create(tmp_path, varied("sustained"), seed=1, interrupted=None)
    of = {"worker": Service(start, "file", 2, 1), "other": Service(start, "file", 1, 1)}
    services = Services(of, run, "postgresql://nobody@127.0.0.1:1/none", free_port(), Variant())
    services.start()
    yield Stack("", "", services, "")
    services.stop()


def begin(stack: Stack, text: str) -> Done:
    return disturbing.begin(stack, parse(text, ("worker", "other")))


def end(stack: Stack, text: str) -> Done:
    return disturbing.end(stack, parse(text, ("worker", "other")))


def alive(stack: Stack) -> dict[str, list[int]]:
    """The processes on record, by service."""
    assert stack.services is not None
    return pids(stack.services._run.folder)


def test_what_is_killed_is_there_again_with_no_chance_to_end_in_order(stack: Stack, said: Path) -> None:
    before = alive(stack)
    done = begin(stack, "kill target")
    after = alive(stack)

    assert done == Done("3 processes killed and started again", 3)
    assert {name: len(numbers) for name, numbers in after.items()} == {"worker": 2, "other": 1}
    assert not {pid for numbers in before.values() for pid in numbers if psutil.pid_exists(pid)}
    assert not said.exists()
    assert stack.died() == []


def test_one_service_alone_is_restarted_in_order(stack: Stack, said: Path) -> None:
    before = alive(stack)
    done = begin(stack, "restart other")
    after = alive(stack)

    assert done == Done("1 process ended in order and started again", 1)
    assert (after["worker"] == before["worker"], after["other"] == before["other"]) == (True, False)
    assert said.read_text() == "in order"
    assert stack.died() == []


def test_what_is_stopped_stands_still_until_it_is_continued(stack: Stack) -> None:
    found = [psutil.Process(pid) for numbers in alive(stack).values() for pid in numbers]

    assert begin(stack, "stop target 3s") == Done("3 processes stopped", 3)
    eventually(lambda: all(one.status() == psutil.STATUS_STOPPED for one in found))
    assert end(stack, "stop target 3s") == Done("3 processes continued", 3)
    eventually(lambda: all(one.status() != psutil.STATUS_STOPPED for one in found))


def test_a_process_that_had_died_by_itself_before_is_still_known_to_have(stack: Stack) -> None:
    one = psutil.Process(alive(stack)["other"][0])
    one.kill()
    assert stack.services is not None
    eventually(lambda: stack.died() == ["other"])

    begin(stack, "kill target")

    assert stack.died() == ["other"]


def test_a_service_that_does_not_come_up_again_is_named_and_has_died(tmp_path: Path) -> None:
    once = tmp_path / "once"
    program = tmp_path / "once.py"
    program.write_text(
        f"import os, pathlib, sys, time\none = pathlib.Path({str(once)!r})\nif one.exists(): sys.exit('half a file')\n"
        "one.touch(); pathlib.Path(os.environ['READY']).touch(); time.sleep(600)\n"
    )
    run = Run.create(tmp_path, varied("sustained"), seed=1, interrupted=None)
    of = {"worker": Service(f"{sys.executable} {program}", "file", 1, 1)}
    services = Services(of, run, "postgresql://nobody@127.0.0.1:1/none", free_port(), Variant())
    services.start()
    try:
        with pytest.raises(StackError, match="service worker ended with code 1 before it was up"):
            begin(Stack("", "", services, ""), "kill worker")
        assert services.died() == ["worker"]
    finally:
        services.stop()


def test_what_is_done_on_the_line_is_done_by_its_proxy(stack: Stack) -> None:
    lines = {
        "target": Line("target", "127.0.0.1:1", Path(os.devnull)),
        "postgres": Line("postgres", "127.0.0.1:1", Path(os.devnull)),
    }
    stack.lines = lines
    try:
        assert begin(stack, "cut connections") == Done("0 connections reset", 0)
        for text in ("delay 5ms", "throttle 1MB/s"):
            assert begin(stack, text) == Done("", None)
            assert end(stack, text) == Done("0 pieces held back", 0)
        assert begin(stack, "drop answers 1%") == Done("", None)
        assert end(stack, "drop answers 1%") == Done("0 of 0 answers dropped", 0)
        stack.postgres = object()  # type: ignore[assignment]  # only that it is ours
        assert begin(stack, "cut connections postgres") == Done("0 connections reset", 0)
    finally:
        for line in lines.values():
            line.stop()


@pytest.mark.parametrize("text", ["restart postgres", "kill postgres"])
def test_postgres_is_ended_and_there_again_with_all_that_was_committed(
    cluster: Postgres, database: str, text: str
) -> None:
    with closing(psycopg2.connect(database)) as before:
        before.cursor().execute("CREATE TABLE kept AS SELECT 1 AS one")
        before.commit()
        offset, announced = cluster.log.stat().st_size, len(cluster.announced)
        done = begin(Stack("", "", None, "", cluster), text)
        with pytest.raises(psycopg2.OperationalError):
            before.cursor().execute("SELECT 1")
    with closing(psycopg2.connect(database)) as after, after.cursor() as cursor:
        cursor.execute("SELECT one FROM kept")

        assert cursor.fetchall() == [(1,)]
    killed = text == "kill postgres"
    assert done == Done(f"PostgreSQL {'ended at once' if killed else 'ended in order'} and started again", 1)
    # The log tells of a crash, which is none where it was announced.
    assert postgres_log.read(cluster.log, offset)["crashed"] == killed
    assert not postgres_log.read(cluster.log, offset, cluster.announced)["crashed"]
    assert len(cluster.announced) - announced == killed


def test_postgres_stands_still_with_its_sessions(cluster: Postgres, database: str) -> None:
    stack = Stack("", "", None, "", cluster)
    with closing(psycopg2.connect(database)) as connection:
        session = psutil.Process(connection.info.backend_pid)
        assert begin(stack, "stop postgres 1s").said == "PostgreSQL stopped"
        try:
            eventually(lambda: session.status() == psutil.STATUS_STOPPED)
            assert psutil.Process(cluster.server.pid).status() == psutil.STATUS_STOPPED
        finally:
            assert end(stack, "stop postgres 1s").said == "PostgreSQL continued"
        connection.cursor().execute("SELECT 1")


def commanded(tmp_path: Path, code: int = 0) -> Stack:
    said = tmp_path / "said.jsonl"
    program = f"import json, sys; print(json.dumps(sys.argv[1:]), file=open({str(said)!r}, 'a')); sys.exit({code})"
    words = [sys.executable, "-c", program, "{disturbance}", "{state}"]
    return Stack("http://elsewhere", "", None, "", disturb_command=shlex.join(words))


def test_what_is_elsewhere_is_disturbed_by_the_users_command_as_one_word(tmp_path: Path) -> None:
    theirs = commanded(tmp_path)
    assert begin(theirs, "stop target 3s") == end(theirs, "stop target 3s") == Done("", None, 0)
    begin(theirs, "command fail over")

    said = [json.loads(line) for line in (tmp_path / "said.jsonl").read_text().splitlines()]
    assert said == [["stop target 3s", "begin"], ["stop target 3s", "end"], ["fail over", "begin"]]


def test_a_command_that_fails_is_named_with_its_code(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"PERF_DISTURB_CMD: .* code 3") as caught:
        begin(commanded(tmp_path, code=3), "kill target")
    assert caught.value.code == 3
    with pytest.raises(StackError, match="PERF_DISTURB_CMD: no-such-program"):
        begin(Stack("http://elsewhere", "", None, "", disturb_command="no-such-program {disturbance}"), "kill target")


@pytest.mark.parametrize(
    ("text", "target", "postgres", "commanded"),
    [
        ("kill target", True, False, False),
        ("kill target", False, True, True),
        ("restart postgres", True, False, True),
        ("restart postgres", False, True, False),
        ("delay 1s", True, False, False),
        ("delay 1s postgres", True, False, True),
        ("delay 1s postgres", False, True, True),
        ("delay 1s postgres", True, True, False),
        ("fill disk", True, True, False),
        ("fill disk", True, False, True),
        ("command x", True, True, True),
    ],
)
def test_only_what_is_ours_is_disturbed_by_us(text: str, target: bool, postgres: bool, commanded: bool) -> None:
    assert by_command(parse(text, ()), target, postgres) == commanded


def test_a_session_of_a_process_is_signalled_whole(tmp_path: Path, stack: Stack) -> None:
    """What a service has started itself stops, too."""
    child = f"import subprocess, sys; subprocess.run([sys.executable, {str(tmp_path / 'waits.py')!r}, '-'])"
    one = process.start([sys.executable, "-c", child], tmp_path / "log", {**os.environ, "READY": str(tmp_path / "up")})
    try:
        eventually((tmp_path / "up").exists)
        assert stack.services is not None
        stack.services._running["other"].processes.append(one)
        (below,) = psutil.Process(one.pid).children()
        stack.services.send(["other"], signal.SIGSTOP)
        eventually(lambda: below.status() == psutil.STATUS_STOPPED)
        stack.services.send(["other"], signal.SIGCONT)
    finally:
        os.killpg(one.pid, signal.SIGKILL)
        one.wait()


def test_what_is_stopped_when_we_are_killed_goes_on_and_ends_all_the_same(tmp_path: Path) -> None:
    one = process.start(["sleep", "600"], tmp_path / "log", os.environ)
    os.killpg(one.pid, signal.SIGSTOP)
    # Of two signals that wait for a process, the kernel delivers the lower number first: SIGTERM would end it now.
    eventually(lambda: psutil.Process(one.pid).status() == psutil.STATUS_STOPPED)
    waking = process.woken_in(0.1, [-one.pid])
    one.terminate()  # which it hears of only when it goes on

    assert one.wait(30) == -signal.SIGTERM
    assert waking.wait(30) == 0


def test_a_load_goes_through_the_lines_that_are_there(tmp_path: Path) -> None:
    plain = Stack("http://127.0.0.1:5", "postgresql://p@127.0.0.1:6/db?sslmode=disable", None, "")
    lines = {
        "target": Line("target", "127.0.0.1:1", Path(os.devnull)),
        "postgres": Line("postgres", "127.0.0.1:1", Path(os.devnull)),
    }
    try:
        both = replace(plain, lines=lines)
        to, behind = lines["target"].port, lines["postgres"].port

        assert (plain.load_url, plain.load_database_url) == (plain.target_url, plain.database_url)
        assert (both.load_url, both.target_url) == (f"http://127.0.0.1:{to}", plain.target_url)
        assert both.load_database_url == f"postgresql://p@127.0.0.1:{behind}/db?sslmode=disable"
    finally:
        for line in lines.values():
            line.stop()
