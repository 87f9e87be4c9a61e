"""Errors of statements are counted by their code, from a place in the log on, but for our own; a crash is seen."""

from pathlib import Path

from harness.stack.postgres_log import read

BEFORE = "2026-11-26 10:00:00.000 UTC [7] 23505 ERROR:  duplicate key value\n"
DURING = """\
2026-11-26 10:00:01.000 UTC [7] 23503 ERROR:  insert or update violates foreign key constraint
2026-11-26 10:00:01.000 UTC [7] 23503 DETAIL:  Key is not present
2026-11-26 10:00:01.000 UTC [7] 23503 STATEMENT:  INSERT … [9] 42P01 ERROR: no line of its own
2026-11-26 10:00:02.000 UTC [8] 23503 ERROR:  insert or update violates foreign key constraint
2026-11-26 10:00:02.000 UTC [8] 40001 <the target> ERROR:  could not serialize access
2026-11-26 10:00:02.000 UTC [6] 42883 <proofload monitor> ERROR:  operator does not exist: uuid = text
2026-11-26 10:00:03.000 UTC [9] 57P01 FATAL:  terminating connection due to administrator command
"""
CRASH = "2026-11-26 10:00:04.000 UTC [1] 00000 LOG:  server process (PID 9) was terminated by signal 9: Killed\n"


def test_errors_are_counted_by_code(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    log.write_text(BEFORE + DURING)

    assert read(log, len(BEFORE)) == {"errors": {"23503": 2, "40001": 1}, "crashed": False}


def test_a_crash_is_seen(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    log.write_text(BEFORE + CRASH)

    assert read(log, len(BEFORE))["crashed"]
    assert not read(log, len(BEFORE + CRASH))["crashed"]


def test_a_crash_that_was_announced_is_none_and_any_other_is(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    log.write_text(BEFORE + DURING + CRASH + DURING)
    first, last = len(BEFORE + DURING), len(BEFORE + DURING + CRASH)

    assert not read(log, len(BEFORE), [(first, last)])["crashed"]
    assert read(log, len(BEFORE), [(first, last)])["errors"] == {"23503": 4, "40001": 2}
    log.write_text(BEFORE + DURING + CRASH + DURING + CRASH)
    assert read(log, len(BEFORE), [(first, last)])["crashed"]
    assert read(log, len(BEFORE), [(0, len(BEFORE))])["crashed"]


def test_no_log_has_no_errors(tmp_path: Path) -> None:
    assert read(tmp_path / "none", 0) == {"errors": {}, "crashed": False}
