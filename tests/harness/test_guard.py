"""Nothing but this machine, or what was allowed by name, is loaded, seeded or cleaned; and no password is shown."""

import pytest

from harness import database, guard
from harness.errors import DatabaseError, GuardError, PlanError
from harness.settings import Settings


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


@pytest.mark.parametrize("variable", [None, "PGHOSTADDR"])
def test_the_address_that_is_connected_to_counts_too(variable: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    query = ""
    if variable:
        monkeypatch.setenv(variable, "10.0.0.1")
    else:
        query = "?hostaddr=10.0.0.1"

    assert not guard.on_loopback(f"postgresql://u@localhost/shop{query}")
    with pytest.raises(GuardError, match=r"PERF_ALLOW_DATABASES=localhost/shop$"):
        guard.may_write(f"postgresql://u@localhost/shop{query}", Settings())


@pytest.mark.parametrize("word", ["host", "dbname"])
def test_a_query_that_leads_elsewhere_than_the_url_says_is_refused(word: str) -> None:
    with pytest.raises(DatabaseError, match=f"{word} in its query"):
        guard.may_write(f"postgresql://u@localhost/shop?{word}=other", Settings())


@pytest.mark.parametrize("url", ["", "127.0.0.1:80", "ftp://127.0.0.1", "http://"])
def test_what_is_no_url_of_a_target_is_refused(url: str) -> None:
    with pytest.raises(GuardError, match="expected http://host:port"):
        guard.may_load(url, Settings())


def test_a_target_url_with_a_password_is_refused_without_showing_it() -> None:
    with pytest.raises(GuardError) as caught:
        guard.may_load("http://me:hunter2@127.0.0.1", Settings())

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter2@h:1/db",
        "postgresql://u:hunter2@h/db?sslpassword=hunter2",
        "postgresql://u:hunter2@h/db?password=hunter2",
    ],
)
def test_a_redacted_url_holds_no_password(url: str) -> None:
    assert "hunter2" not in database.redacted(url)
    assert "h" in database.redacted(url)


@pytest.mark.parametrize(
    "url", ["mysql://u:hunter2@h/db", "postgresql://u:hunter2@h", "hunter2", "postgresql://u:hunter2@h:port/x"]
)
def test_what_is_no_database_url_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(DatabaseError, match="expected postgresql://") as caught:
        database.parse(url)

    assert "hunter2" not in str(caught.value)


def test_a_database_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(DatabaseError, match="no connection to postgresql://u:") as caught:
        database.connect("postgresql://u:hunter2@127.0.0.1:1/db", "test")

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PERF_UI_PORT", "http"),
        ("PERF_UI_PORT", "70000"),
        ("PERF_SEED", "-1"),
        ("PERF_KEEP_DISK", "0.2"),
        ("PERF_KEEP_DISK", "101%"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(PlanError, match=f"{name}='{value}'"):
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
