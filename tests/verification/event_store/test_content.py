"""What must be stored is what was sent, however it is computed."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from systems import event_store, event_store_pool
from systems.event_store import HOT, HOTS
from verification.event_store.content import content, mixed, sizes

RUN = "20261120T235501a1b2c3"
POOLS = [event_store_pool.pool(10_000, largest, seed) for largest, seed in ((10_000, 1), (100, 1), (700, 9))]

STREAMS = st.one_of(st.integers(1, POOLS[0].streams), st.integers(HOT, HOT + HOTS - 1))


@given(st.sampled_from(POOLS), st.lists(st.tuples(st.integers(0, 1 << 50), STREAMS, st.integers(0, 1_500)), min_size=1))
def test_content_is_what_was_appended(pool: event_store_pool.Pool, appends: list[tuple[int, int, int]]) -> None:
    lines = [(op, item, event_store.subject(number, version)) for op, number, version in appends for item in (0, 1, 2)]
    found = content(pool, RUN, pd.DataFrame(lines, columns=["key", "item", "subject"]))

    expected = []
    for op, number, version in appends:
        tenant = pool.tenant(number)
        own = (
            event_store_pool.tenant_id(tenant),
            event_store_pool.aggregate_type(number),
            event_store.aggregate_id(number),
        )
        for place, (id_, *said) in enumerate(event_store.appended(pool, RUN, op, number, version, 3)):
            line = event_store.line((id_, *own, version + 1 + place, *said))
            expected.append((number, tenant, version + 1 + place, event_store.crc32(line)))
    assert list(found.itertuples(index=False, name=None)) == expected


@given(st.integers(1, HOT + HOTS), st.integers(1, 10**6), st.integers(0, 1 << 19))
def test_chances_and_sizes_are_those_of_the_pool(number: int, seq: int, seed: int) -> None:
    columns = pd.DataFrame({"number": [number], "seq": [seq]})
    chance = mixed(columns["number"].to_numpy(), columns["seq"].to_numpy(), seed)

    assert chance.tolist() == [event_store_pool.mixed(number, seq, seed)]
    for largest in (100, 3_000, 10_000):
        assert sizes(chance, largest).tolist() == [event_store_pool.size(number, seq, largest, seed)]
