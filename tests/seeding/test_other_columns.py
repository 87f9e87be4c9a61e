"""Users of somebody else's table are seeded under its names and types, with what else it must have."""

from typing import Any

import pytest

from harness.errors import PlanError
from harness.plan.names import as_sql
from harness.plan.scenario import Scenario
from schema.migrate import migrate
from seeding.messages import check, seed
from systems import ids
from systems.messages import pool_digest_sql
from tests.support.other_messages import NAMES, TABLES
from tests.support.plans import varied
from tests.support.target_process import query
from verification.messages import source


@pytest.fixture
def theirs(database: str) -> str:
    query(database, TABLES)
    return database


def scenario(**changes: Any) -> Scenario:
    return varied("sustained", database={**NAMES, **changes}, pool={"users": 50, "strangers": 10})


def test_each_column_is_filled_and_what_it_refers_to(theirs: str) -> None:
    wanted = scenario()
    assert "are not ours" in migrate("messages", theirs, wanted.database)
    facts = seed(theirs, 1, wanted)
    check(theirs, wanted)

    found = query(theirs, 'SELECT "userId", "fullName", locale, "updatedAt" IS NOT NULL, tenant FROM "User" ORDER BY 1')
    assert found[0] == (ids.uuid_of(1), "PerfUser", "en", True, 7)
    assert len(found) == 50
    quoted = {key: f'"{name}"' if name else "" for key, name in wanted.database.items() if isinstance(name, str)}
    assert query(theirs, pool_digest_sql(quoted)) == [(facts["digest"],)]


def test_what_else_is_filled_is_filled_again_as_the_plan_says_now(theirs: str) -> None:
    seed(theirs, 1, scenario())
    seed(theirs, 1, scenario(extra={"updatedAt": "now()", "tenant": 7, "locale": "'de'"}))

    assert query(theirs, 'SELECT DISTINCT locale FROM "User"') == [("de",)]
    assert query(theirs, 'SELECT count(*) FROM "Tenant"') == [(1,)]


def test_a_status_in_their_words_is_read_as_ours() -> None:
    found = source(scenario(status_sent="it's done").database)

    assert found.table == '"Outbox"'
    assert "WHEN 'it''s done' THEN 'SENT'" in found.named["status"]
    assert "message_type" not in found.columns


def test_constants_are_constants_and_texts_are_sql() -> None:
    assert as_sql({"a": "now()", "b": 7, "c": True}) == {"a": "now()", "b": "7", "c": "true"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"extra": {"updatedAt": ["now()"]}}, "a table of columns with SQL"),
        ({"extra": {"updatedAt": ""}}, "a table of columns with SQL"),
        ({"extra": "now()"}, "expected something like {}"),
        ({"first": {"Tenant": "x"}}, "a table of tables with a row"),
        ({"first": {"Tenant": {}}}, "a table of tables with a row"),
        ({"message_content": ""}, "message_content = '': expected a name"),
        ({"sent": "a\nb"}, "no control characters"),
        ({"snt": "x"}, "did you mean 'sent'?"),
    ],
)
def test_names_that_can_not_be_are_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(PlanError) as caught:
        varied("sustained", database=changes)
    assert says in str(caught.value)
