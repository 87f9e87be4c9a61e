"""The events of the pool are what their document says, and consistent in themselves."""

import json
import re
from collections import Counter, defaultdict
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from systems import event_store, event_store_pool
from systems.event_store_pool import BIG, LONGEST, SNAPSHOT_EVERY, STREAMS, TENANTS, pool

SMALL = pool(10_000)


@pytest.mark.parametrize("events", [10_000, 20_000, 100_000, 1_000_000])
def test_streams_have_all_events_and_the_large_tenants_most_of_them(events: int) -> None:
    made = pool(events)
    of = [sum(made.lengths[made.firsts[tenant] - 1 : made.firsts[tenant + 1] - 1]) for tenant in range(TENANTS)]

    assert sum(made.lengths) == sum(of) == events
    assert sum(of[:BIG]) == pytest.approx(0.8 * events, abs=1)
    assert (min(made.lengths), max(made.lengths)) == (1, LONGEST)
    if events >= 100_000:
        assert min(len(made.of_tenant(tenant)) for tenant in range(TENANTS)) >= STREAMS


def test_events_are_stored_in_the_order_of_their_times_and_each_names_the_one_before() -> None:
    places: dict[int, int] = defaultdict(int)
    last: dict[int, int] = {}
    firsts: dict[int, int] = {}
    moments = []
    for count, (number, stream, seq, at, first, before) in enumerate(SMALL.stored(), 1):
        places[stream] += 1
        assert (number, seq) == (count, places[stream])
        assert (first, before) == (firsts.get(stream, 0), last.get(stream, 0))
        firsts.setdefault(stream, number)
        last[stream] = number
        moments.append(datetime.fromisoformat(at))

    assert [places[number] for number in range(1, SMALL.streams + 1)] == list(SMALL.lengths)
    assert moments == sorted(moments)
    assert (moments[-1] - moments[0]).days > 150


def test_a_stream_is_created_modified_and_for_the_most_part_finalized() -> None:
    number = next(one for one in range(1, SMALL.streams) if SMALL.finished(one) and SMALL.length(one) > 5)
    first, changes, end = event_store_pool.LIFE[event_store_pool.aggregate_type(number)]
    kinds = [SMALL.event_type(number, seq) for seq in range(1, SMALL.length(number) + 1)]

    assert (kinds[0], kinds[-1]) == (first, end)
    assert set(kinds[1:-1]) <= set(changes)
    # What a load appends comes behind, and ends nothing.
    assert SMALL.event_type(number, SMALL.length(number) + 1) in changes


def test_payloads_have_the_sizes_that_were_asked_for() -> None:
    sizes = [event_store_pool.size(number, seq) for number in range(1, 400) for seq in range(1, 40)]
    shares = Counter(sum(size > most for _, _, most in event_store_pool.SIZES) for size in sizes)

    assert 0.68 < shares[0] / len(sizes) < 0.72
    assert 0.23 < shares[1] / len(sizes) < 0.27
    assert min(sizes) >= 100
    assert max(sizes) <= 10_000


@given(st.integers(1, 10**11 + 1), st.integers(1, LONGEST), st.sampled_from([100, 10_000]), st.integers(0, 99))
def test_a_payload_is_json_of_its_size_that_a_parser_would_write_otherwise(
    number: int, seq: int, largest: int, seed: int
) -> None:
    text = event_store_pool.payload(number, seq, "ItemAdded", largest, seed)

    assert len(text) == event_store_pool.size(number, seq, largest, seed)
    assert json.loads(text)["at"] == [seq, "ItemAdded"]
    assert json.dumps(json.loads(text), separators=(",", ":"), sort_keys=True) != text


def test_another_seed_makes_other_events_of_the_same_streams() -> None:
    one, other = pool(10_000, 10_000, 1), pool(10_000, 10_000, 2)

    assert one.lengths == other.lengths
    assert [one.payload(7, seq) for seq in range(1, 9)] != [other.payload(7, seq) for seq in range(1, 9)]
    assert pool(10_000, 10_000, 1).payload(7, 3) == one.payload(7, 3)


def test_a_snapshot_is_what_the_events_up_to_it_add_up_to() -> None:
    found = list(SMALL.snapshots())

    assert len(found) == sum(length // SNAPSHOT_EVERY for length in SMALL.lengths)
    for stream, seq, state in found:
        said = json.loads(state)
        assert said["events"] == seq
        assert round(said["total"] * 100) == event_store_pool.total(stream, seq)
        assert said["last"] == SMALL.event_type(stream, seq)


@given(st.integers(1, 10**12 - 1), st.integers(0, 2**20))
def test_a_subject_holds_stream_and_version(stream: int, version: int) -> None:
    made = event_store.subject(stream, version)

    assert 0 <= made < 1 << 63
    assert event_store.about(made) == (stream, version)


@pytest.mark.parametrize(
    ("sizes", "why"),
    [
        ({"events": 9_999}, "expected 10,000 to 100,000,000"),
        ({"events": 100_000_001}, "expected 10,000"),
        ({"largest": 99}, "expected 100 to"),
    ],
)
def test_a_pool_that_can_not_be_is_refused(sizes: dict[str, int], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        event_store.pool(sizes, 1, rounds=False)
    with pytest.raises(ValueError, match=why):
        pool(**{"events": 10_000, **sizes})


def test_the_longest_streams_may_be_those_of_some_tenants_only() -> None:
    others = SMALL.long(2)

    assert 1 in SMALL.long()
    assert min(others) >= SMALL.firsts[2]
    assert {SMALL.length(number) for number in others} == {max(SMALL.lengths[SMALL.firsts[2] - 1 :])}


def test_tenants_are_drawn_as_often_as_they_have_events() -> None:
    drawn = Counter(event_store_pool.drawn(n / 1_000) for n in range(1_000))

    assert set(drawn) == set(range(TENANTS))
    assert drawn[0] == drawn[1] == 400
    assert max(drawn[tenant] for tenant in range(BIG, TENANTS)) <= 26
    assert event_store_pool.drawn(0.999_999_999_999_999_9) == TENANTS - 1


def test_rounds_are_refused() -> None:
    with pytest.raises(ValueError, match="rounds"):
        event_store.pool({}, 1, rounds=True)


@pytest.mark.parametrize(
    ("statements", "why"),
    [
        ({"straem": "SELECT 1"}, "unknown statement 'straem'"),
        ({"stream": 7}, "expected SQL"),
        ({"stream": "SELECT %(tenat)s"}, r"%\(tenat\)s: expected some of limit, position"),
    ],
)
def test_a_statement_that_the_engine_can_not_send_is_refused(statements: dict[str, object], why: str) -> None:
    ((part, _, said),) = event_store.wrong({"statements": statements}, {}, {}, False, False)

    assert part == "contract"
    assert re.search(why, said)


def test_a_plan_may_have_statements_of_its_own() -> None:
    assert not list(event_store.wrong({"statements": {"head": "SELECT max(position) FROM log"}}, {}, {}, False, False))
