"""Nothing but this machine, or what was allowed by name, is loaded, seeded or cleaned; and no password is shown."""

import socket
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from harness import database as databases
from harness import guard
from harness.database_url import parse
from harness.errors import DatabaseError, GuardError, PlanError
from harness.settings import Settings
from schema.__main__ import main as schema_main
from schema.migrate import migrate
from seeding.__main__ import main as seeding_main
from tests.support.target_process import query


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "[::1]"])
def test_this_machine_may_be_loaded(host: str) -> None:
    guard.may_load(f"http://{host}:8000", Settings())


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "example.com", "localhost.example.com", "127.0.0.1.example.com", "0.0.0.0", "128.0.0.1"]
)
def test_another_host_is_refused_with_the_setting_that_allows_exactly_it(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(GuardError, match=f"PERF_ALLOW_HOSTS={host}$"):
        guard.may_load(f"https://{host}/", Settings())
    with pytest.raises(GuardError, match=f"PERF_ALLOW_DATABASES={host}/shop$"):
        guard.may_write(f"postgresql://u:secret@{host}:5432/shop", Settings())

    monkeypatch.setenv("PERF_ALLOW_HOSTS", f"other, {host}")
    monkeypatch.setenv("PERF_ALLOW_DATABASES", f"{host}/shop")
    guard.may_load(f"https://{host}/", Settings())
    guard.may_write(f"postgresql://u:secret@{host}:5432/shop", Settings())
    with pytest.raises(GuardError):
        guard.may_write(f"postgresql://u:secret@{host}:5432/production", Settings())


@pytest.mark.parametrize(
    ("name", "host", "says"),
    [
        ("shop", "127.0.0.1", None),
        ("shop", "::1", None),
        ("shop", None, None),
        ("production", "127.0.0.1", "localhost/production"),
        ("production", None, "localhost/production"),
        ("shop", "10.255.255.7", "10.255.255.7/shop"),
    ],
)
def test_a_server_that_turns_out_to_be_another_is_refused_with_the_setting_that_allows_it(
    name: str, host: str | None, says: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = parse("postgresql://u:hunter2@localhost/shop")
    if says is None:
        guard.judge(wanted, name, host, Settings())
        return
    with pytest.raises(GuardError, match=f"says that it is {says}.*PERF_ALLOW_DATABASES={says}$") as caught:
        guard.judge(wanted, name, host, Settings())
    assert "hunter2" not in str(caught.value)
    monkeypatch.setenv("PERF_ALLOW_DATABASES", says)
    guard.judge(wanted, name, host, Settings())


def test_the_address_that_is_connected_to_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert guard.on_loopback("postgresql://u@localhost/shop?hostaddr=127.0.0.2")
    for host in ("localhost", "db.example.com"):
        monkeypatch.setenv("PERF_ALLOW_DATABASES", f"{host}/shop")
        url = f"postgresql://u@{host}/shop?hostaddr=10.0.0.1"
        assert not guard.on_loopback(url)
        with pytest.raises(GuardError, match=r"PERF_ALLOW_DATABASES=10.0.0.1/shop$"):
            guard.may_write(url, Settings())


def test_an_address_is_allowed_as_it_is_written_without_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERF_ALLOW_DATABASES", "fd00::1/shop")

    guard.may_write("postgresql://u@[fd00::1]/shop", Settings())
    assert "-h fd00::1" in databases.createdb("postgresql://u@[fd00::1]/shop")


def test_of_a_host_that_was_allowed_the_name_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = parse("postgresql://u@db.example.com/shop")
    monkeypatch.setenv("PERF_ALLOW_DATABASES", "db.example.com/shop")

    guard.judge(wanted, "shop", "10.0.0.7", Settings())
    with pytest.raises(GuardError, match=r"PERF_ALLOW_DATABASES=db.example.com/other"):
        guard.judge(wanted, "other", "10.0.0.7", Settings())


def test_the_server_is_asked_who_it_is(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    guard.must_be(database, Settings())
    with pytest.raises(DatabaseError, match=r'no schema gone .*CREATE SCHEMA "gone"'):
        guard.must_be(f"{database}?schema=gone", Settings())
    monkeypatch.setattr(guard, "WHO", "SELECT 'other', '10.255.255.7', false, 'public', false")
    with pytest.raises(GuardError, match=r"says that it is 10.255.255.7/other"):
        guard.must_be(database, Settings())
    monkeypatch.setattr(guard, "WHO", "SELECT current_database()::text, '127.0.0.1', true, 'public', true")
    with pytest.raises(DatabaseError, match="is a standby"):
        guard.must_be(database, Settings())


def test_a_user_who_may_only_read_is_named_before_anything_is_done(database: str) -> None:
    with pytest.raises(DatabaseError, match=r"lets postgres read only .*RESET default_transaction_read_only"):
        guard.must_answer(f"{database}?options=-cdefault_transaction_read_only%3Don", Settings())


@pytest.mark.parametrize("command", [schema_main, seeding_main])
def test_it_is_asked_before_the_first_write(
    command: Callable[[], int], database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setattr(sys, "argv", ["stage", "messages"])
    monkeypatch.setattr(guard, "WHO", "SELECT 'production', '127.0.0.1', false, 'public', false")
    migrate("messages", database)
    before = query(database, "SELECT sum(n_tup_ins) FROM pg_stat_user_tables")

    with pytest.raises(GuardError, match="production"):
        command()
    assert query(database, "SELECT count(*) FROM users") == [(0,)]
    assert query(database, "SELECT sum(n_tup_ins) FROM pg_stat_user_tables") == before


def test_a_container_behind_a_bridge_of_this_machine_is_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    interfaces = {"docker0": [SimpleNamespace(family=socket.AF_INET, address="172.31.0.1", netmask="255.255.0.0")]}
    monkeypatch.setattr(guard.psutil, "net_if_addrs", lambda: interfaces)
    wanted = parse("postgresql://u@localhost/shop")

    with pytest.raises(GuardError):
        guard.judge(wanted, "shop", "172.31.0.2", Settings())
    guard.judge(wanted, "shop", "172.31.0.1", Settings())
    monkeypatch.setattr(guard, "_of_containers", lambda _: True)
    guard.judge(wanted, "shop", "172.31.0.2", Settings())
    with pytest.raises(GuardError):
        guard.judge(wanted, "shop", "172.32.0.2", Settings())


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://127.0.0.1:port", "http://127.0.0.1:0", "http://127.0.0.1:99999", "http:///x",
            "http://127.0.0.1\\.example.com", "http://127.0.0.1 .example.com", "http://127.0.0.1%2eexample.com/",
            "http://127.0.0.1/\n", "http://127.0.0.1/ü", "//127.0.0.1"],
)  # fmt: skip
def test_what_clients_may_read_otherwise_is_no_url_of_a_target(url: str) -> None:
    with pytest.raises(GuardError, match="expected http://host:port"):
        guard.may_load(url, Settings())


@pytest.mark.parametrize("more", ["?token=hunter2", "#hunter2", "/?x"])
def test_what_would_not_be_sent_is_refused(more: str) -> None:
    with pytest.raises(GuardError, match="would not be sent") as caught:
        guard.may_load(f"http://127.0.0.1{more}", Settings())
    assert "hunter2" not in str(caught.value)
    guard.may_load(f"http://127.0.0.1{more.partition('#')[0]}", Settings(), "PERF_METRICS_URL")


@pytest.mark.parametrize(
    "user", ["me:hunter2", "me:x@hunter2", "me:x/hunter2", "hunter2", "me:x?hunter2", "me:x#hunter2"]
)
def test_no_part_of_a_password_in_a_target_url_is_shown(user: str) -> None:
    with pytest.raises(GuardError, match="user or password") as caught:
        guard.may_load(f"http://{user}@127.0.0.1/", Settings())
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "127.0.0.1:80", "ftp://127.0.0.1", "http://"])
def test_what_is_no_url_of_a_target_is_refused(url: str) -> None:
    with pytest.raises(GuardError, match="expected http://host:port"):
        guard.may_load(url, Settings())


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter2@h:1/db",
        "postgresql://u:hunter2@h/db?sslpassword=hunter2",
    ],
)
def test_a_redacted_url_holds_no_password(url: str) -> None:
    assert "hunter2" not in databases.redacted(url)
    assert "h" in databases.redacted(url)


@pytest.mark.parametrize(
    "url", ["mysql://u:hunter2@h/db", "postgresql://u:hunter2@h", "hunter2", "postgresql://u:hunter2@h:port/x"]
)
def test_what_is_no_database_url_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(DatabaseError, match="expected postgresql://") as caught:
        parse(url)

    assert "hunter2" not in str(caught.value)


def test_a_database_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(DatabaseError, match="no connection to postgresql://u:") as caught:
        databases.connect("postgresql://u:hunter2@127.0.0.1:1/db", "test")

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PERF_UI_PORT", "http"),
        ("PERF_UI_PORT", "70000"),
        ("PERF_SEED", "-1"),
        ("PERF_KEEP_DISK", "0.2"),
        ("PERF_KEEP_DISK", "101%"),
        ("PERF_SETTINGS", "prod"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(PlanError, match=f"{name}='{value}'"):
        Settings()


def test_settings_of_the_embedded_postgresql_are_not_for_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERF_SETTINGS", "production")
    assert Settings().database_settings == "production"

    monkeypatch.setenv("DATABASE_URL", "postgresql://u@127.0.0.1/db")
    with pytest.raises(PlanError, match="PERF_SETTINGS=production with DATABASE_URL"):
        Settings()


def test_an_empty_setting_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PERF_UI_PORT", "PERF_SEED", "PERF_ALLOW_HOSTS", "TARGET_URL"):
        monkeypatch.setenv(name, "")

    assert (Settings().ui_port, Settings().seed, Settings().allow_hosts, Settings().target_url) == (
        8089,
        1,
        frozenset(),
        "",
    )
