"""What is wrong with a plan is told by its nodes, not by its time."""

from typing import Any

import pytest

from systems.event_store_sql import STATEMENTS
from verification.event_store.plans import Plan, Plans, judged, wrong

CONTRACT = {"stream_blocks": 8, "depth_blocks": 60}
GIVEN = {"tenant": "tenant-00", "position": 0, "limit": 1_000}


def scan(**more: Any) -> dict[str, Any]:
    return {
        "Node Type": "Index Scan",
        "Relation Name": "domain_events",
        "Index Name": "domain_events_tenant",
        "Index Cond": "((tenant_id = 'tenant-00'::text) AND (global_seq > '0'::bigint))",
        "Actual Rows": 1_000.0,
        "Actual Loops": 1,
        "Index Searches": 1,
        **more,
    }


MANY = {"Rows Removed by Filter": 9_000, "Filter": "x"}
"""So many that they can't be near the end of a stream."""


def plan(*nodes: dict[str, Any], **more: Any) -> Plan:
    top = {"Node Type": "Limit", "Actual Rows": 1_000.0, "Shared Hit Blocks": 600, "Plans": list(nodes), **more}
    return Plan(STATEMENTS["stream_tenant"], GIVEN, "after the load", top)


def plans(*taken: Plan, **more: Any) -> Plans:
    return Plans(**{"plans": taken, "rows": 1_000.0, "unknown": (), "counted": 1_000, "contract": CONTRACT, **more})


def test_a_scan_of_the_right_index_is_right() -> None:
    assert list(wrong(plan(scan()), CONTRACT)) == []
    assert judged(plans(plan(scan()))).witnesses == 0


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (plan(scan(**{"Node Type": "Seq Scan"})), "read by a Seq Scan"),
        (plan(scan(**{"Node Type": "Bitmap Heap Scan"})), "read by a Bitmap Heap Scan"),
        (plan(scan(**{"Index Cond": "(global_seq > 0)", **MANY})), "no index has a condition on tenant_id"),
        (plan(scan(**{"Index Cond": "(tenant_id = 'tenant-00')", **MANY})), "no index has a condition on global_seq"),
        (plan(scan(**{"Rows Removed by Filter": 390_000, "Filter": "x"})), "390,000 rows are read and then filtered"),
        (plan(scan(**{"Rows Removed by Index Recheck": 50})), ""),
        (plan(scan(**MANY), **{"Node Type": "Sort"}), "is sorted"),
        (plan(scan(), **{"Actual Rows": 1.0, "Shared Hit Blocks": 9}), "1,000 rows are read for an answer of 1"),
        (plan(scan(**{"Index Searches": 11})), "searched 11 times"),
        (plan(scan(), **{"Shared Hit Blocks": 8_000, "Shared Read Blocks": 61}), "8,061 pages are read for 1,000 rows"),
    ],
)
def test_what_is_wrong_is_named(found: Plan, why: str) -> None:
    said = list(wrong(found, CONTRACT))

    assert any(why in one for one in said) == bool(why)
    assert judged(plans(found)).witnesses == bool(why)


def test_a_number_is_unique_without_a_tenant() -> None:
    top = {**scan(**{"Index Cond": "(global_seq > 7)", "Index Searches": 11}), "Shared Hit Blocks": 40}

    assert list(wrong(Plan(STATEMENTS["numbers"], {"after": 7, "until": 9}, "", top), CONTRACT)) == []


@pytest.mark.parametrize("joined", ["(global_seq = next.position)", "(global_seq = (next.position)::bigint)"])
def test_what_joins_with_another_part_of_the_plan_is_no_condition_on_what_was_asked_for(joined: str) -> None:
    inner = scan(**{"Index Cond": "(tenant_id = 'tenant-00'::text)"})
    top = {"Node Type": "Nested Loop", "Actual Rows": 1_000.0, "Shared Hit Blocks": 600}
    outer = scan(**{"Index Cond": joined, "Actual Rows": 1.0, "Actual Loops": 1_000, "Index Searches": 1_000})
    (said,) = wrong(plan(inner, outer, **top), CONTRACT)

    assert "no index has a condition on global_seq" in said


def test_near_the_end_of_a_stream_any_index_will_do_that_leads_to_little_else() -> None:
    pkey = scan(**{"Index Cond": "(global_seq > 20000)", "Actual Rows": 400.0, "Rows Removed by Filter": 600})
    sort = {"Node Type": "Sort", "Actual Rows": 400.0, "Plans": [pkey]}

    assert list(wrong(plan(sort, **{"Actual Rows": 400.0}), CONTRACT)) == []
    many = {**pkey, "Rows Removed by Filter": 9_000}
    said = list(wrong(plan({**sort, "Plans": [many]}, **{"Actual Rows": 400.0}), CONTRACT))
    assert len(said) == 3
    # But not one that begins anywhere else than at the position, however few rows there are.
    everything = {**pkey, "Index Cond": "(tenant_id = 'tenant-00'::text)"}
    (said_of_it,) = wrong(plan({**sort, "Plans": [everything]}, **{"Actual Rows": 400.0}), CONTRACT)
    assert "no index has a condition on global_seq" in said_of_it
    # A full batch is cut off what was sorted: of a tenant that has most of the last events these are more.
    cut = {**pkey, "Actual Rows": 2_773.0, "Rows Removed by Filter": 900}
    assert list(wrong(plan({**sort, "Actual Rows": 1_000.0, "Plans": [cut]}), CONTRACT)) == []
    said = list(wrong(plan({**sort, "Actual Rows": 1_000.0, "Plans": [{**cut, "Actual Rows": 5_001.0}]}), CONTRACT))
    assert any("5,001 rows are read for an answer of 1,000" in one for one in said)
    # What has no limit has no batch.
    load = Plan(STATEMENTS["load"], {"tenant": "t", "aggregate": "a", "first": 1}, "", plan(sort).plan)
    assert list(wrong(load, CONTRACT))


def test_numbers_that_are_looked_for_one_by_one_may_be_searched_one_by_one() -> None:
    given = {"gaps": list(range(100))}
    top = {
        **scan(**{"Index Cond": "(global_seq = ANY ('{…}'))", "Index Searches": 100, "Actual Rows": 0.0}),
        "Shared Hit Blocks": 400,
    }

    assert list(wrong(Plan(STATEMENTS["gaps"], given, "", top), CONTRACT)) == []
    assert list(wrong(Plan(STATEMENTS["gaps"], {"gaps": [1]}, "", top), CONTRACT))


@pytest.mark.parametrize("stale", [{"rows": -1.0}, {"rows": 10.0}, {"unknown": ("snapshots.seq",)}])
def test_statistics_that_are_missing_or_stale_are_named(stale: dict[str, Any]) -> None:
    found = judged(plans(plan(scan()), **stale))

    assert found.witnesses == 1
    assert "ANALYZE" in found.detail
