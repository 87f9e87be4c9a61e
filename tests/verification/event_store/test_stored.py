"""Events that are read as numbers are the rows that are there, whatever their keys are."""

import pandas as pd
import pytest

from schema.migrate import migrate
from systems import event_store, event_store_pool, ids
from tests.support.target_process import query
from verification import rows
from verification.event_store import stored
from verification.event_store.observation import source
from verification.reading import reader

RUN = ids.SAMPLE_RUN
KEYS = [
    *(ids.item_key(RUN, op, item) for op in (0, 1, 2**40 + 7, 2**62) for item in (0, 1, 127, 65_535)),
    ids.key(RUN, 5),
    *(f"{RUN}-{suffix}" for suffix in ("", "é", "f" * 16 + ".0000", "0" * 16 + "x0000", "0" * 16 + ".00zz")),
    *(f"{RUN}-{suffix}" for suffix in ("0" * 15 + "é.000", "0" * 16 + ".00001", "A" * 16 + ".0000", "0" * 22)),
    "somebody else's",
]
INSERT = """
INSERT INTO domain_events (event_id, tenant_id, aggregate_type, aggregate_id, seq, event_type, payload, metadata)
VALUES (%s, %s, 'User', %s, %s, 'created', '{"a": 1.50}', '{}')
"""


def sorted_by_position(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values("position", ignore_index=True)


@pytest.fixture
def events(database: str) -> str:
    migrate("event_store", database)
    tenants = [event_store_pool.tenant_id(3), "tenant-", "another"]
    streams = [event_store.aggregate_id(7), event_store.aggregate_id(event_store.HOT), "another"]
    for number, key in enumerate(KEYS):
        query(database, INSERT, key, tenants[number % 3], streams[number // 3 % 3], number + 1)
    query(database, "UPDATE domain_events SET occurred_at = 'infinity' WHERE seq % 7 = 0")
    return database


@pytest.mark.parametrize("at_once", [1, 4, stored.AT_ONCE])
def test_they_are_the_same_as_if_they_were_read_as_text(
    events: str, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "AT_ONCE", at_once)
    place = source()
    with reader(events) as session, session.snapshot():
        assert rows.readable(session, place.table)
        found = stored.own(session, RUN, place)
        text = rows.own(session, RUN, place, place.columns)

    assert len(text) == len(KEYS) - 1
    assert text["stray"].notna().sum() > 5
    pd.testing.assert_frame_equal(sorted_by_position(found), sorted_by_position(text))


def test_of_keys_that_all_name_one_no_text_is_read(events: str, monkeypatch: pytest.MonkeyPatch) -> None:
    query(events, "DELETE FROM domain_events WHERE NOT event_id ~ %s", f"^{RUN}-[0-7][0-9a-f]{{15}}[.][0-9a-f]{{4}}$")
    with reader(events) as session, session.snapshot():
        text = rows.own(session, RUN, source(), source().columns)
        monkeypatch.setattr(stored.rows, "own", None)
        found = stored.own(session, RUN, source())

    assert len(text) == 16
    pd.testing.assert_frame_equal(sorted_by_position(found), sorted_by_position(text))
