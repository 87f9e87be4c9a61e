"""However a command ends, it ends in one line and with a code that tells whose fault it was: never in a traceback."""

import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import errors, pipeline
from harness.__main__ import main as harness_main
from harness.errors import Crashed, ProofloadError, RunError, command
from harness.progress import Screen
from harness.run import FORMAT, TABLES, Run
from harness.settings import ROOT
from harness.stack import stack
from harness.verdict import EXIT_CODES, Verdict
from reports import suite
from reports.compare import __main__ as compare
from schema.__main__ import main as schema_main
from seeding.__main__ import main as seeding_main
from tests.support.synthetic_run import synthetic_run


def end(main: Callable[[], int], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The code with which a command ends, and what it says."""
    with pytest.raises(SystemExit) as ended:
        command(main)
    assert isinstance(ended.value.code, int)
    return ended.value.code, capsys.readouterr().err


def failing(error: BaseException) -> Callable[[], int]:
    def main() -> int:
        raise error

    return main


def test_what_nothing_expected_is_one_line_and_a_traceback_in_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code, said = end(failing(KeyError("x\ny")), capsys)

    assert code == 70
    assert said.count("\n") == 1
    assert "KeyError" in said
    path = Path(re.search(r"traceback is in (\S+);", said)[1])  # type: ignore[index]
    assert "Traceback" in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


def test_a_traceback_that_can_be_written_nowhere_is_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    code, said = end(failing(ValueError("x")), capsys)

    assert code == 70
    assert "could be written nowhere" in said
    assert "Traceback" in said


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (ProofloadError("wrong"), 2, "error: wrong\n"),
        (Crashed("it fell"), 70, "error: it fell\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (BrokenPipeError(), 141, ""),
    ],
)
def test_each_way_to_end_has_a_code_of_its_own(
    error: BaseException, code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert end(failing(error), capsys) == (code, says)
    assert code not in EXIT_CODES.values()


def harness(*words: str, python: tuple[str, ...] = (), shell: str = "", **environment: str) -> tuple[int, str, str]:
    """`python -m harness WORDS`, perhaps with something in a shell behind it: code, output, errors."""
    line = " ".join([sys.executable, *python, "-m", "harness", *words])
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line} {shell}"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        timeout=60,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode(errors="replace")


def test_output_in_ascii_has_question_marks() -> None:
    code, out, said = harness("plan", "peak", "--profile", "smoke", PYTHONIOENCODING="ascii")

    assert code == 0, said
    assert out.isascii()
    assert "????" in out


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, str]:
    """The folder of a run that was reported as usual, the code, and what was said of it."""
    run = synthetic_run(tmp_path_factory.mktemp("reported")).folder
    code, _, said = harness("report", str(run))
    return run, code, said


@pytest.mark.parametrize("closed", ["| true", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_who_reads_no_more_and_closed_streams_change_no_code_and_no_file(
    closed: str, reported: tuple[Path, int, str]
) -> None:
    run, code, said = reported
    written = {path.name: path.read_bytes() for path in run.iterdir()}
    cut, _, also = harness("report", str(run), shell=closed)

    assert code in EXIT_CODES.values()
    assert cut == code, said + also
    assert "Traceback" not in said + also
    assert {path.name: path.read_bytes() for path in run.iterdir()} == written


def test_what_is_shown_meanwhile_goes_on_when_nobody_reads_it() -> None:
    class Unread(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    screen = Screen(file=Unread())
    screen.print("one")
    screen.print("two")
    assert screen.quiet


@pytest.mark.parametrize(
    ("ending", "code"),
    [("lambda: 3", 3), ("lambda: sys.exit(4)", 4), ("lambda: sys.exit()", 0), ("lambda: sys.exit('why')", 1)],
)
def test_a_process_that_leaves_does_all_that_one_does_at_its_end(ending: str, code: int) -> None:
    program = (
        "import atexit, sys, threading\nfrom harness.errors import leave\n"
        "gate = threading.Event(); atexit.register(print, 'registered')\n"
        "threading.Thread(target=lambda: gate.wait() and print('thread')).start()\n"
        "threading.Timer(0.05, gate.set).start()\n"
        f"print('said', end=' '); leave({ending})"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)

    assert (done.returncode, done.stdout.split()) == (code, ["said", "thread", "registered"])
    assert done.stderr == ("why\n" if code == 1 else "")


@pytest.mark.parametrize("package", ["harness", "harness.monitor", "reports", "schema", "seeding", "verification"])
def test_a_python_without_our_packages_is_named(package: str) -> None:
    command = [sys.executable, "-S", "-m", package]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"error: {sys.executable}" in done.stderr
    assert "lacks gevent" in done.stderr


def test_a_run_that_can_not_be_reported_is_no_matter_of_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "report", lambda *_, **__: 2)

    assert pipeline._report(synthetic_run(tmp_path), pipeline._Interrupt(), pipeline._Waiting()) == 70


@pytest.mark.parametrize("verb", ["verify", "clean"])
def test_the_folder_of_another_system_is_refused(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = synthetic_run(tmp_path).folder
    monkeypatch.setenv("DATABASE_URL", "postgresql://u@127.0.0.1:1/db")
    monkeypatch.setattr(sys, "argv", ["harness", verb, "authorizations", str(folder)])
    code, said = end(harness_main, capsys)

    assert code == 2
    assert "it is a run of messages, expected one of authorizations" in said


@pytest.mark.parametrize("command", [schema_main, seeding_main])
def test_a_stage_refuses_it_too(
    command: Callable[[], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = synthetic_run(tmp_path).folder
    monkeypatch.setattr(sys, "argv", ["stage", "authorizations", "--run-folder", str(folder)])
    code, said = end(command, capsys)

    assert code == 2
    assert "it is a run of messages, expected one of authorizations" in said


def test_a_stage_that_refuses_is_not_one_that_fell(tmp_path: Path) -> None:
    def stage(end: str) -> None:
        stack.stage([sys.executable, "-c", f"import sys, os; print('error: why', file=sys.stderr); {end}"], "")

    with pytest.raises(ProofloadError, match=r"^why$") as refused:
        stage("sys.exit(2)")
    assert not isinstance(refused.value, Crashed)
    for other in ("sys.exit(70)", "sys.exit(1)", "os.kill(os.getpid(), 9)"):
        with pytest.raises(Crashed, match=r"^why$"):
            stage(other)


@pytest.mark.parametrize(("ended", "code"), [(2, 2), (1, 1), (4, 4), (-9, 70), (70, 70), (120, 70)])
def test_only_a_verdict_gives_the_code_of_one(
    ended: int, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = synthetic_run(tmp_path).folder
    done = subprocess.CompletedProcess([], ended)
    monkeypatch.setattr(pipeline.subprocess, "run", lambda *_, **__: done)

    assert pipeline.report(folder) == code


def test_a_full_disk_while_reporting_is_one_line(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path).folder
    done = subprocess.run(
        ["prlimit", "--fsize=20000", sys.executable, "-m", "reports", str(run)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 2, done.stderr
    assert "File too large: expected room" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(run.glob("*.new"))


def read_all_of(folder: Path, name: str) -> None:
    run = Run.open(folder)
    assert run.scenario
    run.read(name)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("integrity.json", "[]", "expected an object"),
        ("run.json", "[]", "expected a table of facts"),
        ("run.json", "{}", "format None"),
        ("run.json", f'{{"format": {FORMAT}}}', "no id of the run"),
        ("run.json", f'{{"format": {FORMAT}, "run": "x", "plan": {{}}}}', "no plan of this version"),
        ("load.json", "5", "expected an object"),
        *[
            ("run.json", f'{{"format": {FORMAT}, "run": "x", "{name}": 5}}', f"{name} is 5, expected a table")
            for name in TABLES
        ],
    ],
)
def test_a_damaged_file_of_a_run_is_named(name: str, text: str, says: str, tmp_path: Path) -> None:
    folder = synthetic_run(tmp_path).folder
    (folder / name).write_text(text)

    with pytest.raises(RunError, match=f"{name}: .*{says}"):
        read_all_of(folder, name)


@pytest.mark.parametrize("text", ["[]", "{}", '{"spectrum": [], "operations": [1]}', "5"])
def test_a_verdict_of_another_version_is_named_by_what_compares_it(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from reports.compare import name_baseline

    folder = synthetic_run(tmp_path).folder
    (folder / "verdict.json").write_text(text)
    monkeypatch.setattr(sys, "argv", ["baseline", str(folder)])

    code, said = end(name_baseline.main, capsys)
    assert code == 2, said
    assert "verdict.json" in said


@pytest.mark.parametrize("gather", [suite.gather, compare.pairs_of])
@pytest.mark.parametrize(
    "text", ["", "[]", "5", "{}", '{"schema": 1}', '{"schema": 1, "runs": [], "pairs": [], "scenario": "x"}',
    '{"schema": 1, "runs": 5, "pairs": 5}', '{"schema": 1, "runs": [5], "pairs": [5]}',
    '{"schema": 1, "runs": [{}], "pairs": [{}]}']
)  # fmt: skip
def test_a_damaged_file_of_several_runs_is_named(text: str, gather: Callable[[Path], object], tmp_path: Path) -> None:
    for name in ("suite.json", "pairs.json"):
        (tmp_path / name).write_text(text)

    with pytest.raises(RunError, match=r"(suite|pairs)\.json: .*(again|expected the folder)"):
        gather(tmp_path)


def test_the_codes_are_told_apart() -> None:
    assert len({*EXIT_CODES.values(), 2, 70, 130, 141, 143}) == len(Verdict) - 1 + 5
    assert errors.EXIT_CRASH == 70
