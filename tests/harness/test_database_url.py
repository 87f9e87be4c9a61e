"""One reading of a database URL for the guard, libpq and asyncpg; and no part of a password in what is shown."""

import asyncio
import pwd

import asyncpg
import pytest

from harness import database
from harness.database_url import SSLMODES, parse
from harness.errors import DatabaseError

PASSWORD = "hunter2"


@pytest.mark.parametrize(
    ("url", "host", "port", "shown"),
    [
        ("postgresql://u:p@h/db", "h", 5432, "postgresql://u:***@h:5432/db"),
        ("postgres://u:p@h:1/db", "h", 1, "postgresql://u:***@h:1/db"),
        ("postgresql+psycopg2://u@h/db", "h", 5432, "postgresql://u@h:5432/db"),
        ("postgresql+asyncpg://u@[::1]:5433/db", "[::1]", 5433, "postgresql://u@[::1]:5433/db"),
        ("postgresql://u@%2Frun%2Fpg/db", "/run/pg", 5432, "postgresql://u@%2Frun%2Fpg:5432/db"),
        ("postgresql://u@/db?host=/run/pg&port=1", "/run/pg", 1, "postgresql://u@%2Frun%2Fpg:1/db"),
        ("postgresql:///db?host=h", "h", 5432, None),
        ("postgresql://u@h/db?schema=shop", "h", 5432, "postgresql://u@h:5432/db?schema=shop"),
        ("postgresql://u@h/db?sslmode=require&sslpassword=hunter2", "h", 5432, "postgresql://u@h:5432/db"),
        ("postgresql://u:a%40b%2Fc@h/d%20b", "h", 5432, "postgresql://u:***@h:5432/d%20b"),
    ],
)
def test_a_url_is_read_once_and_every_form_of_it_leads_to_the_same(
    url: str, host: str, port: int, shown: str | None
) -> None:
    found = parse(url)

    assert (found.host, found.port) == (host, port)
    assert shown is None or found.shown == shown == database.redacted(url)
    again = parse(found.url)
    assert (again.host, again.port, again.user, again.password, again.name) == (
        found.host,
        found.port,
        found.user,
        found.password,
        found.name,
    )
    parameters = found.parameters()
    assert (parameters["host"], parameters["port"], parameters["dbname"]) == (host.strip("[]"), port, found.name)
    assert "hunter2" not in repr(found) + found.shown


def test_the_address_that_is_connected_to_is_the_one_that_is_given() -> None:
    found = parse("postgresql://u@h/db?hostaddr=::1")

    assert (found.parameters()["host"], found.parameters()["hostaddr"]) == ("h", "::1")
    assert found.shown == "postgresql://u@h:5432/db?hostaddr=%3A%3A1"
    assert found.url == "postgresql://u@[::1]:5432/db"


def test_the_parts_are_decoded() -> None:
    found = parse("postgresql://a%40b:p%3Aq%2F%3F%23+@h/db?schema=Shop&sslmode=verify-full&options=-cjit%3Doff")

    assert (found.user, found.password) == ("a@b", "p:q/?#+")
    assert found.parameters()["options"] == '-cjit=off -csearch_path="Shop"'
    assert found.parameters()["sslmode"] == "verify-full"
    assert parse(found.url).parameters() == {**found.parameters()}


@pytest.mark.parametrize(
    "tail", ["host=other", "dbname=other", "port=1", "user=x", "password=x", "service=prod",
             "passfile=/x", "servicefile=/x"],
)  # fmt: skip
def test_what_leads_elsewhere_than_the_url_says_is_refused(tail: str) -> None:
    with pytest.raises(DatabaseError, match=f"{tail.partition('=')[0]} in its query"):
        parse(f"postgresql://u@localhost/shop?{tail}")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://u@a,b/db", "several hosts"),
        ("postgresql://u@a:1,b:2/db", "can't be read"),
        ("postgresql:///db?host=a,b", "several hosts"),
        ("postgresql://u@h/db?hostaddr=10.0.0.1,10.0.0.2", "no address"),
        ("postgresql://u@h/db?hostaddr=other", "no address"),
        ("postgresql://u@h", "lacks"),
        ("postgresql://u@/db", "lacks"),
        ("postgresql://u@h:0/db", "lacks"),
        ("postgresql://u@h:99999/db", "lacks"),
        ("postgresql://u@@abstract/db", "can't be read"),
        ("postgresql://u@h/db?ssl_mode=require", "did you mean 'sslmode'"),
        ("postgresql://u@h/db?sslmode=required", "did you mean 'require'"),
        ("postgresql://u@h/db?schema=a%20b", "letters, digits"),
        ("postgresql://u@h/db?sslmode=require&sslmode=disable", "each key once"),
        ("postgresql://u@h/db?sslmode", "each key once"),
        ("postgresql://u:%zz@h/db", "encodes nothing"),
        ("postgresql://u:%00@h/db", "%00"),
        ("postgresql://u:%ff@h/db", "UTF-8"),
        ("postgresql://u@h/db#x", "can't be read"),
        ("jdbc:postgresql://h/db", "can't be read"),
        ("host=h dbname=db", "can't be read"),
    ],
)
def test_what_is_not_one_host_and_one_name_is_refused(url: str, says: str) -> None:
    with pytest.raises(DatabaseError, match=says):
        parse(url)


@pytest.mark.parametrize(
    "password", ["x@hunter2", "x@hunter2@y", "x/hunter2", "1/hunter2", "x?hunter2", "1?hunter2", "x#hunter2",
                 "x:1/hunter2", "x@y/hunter2", "x@y?hunter2", "hunter2@x", "hunter2%", "x hunter2"],
)  # fmt: skip
def test_no_part_of_a_password_that_is_not_encoded_is_shown(password: str) -> None:
    url = f"postgresql://u:{password}@127.0.0.1:1/db"
    with pytest.raises(DatabaseError) as caught:
        parse(url)

    assert PASSWORD not in f"{caught.value} {database.redacted(url)}"
    assert caught.value.__cause__ is None


def test_a_url_without_a_user_means_the_one_whose_process_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    me = pwd.getpwuid(__import__("os").geteuid()).pw_name
    monkeypatch.setenv("USER", "other")
    assert parse("postgresql://h/db").user == me

    def nameless(_: int) -> pwd.struct_passwd:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", nameless)
    with pytest.raises(DatabaseError, match="has no name here"):
        parse("postgresql://h/db")


VARIABLES = {
    "PGHOST": "10.255.255.1",
    "PGHOSTADDR": "10.255.255.1",
    "PGPORT": "1",
    "PGDATABASE": "other",
    "PGUSER": "other",
    "PGSERVICE": "prod",
    "PGSERVICEFILE": "/nowhere",
    "PGSSLMODE": "verify-full",
    "PGOPTIONS": "-csearch_path=other",
    "PGCLIENTENCODING": "LATIN1",
    "PGTZ": "Asia/Kolkata",
    "PGREQUIREAUTH": "scram-sha-256",
}


def test_no_variable_of_libpq_leads_a_connection_elsewhere(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness import database as ours

    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)

    with ours.session(database, "test") as cursor:
        cursor.execute(
            "SELECT current_database(), current_user, current_setting('search_path'),"
            " current_setting('client_encoding')"
        )
        found = cursor.fetchone()
    assert found == (parse(database).name, "postgres", '"$user", public', "UTF8")


@pytest.mark.parametrize("query", ["", "?sslmode=prefer", "?sslmode=disable&schema=other", "?connect_timeout=3"])
def test_libpq_and_asyncpg_read_what_the_target_gets_alike(database: str, query: str) -> None:
    from harness import database as ours

    address = parse(database.replace("postgresql://", "postgresql+asyncpg://") + query)
    with ours.session(address, "test") as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS other")
        cursor.execute("SELECT current_database(), current_schema()")
        one = cursor.fetchone()

    async def ask() -> tuple[str, str]:
        connection = await asyncpg.connect(address.url)
        try:
            return tuple(await connection.fetchrow("SELECT current_database()::text, current_schema()::text"))
        finally:
            await connection.close()

    assert asyncio.run(ask()) == one


def test_every_sslmode_is_taken() -> None:
    assert all(parse(f"postgresql://u@h/db?sslmode={mode}").parameters()["sslmode"] == mode for mode in SSLMODES)
