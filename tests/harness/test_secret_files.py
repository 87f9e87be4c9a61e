"""Secrets from files reach our processes, and nobody is shown them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import database_url, secret_files
from harness.errors import DatabaseError, PlanError
from harness.settings import ROOT


@pytest.fixture
def taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file for DATABASE_PASSWORD_FILE, and an environment that is as before at the end."""
    for name in ("DATABASE_URL", "DATABASE_PASSWORD_FILE", "PERF_JWT_KEY", "PERF_JWT_KEY_FILE"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("DATABASE_PASSWORD_FILE", str(tmp_path / "password"))
    return tmp_path / "password"


def test_the_password_goes_into_the_url_and_the_key_into_its_variable(
    taken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken.write_text("p@:/?#% s\n")
    (taken.parent / "key").write_text("of tokens\n")
    monkeypatch.setenv("DATABASE_URL", "postgresql://perf@db:6543/messages?sslmode=require")
    monkeypatch.setenv("PERF_JWT_KEY_FILE", str(taken.parent / "key"))
    secret_files.take()
    parsed = database_url.parse(os.environ["DATABASE_URL"])

    assert (parsed.user, parsed.password, parsed.host, parsed.port) == ("perf", "p@:/?#% s", "db", 6543)
    assert parsed.options == (("sslmode", "require"),)
    assert os.environ["PERF_JWT_KEY"] == "of tokens"
    assert not [name for name in os.environ if name in ("DATABASE_PASSWORD_FILE", "PERF_JWT_KEY_FILE")]


@pytest.mark.parametrize(
    ("url", "text", "why"),
    [
        ("postgresql://perf@db/x", None, "No such file or directory: expected a file with the secret alone"),
        ("postgresql://perf@db/x", "\n", "it is empty: expected a file"),
        ("", "hidden", "DATABASE_PASSWORD_FILE without DATABASE_URL"),
        ("postgresql://perf:one@db/x", "hidden", "has a password, and another was given"),
        ("postgresql://db/x", "hidden", "has no user, whose password was given"),
        ("postgresql://perf@db", "hidden", "lacks a host, a port or a name"),
    ],
)
def test_what_has_no_secret_or_two_is_refused(
    taken: Path, monkeypatch: pytest.MonkeyPatch, url: str, text: str | None, why: str
) -> None:
    if text is not None:
        taken.write_text(text)
    monkeypatch.setenv("DATABASE_URL", url)

    with pytest.raises((PlanError, DatabaseError), match=why) as told:
        secret_files.take()
    assert "hidden" not in str(told.value)


def test_two_keys_are_refused(taken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken.write_text("hidden")
    monkeypatch.setenv("DATABASE_PASSWORD_FILE", "")
    monkeypatch.setenv("PERF_JWT_KEY_FILE", str(taken))
    monkeypatch.setenv("PERF_JWT_KEY", "another")

    with pytest.raises(PlanError, match="PERF_JWT_KEY with PERF_JWT_KEY_FILE"):
        secret_files.take()


def test_the_command_line_takes_them(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "DATABASE_PASSWORD_FILE": str(tmp_path / "none")}
    command = [sys.executable, "-m", "harness", "list"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)

    assert done.returncode == 2
    assert done.stderr.startswith(f"error: DATABASE_PASSWORD_FILE={tmp_path}/none: No such file or directory")
