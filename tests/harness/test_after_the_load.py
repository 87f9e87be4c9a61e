"""Whatever fails after something was sent, the run ends with a verdict that names it: never GO, never a traceback."""

import errno
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness import effects, pipeline
from harness.errors import Crashed, RunError
from harness.pipeline import _Interrupt, _Waiting, ending
from harness.plan import reading
from harness.progress import Progress
from harness.ready import Ready
from harness.reported import store
from harness.run import Run
from harness.settings import Settings
from harness.stack.variant import Variant
from reports.__main__ import main as report_main
from tests.reports.test_schema_of_verdict import VALIDATOR
from tests.support.no_database import verify
from tests.support.synthetic_run import synthetic_run
from verification import __main__ as verification


@contextmanager
def nothing(*_: object) -> Iterator[None]:
    yield


class Waiting(_Waiting):
    """Of the stages monitor and verification, which are none."""

    def start(self, *_: object) -> None:
        self.monitor = self.verification = Ready.__new__(Ready)

    def start_report(self) -> None:
        pass

    def settle(self) -> None:
        pass


def measured(run: Run, monkeypatch: pytest.MonkeyPatch, **fakes: Any) -> Run:
    """`run` after everything up to its report, in a stack that is none: what was put on is there already."""

    @contextmanager
    def up(*_: object) -> Iterator[Any]:
        yield SimpleNamespace(database_url="", died=fakes.get("died", list), dropping_surplus=nothing)
        fakes.get("end", lambda: None)()

    monkeypatch.setattr(Run, "create", lambda *_, **__: run)
    monkeypatch.setattr(pipeline.stack, "up", up)
    monkeypatch.setattr(pipeline.stack, "begun", fakes.get("stage", lambda *_: ""))
    monkeypatch.setattr(pipeline, "_watched", nothing)
    monkeypatch.setattr(pipeline, "put_load", lambda *_: True)
    scenario = reading.find("sustained", "smoke")
    return pipeline._measure(scenario, Settings(), Variant(None, None), None, [], _Interrupt(), Progress(), Waiting())


def reported(run: Run, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of a run that is reported in this process."""

    def report(folder: Path, always: bool = False, waiting: Ready | None = None) -> int:
        monkeypatch.setattr(sys, "argv", ["reports", str(folder), *(["--always"] if always else [])])
        return report_main()

    monkeypatch.setattr(pipeline, "report", report)
    return pipeline._report(run, _Interrupt(), _Waiting())


def verdict(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run.folder / "verdict.json").read_text())
    return found


def raising(error: Exception) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("fakes", "named"),
    [
        ({"stage": raising(ValueError("what a bug"))}, "Proofload itself failed: ValueError: what a bug"),
        ({"stage": raising(Crashed("verification was killed"))}, "verification was killed"),
        ({"stage": raising(NO_SPACE)}, "No space left on device"),
        ({"died": raising(KeyError("api"))}, "Proofload itself failed: KeyError"),
        ({"end": raising(ZeroDivisionError())}, "Proofload itself failed: ZeroDivisionError"),
    ],
)
def test_what_fails_after_the_load_is_the_reason_of_a_whole_report(
    fakes: dict[str, Any], named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = measured(synthetic_run(tmp_path), monkeypatch, **fakes)

    assert reported(run, monkeypatch) == 3
    found = verdict(run)
    assert found["verdict"] == "INVALID"
    assert found["reason"].startswith("The run did not come to its end: ")
    assert named in found["reason"]
    assert found["rules"]
    assert (run.folder / "report.html").exists()
    crash = run.folder / "crash.txt"
    assert crash.exists() == ("Proofload itself" in found["reason"])
    assert not crash.exists() or (str(crash) in found["reason"] and "Traceback" in crash.read_text())


def test_what_fails_before_anything_was_sent_is_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = synthetic_run(tmp_path)
    (run.folder / "journal-0.bin").unlink()

    with pytest.raises(ValueError, match="bug"):
        measured(run, monkeypatch, stage=raising(ValueError("bug")))


@pytest.mark.parametrize("error", [KeyError("x"), RunError("health-0.jsonl:3: not JSON")])
def test_a_report_that_fails_leaves_a_verdict_with_the_reason(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = synthetic_run(tmp_path)
    monkeypatch.setattr("reports.__main__.record", raising(error))

    assert reported(run, monkeypatch) == 3
    found = verdict(run)
    assert (found["verdict"], found["exit_code"], found["files"]) == ("INVALID", 3, ["verdict.json", *LEFT])
    assert found["reason"].startswith("Not valid, REPORTED: ")
    VALIDATOR.validate(found)
    assert str(error) in found["reason"]
    assert ("crash.txt" in found["reason"]) == isinstance(error, KeyError)
    assert sorted(path.name for path in run.folder.glob("*.html")) == []
    out = capsys.readouterr().out
    assert "INVALID" in out
    assert "REPORTED" in out


def test_of_an_altered_folder_that_can_not_be_reported_the_alteration_is_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = synthetic_run(tmp_path)
    run.record(host={"cores": "many"})
    monkeypatch.setattr(sys, "argv", ["reports", str(run.folder)])
    monkeypatch.setattr("reports.__main__.record", raising(TypeError("'str' by 'float'")))

    assert report_main() == 3
    found = verdict(run)
    assert (
        found["reason"]
        == "Not valid, BINDING: run.json was changed after the run ended: restore the file, or run again."
    )
    assert "REPORTED: Proofload itself failed: TypeError" in found["causes"][1]["sentence"]
    assert "was changed after the run ended" in capsys.readouterr().err


LEFT = ["summary.md", "junit.xml"]


def test_a_renderer_that_fails_takes_the_verdict_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = synthetic_run(tmp_path)
    monkeypatch.setattr("reports.render.markdown.render", raising(IndexError("no row")))

    assert reported(run, monkeypatch) == 3
    assert verdict(run)["files"] == ["verdict.json", "junit.xml"]


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes the disk full for files of these names."""
    write = Path.write_text

    def fill(*names: str) -> None:
        def write_text(path: Path, text: str, *args: Any, **kwargs: Any) -> int:
            if path.name.removeprefix(".").removesuffix(".new") in names:
                path.write_bytes(b"{")
                raise NO_SPACE
            return write(path, text, *args, **kwargs)

        monkeypatch.setattr(Path, "write_text", write_text)

    return fill


EVERY = ("run.json", "seal.json", "report.html", "summary.md", "junit.xml", "metrics.txt", "timeline.csv")
ALL = (*EVERY, "timeline.hlog", "verdict.json")


@pytest.mark.parametrize("names", [(name,) for name in ALL] + [ALL], ids=" ".join)
def test_a_full_disk_at_the_end_loses_nothing_and_names_the_file_and_the_command(
    names: tuple[str, ...],
    full: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = synthetic_run(tmp_path)
    evidence = {path.name: path.read_bytes() for path in run.folder.iterdir() if path.name not in ("seal.json", *LEFT)}
    full(*names)

    code = reported(run, monkeypatch)

    out, err = capsys.readouterr()
    assert code == (70 if "verdict.json" in names else 3)
    assert (run.folder / "verdict.json").exists() == (code == 3)
    assert "INVALID" in out
    said = " ".join((out + err).split())
    assert f"{names[0]}: No space left on device" in said
    assert "run it again" in said if names[0] in ("run.json", "seal.json") else "make report RUN=" in said
    for name, content in evidence.items():
        assert (run.folder / name).read_bytes() == content, name
    assert not [path for path in run.folder.iterdir() if path.name.endswith(".new")]


def test_a_run_that_is_reported_again_when_there_is_room_is_what_it_was(
    full: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = synthetic_run(tmp_path)
    full("report.html")
    assert reported(run, monkeypatch) == 3
    monkeypatch.undo()  # there is room again

    monkeypatch.setattr(sys, "argv", ["reports", str(run.folder)])
    assert report_main() == 0


def test_a_folder_that_may_not_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = synthetic_run(tmp_path)
    assert reported(run, monkeypatch) == 0
    capsys.readouterr()
    monkeypatch.setattr(Path, "unlink", raising(OSError(errno.EROFS, os.strerror(errno.EROFS))))

    monkeypatch.setattr(sys, "argv", ["reports", str(run.folder)])
    with pytest.raises(RunError, match=r"verdict.json: Read-only file system: expected leave"):
        report_main()
    assert reported(run, monkeypatch) == 70
    out, err = capsys.readouterr()
    assert "INVALID" in out
    assert "Read-only file system" in err


def test_a_page_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"gone/page.html: No such file or directory: expected room and leave"):
        store(tmp_path / "gone" / "page.html", "")


def test_what_is_verified_again_voids_the_verdict_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = synthetic_run(tmp_path)
    assert reported(run, monkeypatch) == 0

    verify(run, monkeypatch)

    assert not (run.folder / "verdict.json").exists()
    assert not (run.folder / "report.html").exists()


def test_a_full_disk_while_verifying_names_the_file_and_the_command(
    full: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = synthetic_run(tmp_path)
    full("integrity.json")
    with pytest.raises(RunError, match=r"integrity.json: No space left .*verify it again: `make verify-messages RUN="):
        verify(run, monkeypatch)

    monkeypatch.setattr(effects.np.lib.format, "write_array_header_1_0", raising(NO_SPACE))
    with pytest.raises(RunError, match=r"effects.npy: No space left on device.*verify the run again"):
        verify(run, monkeypatch)
    assert not (run.folder / "effects.npy").exists()


def test_an_error_of_ours_in_a_check_is_not_laid_to_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = synthetic_run(tmp_path)
    check = SimpleNamespace(id="X1", title="It is stored.", what="rows", unfed="")
    told: list[str] = []
    monkeypatch.setattr(verification.checks, "undecided", lambda _, why: told.append(why) or [])

    for failing in (raising(KeyError("sql")), raising(ConnectionResetError("gone"))):
        verify(run, monkeypatch, checks_of=lambda _: [check], judge=failing)

    assert "Proofload itself failed: KeyError: 'sql'" in told[0]
    assert "crash.txt" in told[0]
    assert told[1] == "the database could not be read: gone"


@pytest.mark.parametrize(
    ("target", "database", "words"),
    [
        (True, True, "ending the target and PostgreSQL"),
        (False, True, "ending PostgreSQL"),
        (True, False, "ending the target"),
        (False, False, "leaving the target as it is"),
    ],
)
def test_what_is_somebody_elses_is_not_said_to_be_ended(target: bool, database: bool, words: str) -> None:
    assert ending(target, database) == words
