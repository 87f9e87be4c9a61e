"""The pool of the event store stands as its facts have it; what was there is found, and what runs stored is gone."""

from collections.abc import Iterator

import pytest

from harness import database
from harness.errors import PoolError
from harness.stack.postgres import Postgres
from schema.migrate import migrate
from seeding.event_store import check, ours, seed
from seeding.event_store_figures import Figure, measured
from systems import event_store_pool, ids
from tests.support.plans import varied
from tests.support.target_process import query

EVENTS = 10_000
SCENARIO = varied("event-mixed", pool={"events": EVENTS, "largest": 10_000})
POOL = event_store_pool.pool(EVENTS)


@pytest.fixture(scope="module")
def seeded(cluster: Postgres) -> Iterator[str]:
    url = cluster.create("seeded_events")
    migrate("event_store", url)
    seed(url, 1, SCENARIO)
    yield url
    cluster.drop("seeded_events")


def figures(url: str) -> dict[str, Figure]:
    with database.session(url, "test") as cursor:
        return {one.what: one for one in measured(cursor, POOL)}


def test_every_figure_is_as_it_was_asked_for(seeded: str) -> None:
    assert [one for one in figures(seeded).values() if not one.right] == []
    assert len(figures(seeded)) > 10


def test_events_are_as_the_facts_have_them_and_the_next_number_is_free(seeded: str) -> None:
    found = query(seeded, "SELECT global_seq, right(aggregate_id, 12)::int, seq, payload::text FROM domain_events")

    assert {(number, stream, seq) for number, stream, seq, _ in found} == {
        (number, stream, seq) for number, stream, seq, *_ in POOL.stored()
    }
    assert all(payload == POOL.payload(stream, seq) for _, stream, seq, payload in found)
    assert query(seeded, "SELECT nextval(pg_get_serial_sequence('domain_events', 'global_seq'))")[0][0] > EVENTS


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ("UPDATE domain_events SET metadata = '{}' WHERE global_seq = 99", "events whose cause is not the one before"),
        ("DELETE FROM snapshots WHERE seq = 100", "snapshots not at each 100th event"),
        ("DELETE FROM domain_events WHERE tenant_id = 'tenant-09'", "tenants"),
        ("UPDATE domain_events SET payload = '{}' WHERE seq < 3", "payloads of 100-500 B"),
        ("UPDATE domain_events SET occurred_at = '2024-01-06'", "events in business hours"),
        ("UPDATE domain_events SET tenant_id = 'tenant-00'", "events of the 20% largest tenants"),
        ("UPDATE domain_events SET aggregate_type = 'User'", "types of aggregates"),
        ("DELETE FROM domain_events WHERE global_seq = 1", "events"),
    ],
)
def test_a_figure_that_is_otherwise_is_told(seeded: str, change: str, wrong: str) -> None:
    with database.connect(seeded, "test") as driver, driver.cursor() as cursor:
        cursor.execute(change)
        found = [one.what for one in measured(cursor, POOL) if not one.right]
        driver.rollback()

    assert any(one.startswith(wrong) for one in found), found


def test_the_same_pool_is_found_and_what_a_run_left_is_gone(seeded: str) -> None:
    before = seed(seeded, 1, SCENARIO)
    key = ids.key("20261120T235501a1b2c3", 1)
    stream = ids.uuid_of(1)
    query(
        seeded,
        "INSERT INTO domain_events "
        "(event_id, tenant_id, aggregate_type, aggregate_id, seq, event_type, payload, metadata)"
        f" VALUES ('{key}', 'tenant-00', 'User', '{stream}', 5000, 'X', '1', '1')",
    )
    query(seeded, f"INSERT INTO snapshots VALUES ('tenant-00', '{stream}', 7, '1')")
    query(seeded, f"INSERT INTO tracking_tokens VALUES ('{key}.0001', 7, '{{}}', 7, 0, 1)")
    after = seed(seeded, 1, SCENARIO)

    assert before["skipped"]
    assert (after["skipped"], after["cleaned"]) == (False, 3)
    assert after["pool"] == before["pool"]
    assert seed(seeded, 1, SCENARIO)["skipped"]


def test_a_pool_that_was_changed_is_made_anew(seeded: str) -> None:
    query(seeded, "UPDATE domain_events SET event_type = event_type || '!' WHERE global_seq = 7")

    assert not seed(seeded, 1, SCENARIO)["skipped"]


def test_a_pool_of_another_size_is_told(seeded: str) -> None:
    check(seeded, SCENARIO)
    with pytest.raises(PoolError, match="has 10,000 events, expected 10,001"):
        check(seeded, varied("event-mixed", pool={"events": EVENTS + 1, "largest": 10_000}))


def test_what_is_the_suites_goes_in_an_order_in_which_it_can(seeded: str) -> None:
    assert [one.table for one in ours(SCENARIO)][-2:] == ["snapshots", "domain_events"]
