"""The pool is as the plan needs it, under the names of the plan; tokens and ids stand beside it."""

import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import jwt
import pytest

from harness import fixtures
from harness.errors import DatabaseError, PoolError
from harness.plan import reading
from harness.plan.scenario import Scenario
from schema.authorizations import tables
from schema.migrate import migrate
from seeding.authorizations import KEY, check, seed, sentence
from systems import authorizations as facts
from systems import ids
from systems.authorizations import Pool
from tests.support import commands
from tests.support.target_process import query

CAMEL = {
    "authorizations": "Authorization",
    "authorization_organization": "organizationId",
    "total": "totalUnits",
    "used": "usedUnits",
    "scheduled": "scheduledUnits",
    "version": "",
    "movements": "",
}
SIGNING = "a key that is long enough to sign with"


@pytest.fixture
def scenario() -> Scenario:
    return reading.find("mixed", "smoke")


@pytest.fixture
def seeded(database: str, scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(KEY, SIGNING)
    migrate("authorizations", database, scenario.database)
    seed(database, 1, scenario, tmp_path / "test-data.json")
    return database


def test_every_authorization_of_the_pool_is_there_as_the_facts_have_it(seeded: str, scenario: Scenario) -> None:
    found = query(
        seeded,
        "SELECT id::text, organization_id::text, patient_id::text, auth_number, total_units, used_units, "
        "scheduled_units, version FROM authorizations ORDER BY id",
    )
    assert found == [
        (
            one.id,
            ids.uuid_of(one.organization),
            ids.uuid_of(one.patient),
            one.auth_number,
            one.total,
            one.used,
            one.scheduled,
            0,
        )
        for one in Pool(**scenario.pool)
    ]


def test_patients_and_practitioners_belong_to_the_organizations_of_the_document(seeded: str) -> None:
    for table, counts in (("patients", facts.PATIENTS), ("practitioners", facts.PRACTITIONERS)):
        found = query(seeded, f"SELECT count(*)::int FROM {table} GROUP BY organization_id ORDER BY organization_id")
        assert [count for (count,) in found] == list(counts)


def test_tokens_are_of_each_practitioner_and_outlive_the_longest_profile(seeded: str, tmp_path: Path) -> None:
    path = tmp_path / "test-data.json"
    said = fixtures.read(path, "authorizations")

    assert len(said["authorizationIds"]) == 55
    assert said["highContentionAuthIds"] == [ids.uuid_of(n) for n in range(1, 11)]
    for number, token in enumerate(said["practitionerTokens"], 1):
        claims = jwt.decode(token, SIGNING, algorithms=["HS256"])
        assert claims["sub"] == ids.uuid_of(number)
        assert claims["organizationId"] == ids.uuid_of(facts.employer(number))
        longest = max(reading.find(name, "full").seconds for name in ("high-contention", "high-throughput", "mixed"))
        assert claims["exp"] - claims["iat"] > 2 * longest
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_second_seeding_finds_the_same_and_mends_what_a_run_has_changed(
    seeded: str, scenario: Scenario, tmp_path: Path
) -> None:
    again = seed(seeded, 1, scenario, tmp_path / "again.json")
    assert again["skipped"]
    assert again["cleaned"] == 0
    query(seeded, "UPDATE authorizations SET scheduled_units = 7, version = 3 WHERE id = %s", ids.uuid_of(31))
    query(
        seeded,
        "INSERT INTO unit_movements (authorization_id, kind, units, idempotency_key, practitioner_id) "
        "VALUES (%s, 'reserve', 7, 'k', %s)",
        ids.uuid_of(31),
        ids.uuid_of(1),
    )

    mended = seed(seeded, 1, scenario, tmp_path / "again.json")

    assert not mended["skipped"]
    assert mended["cleaned"] == 1
    assert mended["digest"] == again["digest"]
    assert "1 movements of earlier runs deleted" in sentence(mended)


def test_another_plan_gets_a_pool_of_another_size(seeded: str, tmp_path: Path) -> None:
    larger = reading.find("high-throughput", "full")
    done = seed(seeded, 1, larger, tmp_path / "larger.json")

    assert done["authorizations"] == 55 + larger.pool["spread"]
    assert query(seeded, "SELECT count(*)::int FROM authorizations") == [(done["authorizations"],)]
    check(seeded, larger)


def test_a_pool_that_is_too_small_for_a_plan_is_refused_with_what_mends_it(seeded: str) -> None:
    with pytest.raises(PoolError, match=r"has 1,\d+ authorizations|has \d+ authorizations, expected .*seed-auth"):
        check(seeded, reading.find("high-throughput", "full"))


def test_tables_and_columns_are_called_as_the_plan_says(database: str, scenario: Scenario, tmp_path: Path) -> None:
    other = replace(scenario, database={**scenario.database, **CAMEL})
    said = migrate("authorizations", database, other.database)
    seed(database, 1, other, tmp_path / "test-data.json")

    assert "unit_movements" not in said
    found = query(database, 'SELECT "totalUnits", "scheduledUnits" FROM "Authorization" WHERE id = %s', ids.uuid_of(1))
    assert found == [(50, scenario.pool["hot_scheduled"])]
    check(database, other)


def test_tables_of_theirs_are_looked_at_and_never_altered(database: str, scenario: Scenario) -> None:
    query(database, "CREATE TABLE authorizations (id uuid PRIMARY KEY)")
    with pytest.raises(DatabaseError, match=r"no authorizations\.total_units"):
        migrate("authorizations", database, scenario.database)
    assert query(database, "SELECT count(*)::int FROM pg_tables WHERE schemaname = 'public'") == [(1,)]


def test_the_database_itself_refuses_to_overbook(seeded: str) -> None:
    import psycopg2

    with pytest.raises(psycopg2.errors.CheckViolation):
        query(seeded, "UPDATE authorizations SET used_units = 1001 WHERE id = %s", ids.uuid_of(31))


def test_no_movements_means_no_table_of_them(scenario: Scenario) -> None:
    names = {**scenario.database, "movements": "", "version": ""}
    made = tables(names)
    assert "unit_movements" not in made.tables
    assert "version" not in made.tables["authorizations"].columns


def test_the_command_seeds_for_a_run_and_says_what_it_did(database: str, scenario: Scenario, tmp_path: Path) -> None:
    from harness.run import Run

    run = Run.create(tmp_path, scenario, seed=1, command=[], interrupted=None)
    for stage in ("schema", "seeding"):
        done = commands.run(
            stage,
            "authorizations",
            "--run-folder",
            str(run.folder),
            *(["--json"] if stage == "seeding" else []),
            environment=os.environ | {"DATABASE_URL": database},
        )
    said, facts_line = done.stdout.splitlines()
    assert f"seeded {55 + scenario.pool['spread']} authorizations for 10 practitioners" in said
    assert f"{KEY} is not set" in said
    assert json.loads(facts_line)["pool"] == scenario.pool
    assert fixtures.fixtures_of(run.folder).exists()
