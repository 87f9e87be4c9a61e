"""A pool is the same under any settings that the role or the database gives its sessions, and any time zone of ours."""

import time
from pathlib import Path

import pytest

from harness import fixtures
from harness.database_url import parse
from harness.errors import PoolError
from schema.migrate import migrate
from seeding import authorizations, messages
from tests.support.plans import varied
from tests.support.target_process import query

ODD = """
ALTER DATABASE {name} SET standard_conforming_strings = off; ALTER DATABASE {name} SET TimeZone = 'Asia/Kolkata';
ALTER DATABASE {name} SET DateStyle = 'SQL, DMY'; ALTER DATABASE {name} SET bytea_output = 'escape';
ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'; ALTER DATABASE {name} SET jit = off;
ALTER DATABASE {name} SET client_encoding = 'LATIN1'; ALTER DATABASE {name} SET extra_float_digits = 0
"""


@pytest.mark.parametrize("system", [messages, authorizations])
def test_odd_settings_make_no_other_pool(
    system: object, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = system.__name__.rpartition(".")[2]  # type: ignore[attr-defined]
    scenario = varied("peak", pool={"users": 50, "strangers": 5}) if system is messages else varied("mixed")
    migrate(name, database)
    usual = system.seed(database, 1, scenario, tmp_path / "data.json")  # type: ignore[attr-defined]
    query(database, ODD.format(name=parse(database).name))
    monkeypatch.setenv("TZ", "America/St_Johns")
    time.tzset()
    try:
        migrate(name, database)
        again = system.seed(database, 1, scenario, tmp_path / "data.json")  # type: ignore[attr-defined]
        system.check(database, scenario)  # type: ignore[attr-defined]
    finally:
        monkeypatch.undo()
        time.tzset()

    assert again["digest"] == usual["digest"]


@pytest.mark.parametrize("system", [messages, authorizations])
def test_a_schema_that_the_url_names_gets_all_of_it(system: object, database: str, tmp_path: Path) -> None:
    name = system.__name__.rpartition(".")[2]  # type: ignore[attr-defined]
    scenario = varied("peak", pool={"users": 50, "strangers": 5}) if system is messages else varied("mixed")
    query(database, 'CREATE SCHEMA "Shop"')
    url = f"{database}?schema=Shop"
    migrate(name, url)
    system.seed(url, 1, scenario, tmp_path / "data.json")  # type: ignore[attr-defined]
    system.check(url, scenario)  # type: ignore[attr-defined]

    found = query(database, "SELECT DISTINCT schemaname FROM pg_tables WHERE schemaname !~ '^(pg_|information)'")
    assert found == [("Shop",)]


def test_what_is_left_for_users_is_named_where_it_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(PoolError, match=r"data\.json: .*: expected to write it there; see PERF_RUNS"):
        fixtures.write(tmp_path / "file" / "data.json", {})
