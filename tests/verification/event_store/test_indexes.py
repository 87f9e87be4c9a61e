"""Without any one of its indexes a statement of the engine is not done as it must be, and the plan says so."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from harness.stack.postgres import Postgres
from systems import event_store_pool, ids
from systems.event_store import XMIN, noon
from systems.event_store_sql import STATEMENTS
from target.event_store.preparation import DDL
from tests.support.judged import database_of, scenario_of
from verification.event_store import VARIANT
from verification.event_store.plans import UNKNOWN, Plan, wrong

CONTRACT = {"stream_blocks": 8, "depth_blocks": 60}
POOL = event_store_pool.pool(20_000)
NUMBER = POOL.long()[0]
TENANT = event_store_pool.tenant_id(POOL.tenant(NUMBER))
OF_STREAM = {"tenant": TENANT, "aggregate": ids.uuid_of(NUMBER)}

SENT: dict[str, dict[str, Any]] = {
    "version": OF_STREAM,
    "same": {"ids": [event_store_pool.event_id(number) for number in range(100, 110)]},
    "load": {**OF_STREAM, "first": 1},
    "snapshot": OF_STREAM,
    "stream": {"position": 5_000, "limit": 1_000},
    # Of a large one a walk by position drops little, and is as good.
    "stream_tenant": {"tenant": event_store_pool.tenant_id(5), "position": 5_000, "limit": 1_000},
    "gaps": {"gaps": [7_000, 7_002, 7_005]},
    # As many as slow commits leave, of a tenant that has few events.
    "gaps_tenant": {"tenant": event_store_pool.tenant_id(5), "gaps": list(range(20_100, 20_230))},
    "head": {},
    "head_tenant": {"tenant": TENANT},
    "tail": {},
    "token_at": {"at": noon(7)},
}
"""The statements that read, and what they may be sent with."""
COLUMNS = "tenant_id, aggregate_type, aggregate_id, event_type, payload, metadata, occurred_at"


@pytest.fixture(scope="module")
def connection(cluster: Postgres) -> Iterator[Any]:
    with database_of(cluster, scenario_of("event_store")) as url, closing(psycopg2.connect(url)) as opened:
        yield opened


def found(cursor: Any) -> dict[str, list[str]]:
    """What is wrong with the plan of each statement."""
    said = {}
    for name, given in SENT.items():
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {STATEMENTS[name]}", given)
        (((plan,),),) = cursor.fetchall()
        said[name] = list(wrong(Plan(STATEMENTS[name], given, "", plan["Plan"]), CONTRACT))
    return {name: why for name, why in said.items() if why}


def test_with_all_of_them_every_statement_is_done_as_it_must_be(connection: Any) -> None:
    with connection.cursor() as cursor:
        assert found(cursor) == {}
        cursor.execute(UNKNOWN, {"tables": ["domain_events", "snapshots"]})
        assert cursor.fetchall() == []


@pytest.mark.parametrize(
    ("drop", "statements"),
    [
        ("ALTER TABLE domain_events DROP CONSTRAINT domain_events_pkey", {"stream", "head", "tail"}),
        ("ALTER TABLE domain_events DROP CONSTRAINT domain_events_stream", {"version", "load"}),
        ("ALTER TABLE domain_events DROP CONSTRAINT domain_events_event_id_key", {"same"}),
        ("DROP INDEX domain_events_tenant", {"stream_tenant"}),
        ("DROP INDEX domain_events_time", {"token_at"}),
        ("ALTER TABLE snapshots DROP CONSTRAINT snapshots_pkey", {"snapshot"}),
    ],
)
def test_without_one_of_them_the_statements_that_need_it_are_named(
    connection: Any, drop: str, statements: set[str]
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(drop)
        said = found(cursor)
        connection.rollback()

    assert statements <= set(said), said


@pytest.mark.parametrize("name", ["load", "version", "snapshot"])
def test_a_statement_without_its_tenant_searches_the_index_of_every_tenant(connection: Any, name: str) -> None:
    text = STATEMENTS[name].replace("tenant_id = %(tenant)s AND ", "")
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {text}", OF_STREAM | {"first": 1})
        (((plan,),),) = cursor.fetchall()

    assert list(wrong(Plan(text, OF_STREAM, "", plan["Plan"]), CONTRACT))


def test_what_is_newer_than_all_statistics_is_found_by_tenant_too(connection: Any) -> None:
    """By transaction, where a processor of a tenant has nothing new for long, while others have."""
    other = event_store_pool.tenant_id(1)
    with connection.cursor() as cursor:
        for statement in DDL[XMIN]:
            cursor.execute(statement)
        connection.commit()
        try:
            cursor.execute("SELECT pg_current_xact_id()::text::bigint")
            given = {"tenant": event_store_pool.tenant_id(5), "tx": cursor.fetchone()[0], "position": 0, "limit": 1_000}
            cursor.execute(
                f"INSERT INTO domain_events ({COLUMNS}, event_id, seq) SELECT {COLUMNS}, 'new-' || event_id, "
                "seq + 10000 FROM domain_events WHERE tenant_id = %s LIMIT 3000",
                (other,),
            )
            connection.commit()
            text = STATEMENTS["stream_xmin_tenant"]
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {text}", given)
            (((plan,),),) = cursor.fetchall()
        finally:
            connection.rollback()
            cursor.execute("DELETE FROM domain_events WHERE starts_with(event_id, 'new-')")
            for name in VARIANT:
                cursor.execute(f"DROP INDEX {name}")
            connection.commit()

    assert list(wrong(Plan(text, given, "", plan["Plan"]), CONTRACT)) == []


@pytest.mark.parametrize("tenant", [0, 1, 5])
def test_what_is_newer_than_all_statistics_is_found_by_tenant(connection: Any, tenant: int) -> None:
    """By position, when others have stored as much since."""
    text, said = STATEMENTS["stream_tenant"], []
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(global_seq) FROM domain_events")
        ((head,),) = cursor.fetchall()
        cursor.execute(
            f"INSERT INTO domain_events ({COLUMNS}, event_id, seq) SELECT {COLUMNS}, 'new-' || event_id, seq + 10000 "
            "FROM domain_events ORDER BY hashtext(event_id) LIMIT 9000"
        )
        for position in (0, head // 2, head, head + 8_990):
            given = {"tenant": event_store_pool.tenant_id(tenant), "position": position, "limit": 1_000}
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {text}", given)
            (((plan,),),) = cursor.fetchall()
            said += wrong(Plan(text, given, "", plan["Plan"]), CONTRACT)
        connection.rollback()

    assert said == []


@pytest.mark.parametrize("column", ["domain_events.seq", "snapshots.aggregate_id"])
def test_a_column_without_statistics_is_named(connection: Any, column: str) -> None:
    table, _, name = column.partition(".")
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM pg_statistic WHERE starelid = %s::regclass AND staattnum = "
            "(SELECT attnum FROM pg_attribute WHERE attrelid = starelid AND attname = %s)",
            (table, name),
        )
        cursor.execute(UNKNOWN, {"tables": ["domain_events", "snapshots"]})
        said = cursor.fetchall()
        connection.rollback()

    assert said == [(column,)]
