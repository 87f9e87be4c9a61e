"""What of an operation's time is the server's is told by kinds that share no statement with others, or not at all."""

import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from harness.outcomes import Outcome
from reports.samples.evidence import gather
from reports.tables.server_time import counted_as, server_time, shared
from schema.migrate import migrate
from systems import event_store
from systems.event_store_sql import STATEMENTS
from target.event_store.preparation import DDL
from target.event_store.processor import Processor
from target.event_store.store import Store, Stream
from tests.support.synthetic_run import Answer, bind, synthetic_run

COUNTED = (
    "SELECT query FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE datname = current_database()"
)


class Asked(dict[str, str]):
    """Statements that note which of them were sent."""

    def __init__(self) -> None:
        super().__init__(STATEMENTS)
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return super().__getitem__(name)

    def since(self) -> set[str]:
        """Those since this was asked last."""
        names, self.names = self.names, set()
        return names


def operations(connection: Any, policy: str, asked: Asked) -> Mapping[str, set[str]]:
    """What operations of some kinds send, done one by one."""
    store, sent = Store(asked, policy, notifies=True), {}
    with connection.cursor() as cursor:
        order = Stream("tenant-01", "Order", f"order-{policy}")
        new = [(f"{policy}-{n}", "Placed", '{"a":1}', "{}") for n in range(4)]
        store.append(cursor, order, 0, new[:3])
        connection.commit()
        sent["append_1"] = asked.since()
        store.append(cursor, order, 0, new[:3])
        sent["repeat"] = asked.since()
        store.append(cursor, order, 7, new[3:])
        sent["stale"] = asked.since()
        store.store_snapshot(cursor, order, 2, "{}")
        sent["store_snapshot"] = asked.since()
        store.store_snapshot(cursor, order, 2, "{}")
        sent["early_snapshot"] = asked.since()
        store.load(cursor, order)
        sent["load"] = asked.since()
        store.load_by_snapshot(cursor, order)
        sent["load_snapshot"] = asked.since()
        store.snapshot(cursor, order)
        sent["read_snapshot"] = asked.since()
        for tenant in ("", "tenant-01"):
            store.head(cursor, tenant)
        sent["head"] = asked.since()
        store.tail(cursor)
        sent["tail"] = asked.since()
        store.token_at(cursor, "2024-01-01")
        sent["token_at"] = asked.since()
        for tenant in ("", "tenant-01"):
            follower = Processor(store, f"{policy}{tenant}", tenant, 0, 100)
            for _ in range(2):
                batch = follower.poll(cursor)
                connection.commit()
                follower.handled(batch)
        sent["stream"] = asked.since()
    return sent


def test_what_is_counted_is_found_again_and_no_kind_sends_what_is_not_told(database: str) -> None:
    migrate("event_store", database)
    asked = Asked()
    with closing(psycopg2.connect(database)) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION pg_stat_statements")
            for statement in DDL[event_store.XMIN]:
                cursor.execute(statement)
        found = [operations(connection, policy, asked) for policy in event_store.STRATEGIES[:3]]
        with connection, connection.cursor() as cursor:
            cursor.execute(COUNTED)
            counted = {" ".join(query.split()) for (query,) in cursor}

    patterns = {name: counted_as(sql) for name, sql in STATEMENTS.items()}
    for sent in found:
        for kind, names in sent.items():
            assert names
            assert names <= set(event_store.SENDS[kind]), kind
            for name in names:
                assert any(patterns[name].fullmatch(query) for query in counted), name
    for query in counted:
        assert sum(pattern.fullmatch(query) is not None for pattern in patterns.values()) <= 1, query
    assert event_store.SENDS.keys() == event_store.MIX.keys()


def test_kinds_that_share_a_statement_are_one_group() -> None:
    sends = {"a": ["x"], "b": ["y"], "c": ["z"], "d": ["x", "z"]}

    assert [(sorted(kinds), names) for kinds, names in shared(sends)] == [(["b"], {"y"}), (["a", "c", "d"], {"x", "z"})]


def rows(tmp_path: Path, scenario: str, statements: list[Any] | None) -> list[dict[str, Any]]:
    run = synthetic_run(
        tmp_path, scenario, answer=lambda place, kind, sched: Answer(Outcome.ACK, 0, 0.004), findings=None
    )
    if statements is not None:
        run.write_text("statements.json", json.dumps(statements))
    return server_time(gather(bind(run).folder))


HEAD, OTHER = "SELECT coalesce(max(global_seq), $1) FROM domain_events", "SELECT $1"


def test_the_servers_time_is_that_of_the_statements_for_each_operation(tmp_path: Path) -> None:
    spent = [{"query": HEAD, "seconds": 0.6}, {"query": f"{HEAD} WHERE tenant_id = $2", "seconds": 0.3}]

    (row,) = rows(tmp_path, "event-stream", [*spent, {"query": OTHER, "seconds": 9.0}])

    assert row["kinds"] == ["head"]
    assert row["service"] == pytest.approx(0.004)
    assert row["operations"] > 1
    assert row["server"] == pytest.approx(0.9 / row["operations"])


@pytest.mark.parametrize(
    ("scenario", "statements"),
    [
        ("event-stream", None),
        ("event-stream", [{"query": OTHER, "seconds": 9.0}]),
        ("event-tenants", [{"query": HEAD, "seconds": 9.0}]),
        ("sustained", [{"query": HEAD, "seconds": 9.0}]),
    ],
    ids=["not counted", "none of them was counted", "others send them too", "a service of its own"],
)
def test_what_is_not_known_is_not_told(tmp_path: Path, scenario: str, statements: list[Any] | None) -> None:
    assert rows(tmp_path, scenario, statements) == []
