"""What a database lacks of the stated schema is said, part by part; the stated schema itself lacks nothing."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness import catalogue
from harness.plan import plans, reading
from harness.run import Run
from harness.stack.postgres import Postgres
from harness.verdict import CheckState
from schema.authorizations import tables
from schema.messages import tables as of_system
from schema.migrate import migrate
from tests.support.plans import varied
from tests.support.surroundings import around
from tests.support.target_process import query
from verification import surroundings
from verification.case import Observation
from verification.catalogue import Schema, weak
from verification.checks import judge
from verification.stated_schema import weaknesses

OTHERWISE = {"movements": "Moves", "movement_key": "theKey", "movement_units": "key", "used": "user", "version": ""}
SPLIT = "ALTER TABLE message_logs DROP CONSTRAINT message_logs_idempotency_key_key;"
LACKS = {
    "a unique key": (
        "ALTER TABLE message_logs DROP CONSTRAINT message_logs_idempotency_key_key",
        "no unique key on idem",
    ),
    "a unique key for all rows": (
        f"{SPLIT} CREATE UNIQUE INDEX ON message_logs (idempotency_key) WHERE status <> 'FAILED'",
        "no unique key on idempotency_key",
    ),
    "a unique key by itself": (
        f"{SPLIT} CREATE UNIQUE INDEX ON message_logs (idempotency_key, user_id)",
        "no unique key on idempotency_key",
    ),
    "a primary key": ("ALTER TABLE message_logs DROP CONSTRAINT message_logs_pkey", "no primary key on id"),
    "a foreign key": (
        "ALTER TABLE message_logs DROP CONSTRAINT message_logs_user_id_fkey",
        "no foreign key from user_id to users",
    ),
    "a foreign key that was validated": (
        "ALTER TABLE message_logs DROP CONSTRAINT message_logs_user_id_fkey;"
        "ALTER TABLE message_logs ADD FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID",
        "but NOT VALID",
    ),
    "a foreign key whose triggers are on": ("ALTER TABLE message_logs DISABLE TRIGGER ALL", "its triggers disabled"),
    "a foreign key that keeps messages": (
        "ALTER TABLE message_logs DROP CONSTRAINT message_logs_user_id_fkey;"
        "ALTER TABLE message_logs ADD FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE",
        "with ON DELETE CASCADE",
    ),
    "a check": ("ALTER TABLE message_logs DROP CONSTRAINT message_logs_status_check", "no CHECK on status"),
    "not null": ("ALTER TABLE message_logs ALTER message_content DROP NOT NULL", "may have no message_content"),
    "a trigger that is on": (
        "CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        "CREATE TRIGGER guarded BEFORE UPDATE ON message_logs FOR EACH ROW EXECUTE FUNCTION guard();"
        "ALTER TABLE message_logs DISABLE TRIGGER guarded",
        "has trigger guarded, which is disabled",
    ),
    "no rule": ("CREATE RULE kept AS ON DELETE TO message_logs DO INSTEAD NOTHING", "has rule kept: DELETE"),
}
AS_GOOD = {
    "a unique index instead of a constraint": f"{SPLIT} CREATE UNIQUE INDEX ON message_logs (idempotency_key)",
    "an enum instead of a check": (
        "ALTER TABLE message_logs DROP CONSTRAINT message_logs_status_check; DROP INDEX message_logs_claim;"
        "CREATE TYPE state AS ENUM ('SCHEDULED', 'SENT', 'FAILED'); ALTER TABLE message_logs ALTER status DROP DEFAULT;"
        "ALTER TABLE message_logs ALTER status TYPE state USING status::state"
    ),
    "names of their own": (
        "ALTER TABLE message_logs RENAME CONSTRAINT message_logs_pkey TO pk;"
        'ALTER TABLE message_logs RENAME CONSTRAINT message_logs_user_id_fkey TO "the user\'s, (of it)"'
    ),
    "more columns, and a table that has nothing": (
        "ALTER TABLE message_logs ADD campaign text; CREATE TABLE others (message_logs text)"
    ),
}


@pytest.fixture(autouse=True)
def _tables(database: str) -> None:
    migrate("messages", database)


def of_messages(url: str) -> list[str]:
    return weaknesses(of_system(plans.reference("messages", "database")), catalogue.lines(url))


def test_the_stated_schema_lacks_nothing(cluster: Postgres, database: str) -> None:
    assert of_messages(database) == []
    plan = reading.find("mixed", "smoke")
    url = cluster.create("stated_authorizations")
    migrate("authorizations", url, plan.database)
    assert weaknesses(tables(plan.database), catalogue.lines(url)) == []
    cluster.drop("stated_authorizations")


def test_nor_does_it_under_other_names(cluster: Postgres) -> None:
    names = {**reading.find("mixed", "smoke").database, **OTHERWISE}
    url = cluster.create("stated_otherwise")
    migrate("authorizations", url, names)
    clean = weaknesses(tables(names), catalogue.lines(url))
    query(url, 'ALTER TABLE "Moves" DROP CONSTRAINT "Moves_theKey_key"')
    query(url, "ALTER TABLE authorizations DROP CONSTRAINT authorizations_units_check")
    found = weaknesses(tables(names), catalogue.lines(url))
    cluster.drop("stated_otherwise")

    assert clean == []
    assert len(found) == 2
    assert "Table authorizations has no CHECK on total_units, user, scheduled_units" in found[0]
    assert "Table Moves has no unique key on theKey" in found[1]


@pytest.mark.parametrize("name", LACKS)
def test_what_is_lacking_is_said(name: str, database: str) -> None:
    statements, said = LACKS[name]
    query(database, statements)
    found = of_messages(database)

    assert any(said in one for one in found), found
    assert all(one.startswith("Table message_logs ") and one.endswith(".") for one in found)


@pytest.mark.parametrize("name", AS_GOOD)
def test_what_protects_as_well_is_no_weakness(name: str, database: str) -> None:
    query(database, AS_GOOD[name])

    assert of_messages(database) == []


def test_it_is_read_of_the_run_as_it_was_before_the_load(database: str, tmp_path: Path) -> None:
    query(database, LACKS["a check"][0])
    run = Run(tmp_path, {"plan": varied("sustained", "smoke", {}).as_json(), "schema": catalogue.lines(database)})

    assert ["no CHECK on status" in one for one in weak(run)] == [True]
    assert weak(Run(tmp_path, {"schema": []})) == weak(Run(tmp_path, {})) == []


@pytest.mark.parametrize(("ours", "state"), [(True, CheckState.VIOLATED), (False, CheckState.HOLDS)])
def test_in_our_database_it_is_a_finding_and_in_somebodys_a_weakness(ours: bool, state: CheckState) -> None:
    lines = ["table public.things"]
    seen = SimpleNamespace(
        **{**around(0, ours), "schema": Schema(lines, lines, ("Table things is weak.",))}, disturbance=""
    )
    case = cast(Any, SimpleNamespace(seen=seen, ledger=SimpleNamespace(lost=()), sentence=lambda *_: ""))
    (finding,) = judge([surroundings.SCHEMA], case)

    assert finding.state is state
    assert finding.said == ("Not as stated: Table things is weak." if ours else "")
    assert surroundings.weakened(cast(Observation, seen)) == ([] if ours else ["Table things is weak."])
