"""The engine keeps its promises where transactions interleave: here they do so step by step."""

import os
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg2
import pytest

from harness.settings import ROOT
from harness.stack.postgres import Postgres
from schema.migrate import migrate
from systems.event_store import SERIAL, XMIN
from systems.event_store_sql import STATEMENTS
from target.event_store import replay
from target.event_store.preparation import DDL
from target.event_store.processor import Processor
from target.event_store.store import REFUSED, REPLAYED, STORED, Appended, Store, Stream
from target.faults import CLEAN

TENANT = "tenant-00"


@pytest.fixture(scope="module")
def database(cluster: Postgres) -> Iterator[str]:
    url = cluster.create("engine")
    migrate("event_store", url)
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        for statement in DDL[XMIN]:
            cursor.execute(statement)
    yield url
    cluster.drop("engine")


@pytest.fixture
def connect(database: str) -> Iterator[Any]:
    opened = []

    def another() -> Any:
        opened.append(psycopg2.connect(database))
        return opened[-1]

    with closing(another()) as first, first, first.cursor() as cursor:
        cursor.execute("TRUNCATE domain_events, snapshots, tracking_tokens RESTART IDENTITY")
    yield another
    for one in opened:
        one.close()


def stream(name: str, tenant: str = TENANT) -> Stream:
    return Stream(tenant, "Order", name)


def append(connection: Any, name: str, expected: int = 0, count: int = 1, tenant: str = TENANT) -> Appended:
    events = [(f"{name}-{expected + n}", "ItemAdded", '{"b":1.50,"a":[1]}', "{}") for n in range(1, count + 1)]
    return Store(STATEMENTS).append(connection.cursor(), stream(name, tenant), expected, events)


def poll(connection: Any, processor: Processor) -> list[int]:
    """The positions that a poll gives, committed."""
    batch = processor.poll(connection.cursor())
    connection.commit()
    processor.handled(batch)
    return [event[0] for event in batch.events]


def test_an_append_is_stored_replayed_or_refused_with_the_version_that_there_is(connect: Any) -> None:
    one = connect()
    assert append(one, "a", 0, 3) == Appended(STORED, 3, 3)
    one.commit()
    assert append(one, "a", 0, 3) == Appended(REPLAYED, 3)
    assert append(one, "a", 1, 3) == Appended(REFUSED, 3)
    # Not only a version that is passed: one that is not reached would leave a gap.
    assert append(one, "a", 5) == Appended(REFUSED, 3)
    one.commit()
    assert [(event[5], event[7]) for event in Store(STATEMENTS).load(one.cursor(), stream("a"))] == [
        (seq, '{"b":1.50,"a":[1]}') for seq in (1, 2, 3)
    ]


def test_of_two_at_one_version_the_second_waits_and_is_refused(connect: Any) -> None:
    one, two = connect(), connect()
    append(one, "a")
    one.commit()
    assert append(one, "a", 1).how == STORED
    two.cursor().execute("SET lock_timeout = '100ms'")
    two.commit()
    with pytest.raises(psycopg2.errors.LockNotAvailable):
        Store(STATEMENTS).append(two.cursor(), stream("a"), 1, [("other", "ItemAdded", "{}", "{}")])
    two.rollback()
    one.commit()
    refused = Store(STATEMENTS).append(two.cursor(), stream("a"), 1, [("other", "ItemAdded", "{}", "{}")])
    assert refused == Appended(REFUSED, 2)


@pytest.mark.parametrize("tenant", ["", TENANT])
def test_what_is_committed_below_the_token_is_read_then_and_what_is_rolled_back_is_given_up(
    connect: Any, tenant: str
) -> None:
    slow, undone, quick, reader = connect(), connect(), connect(), connect()
    processor = Processor(Store(STATEMENTS), f"p{tenant}", tenant, 0, 100)
    append(slow, "slow")
    append(undone, "undone")
    append(quick, "quick")
    append(quick, "other", tenant="tenant-05")
    quick.commit()

    assert poll(reader, processor) == ([3] if tenant else [3, 4])
    assert poll(reader, processor) == []
    undone.rollback()
    slow.commit()
    assert poll(reader, processor) == [1]
    assert poll(reader, processor) == []
    assert processor.state is not None
    append(quick, "next")
    quick.commit()
    # Once no transaction runs that can have drawn them, what is still missing is missing for ever.
    found = [poll(reader, processor) for _ in range(3)]
    assert found == [[5], [], []]
    assert not processor.state.token.gaps


def test_what_is_committed_between_two_statements_of_a_poll_is_not_lost(connect: Any) -> None:
    slow, quick, reader = connect(), connect(), connect()

    class Interrupted(Processor):
        def _after(self, *given: Any) -> Any:
            found = super()._after(*given)
            slow.commit()
            return found

    append(slow, "slow")
    append(quick, "quick")
    quick.commit()
    processor = Interrupted(Store(STATEMENTS), "p", TENANT, 0, 100)

    assert poll(reader, processor) == [2]
    assert poll(reader, processor) == [1]


def test_a_token_that_is_claimed_proves_nothing_of_who_begins_meanwhile(connect: Any) -> None:
    slow, quick, reader = connect(), connect(), connect()

    class Interrupted(Processor):
        def claim(self, cursor: Any) -> Any:
            state = super().claim(cursor)
            append(slow, "slow")
            append(quick, "quick")
            quick.commit()
            return state

    processor = Interrupted(Store(STATEMENTS), "p", TENANT, 0, 100)
    assert poll(reader, processor) == [2]
    for _ in range(3):
        assert poll(reader, processor) == []
    slow.commit()
    assert poll(reader, processor) == [1]


def test_one_that_is_gone_before_its_batch_is_committed_reads_it_again(connect: Any) -> None:
    quick, reader = connect(), connect()
    append(quick, "quick", 0, 5)
    quick.commit()
    processor = Processor(Store(STATEMENTS), "p", "", 0, 3)
    assert poll(reader, processor) == [1, 2, 3]
    processor.poll(reader.cursor())
    reader.rollback()

    again = Processor(Store(STATEMENTS), "p", "", 0, 3)
    assert poll(reader, again) == [4, 5]


@pytest.mark.parametrize("tenant", ["", TENANT])
def test_by_transaction_what_an_older_one_may_commit_is_waited_for(connect: Any, tenant: str) -> None:
    slow, quick, reader = connect(), connect(), connect()
    processor = Processor(Store(STATEMENTS, XMIN), f"p{tenant}", tenant, 0, 100)
    append(slow, "slow")
    append(quick, "quick")
    quick.commit()

    assert poll(reader, processor) == []
    slow.commit()
    assert poll(reader, processor) == [1, 2]
    assert poll(reader, processor) == []


def test_in_turn_the_second_append_waits_for_the_commit_of_the_first(connect: Any) -> None:
    one, two = connect(), connect()
    store, event = Store(STATEMENTS, SERIAL), [("x", "ItemAdded", "{}", "{}")]
    append(one, "a")
    one.rollback()
    store.append(one.cursor(), stream("a"), 0, event)
    two.cursor().execute("SET lock_timeout = '100ms'")
    two.commit()
    with pytest.raises(psycopg2.errors.LockNotAvailable):
        store.append(two.cursor(), stream("b"), 0, [("y", "ItemAdded", "{}", "{}")])


def test_a_snapshot_is_stored_once_and_of_events_that_there_are(connect: Any) -> None:
    one, store = connect(), Store(STATEMENTS)
    append(one, "a", 0, 3)
    for seq, state in ((2, "1"), (2, "2"), (9, "3")):
        store.store_snapshot(one.cursor(), stream("a"), seq, state)
    one.commit()

    assert store.snapshot(one.cursor(), stream("a")) == (2, "1")
    found, rest = store.load_by_snapshot(one.cursor(), stream("a"))
    assert (found, [event[5] for event in rest]) == ((2, "1"), [3])
    assert store.load_by_snapshot(one.cursor(), stream("b")) == (None, [])


def test_tokens_of_an_empty_store_and_of_one_with_events(connect: Any) -> None:
    one, store = connect(), Store(STATEMENTS)
    cursor = one.cursor()
    assert (store.head(cursor), store.tail(cursor), store.token_at(cursor, "2020-01-01")) == (0, 0, 0)
    append(one, "a", 0, 3)
    append(one, "b", 0, 1, "tenant-05")
    assert (store.head(cursor), store.head(cursor, TENANT), store.tail(cursor)) == (4, 3, 0)
    assert (store.token_at(cursor, "2020-01-01"), store.token_at(cursor, "2200-01-01")) == (0, 4)


def test_a_noisy_tenant_reads_its_events_again_and_again(
    database: str, connect: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = connect()
    append(one, "a", 0, 5)
    append(one, "b", 0, 5, "tenant-05")
    one.commit()
    given: list[bool] = []

    class Enough(Exception):
        """It has been around."""

    class Watching(dict[str, str]):
        def __getitem__(self, name: str) -> str:
            given.append(name == "stream_tenant")
            if sum(given) > 5:
                raise Enough
            return super().__getitem__(name)

    monkeypatch.setenv("READY", str(tmp_path / "ready"))
    monkeypatch.setattr(replay, "STATEMENTS", Watching(STATEMENTS))
    monkeypatch.setattr(replay, "BATCH", 2)
    with pytest.raises(Enough):
        replay.deliver(database, 1, 0.0, CLEAN)

    assert (tmp_path / "ready").exists()


def test_the_usage_on_its_page_works(database: str, connect: Any, capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "systems" / "event-store.md").read_text(encoding="utf-8")
    code, said = re.findall(r"```python\n(.*?)```\n```text\n(.*?)```", page, re.DOTALL)[0]

    with patch.dict(os.environ, DATABASE_URL=database):
        exec(compile(code, "event-store.md", "exec"), {})

    assert capsys.readouterr().out == said
