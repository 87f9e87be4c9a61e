"""The statements of the event store, each once: the engine sends them, and verification explains them.

A plan may state others in `[contract] statements`, for another schema. Parameters are psycopg2's, by name; an event is
answered in the order of EVENT.
"""

from collections.abc import Mapping

EVENT = "global_seq, event_id, tenant_id, aggregate_type, aggregate_id, seq, event_type, payload::text, metadata::text"
"""An event as it is read: its payload stays text, so that nobody reads it as JSON and writes it otherwise again."""

STATEMENTS: Mapping[str, str] = {
    # Nothing is stored unless the stream has exactly `expected` events, by the unique key on its places: then fewer
    # rows come back than events were given.
    "append": """
INSERT INTO domain_events
    (event_id, tenant_id, aggregate_type, aggregate_id, seq, event_type, payload, metadata, occurred_at)
SELECT id, %(tenant)s, %(aggregate_type)s, %(aggregate)s, %(expected)s + place, type, payload::json, metadata::json,
    clock_timestamp()
FROM unnest(%(ids)s::text[], %(types)s::text[], %(payloads)s::text[], %(metadata)s::text[])
    WITH ORDINALITY AS given (id, type, payload, metadata, place)
WHERE %(expected)s = 0 OR EXISTS (
    SELECT FROM domain_events
    WHERE tenant_id = %(tenant)s AND aggregate_id = %(aggregate)s AND seq = %(expected)s)
ORDER BY place
ON CONFLICT DO NOTHING
RETURNING global_seq
""",
    "version": """
SELECT seq FROM domain_events WHERE tenant_id = %(tenant)s AND aggregate_id = %(aggregate)s ORDER BY seq DESC LIMIT 1
""",
    "same": """
SELECT event_id, tenant_id, aggregate_id, seq FROM domain_events WHERE event_id = ANY(%(ids)s)
""",
    "load": f"""
SELECT {EVENT} FROM domain_events
WHERE tenant_id = %(tenant)s AND aggregate_id = %(aggregate)s AND seq >= %(first)s ORDER BY seq
""",
    "snapshot": """
SELECT seq, payload::text FROM snapshots
WHERE tenant_id = %(tenant)s AND aggregate_id = %(aggregate)s ORDER BY seq DESC LIMIT 1
""",
    "store_snapshot": """
INSERT INTO snapshots (tenant_id, aggregate_id, seq, payload)
SELECT %(tenant)s, %(aggregate)s, %(seq)s, %(payload)s::json WHERE EXISTS (
    SELECT FROM domain_events WHERE tenant_id = %(tenant)s AND aggregate_id = %(aggregate)s AND seq = %(seq)s)
ON CONFLICT DO NOTHING
RETURNING seq
""",
    "same_snapshot": """
SELECT seq FROM snapshots WHERE tenant_id = %(tenant)s AND aggregate_id = %(aggregate)s AND seq = %(seq)s
""",
    "stream": f"""
SELECT {EVENT} FROM domain_events WHERE global_seq > %(position)s ORDER BY global_seq LIMIT %(limit)s
""",
    # First the numbers, by the index on both alone: of a large tenant, and of what is newer than its statistics,
    # PostgreSQL would rather walk the events of all, and drop the others'.
    "stream_tenant": f"""
SELECT {EVENT} FROM (
    SELECT global_seq AS position FROM domain_events
    WHERE tenant_id = %(tenant)s AND global_seq > %(position)s ORDER BY global_seq LIMIT %(limit)s
) AS next JOIN domain_events ON global_seq = position ORDER BY position
""",
    "gaps": f"""
SELECT {EVENT} FROM domain_events WHERE global_seq = ANY(%(gaps)s) ORDER BY global_seq
""",
    # By number first, which is unique: of a small tenant PostgreSQL would rather read all that it ever stored, too.
    "gaps_tenant": f"""
SELECT {EVENT} FROM (
    SELECT * FROM domain_events WHERE global_seq = ANY(%(gaps)s) ORDER BY global_seq OFFSET 0
) AS numbered
WHERE tenant_id = %(tenant)s ORDER BY global_seq
""",
    "numbers": """
SELECT global_seq, tenant_id FROM domain_events WHERE global_seq > %(after)s AND global_seq <= %(until)s
""",
    "head": "SELECT coalesce(max(global_seq), 0) FROM domain_events",
    "head_tenant": """
SELECT coalesce(max(global_seq), 0) FROM domain_events WHERE tenant_id = %(tenant)s
""",
    "tail": "SELECT coalesce(min(global_seq) - 1, 0) FROM domain_events",
    "token_at": """
SELECT global_seq - 1 FROM domain_events WHERE occurred_at >= %(at)s ORDER BY occurred_at, global_seq LIMIT 1
""",
    "token": """
SELECT position, gaps, settled, tx, batches FROM tracking_tokens WHERE processor = %(processor)s FOR UPDATE
""",
    "new_token": """
INSERT INTO tracking_tokens (processor, position, gaps, settled, tx, batches)
VALUES (%(processor)s, %(position)s, '{}', %(position)s, 0, 0) ON CONFLICT DO NOTHING
""",
    "save_token": """
UPDATE tracking_tokens SET position = %(position)s, gaps = %(gaps)s, settled = %(settled)s, tx = %(tx)s,
    batches = %(batches)s, updated_at = clock_timestamp()
WHERE processor = %(processor)s
""",
    # Of the policy `xmin`: by transaction, and only of those than which none that still runs is older. In ORDER BY a
    # bare `tx_id` would be what is selected, as a number, of which no index has the order.
    "stream_xmin": f"""
SELECT tx_id::text::bigint, {EVENT} FROM domain_events
WHERE (tx_id, global_seq) > (%(tx)s::text::xid8, %(position)s)
AND tx_id < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY domain_events.tx_id, domain_events.global_seq LIMIT %(limit)s
""",
    # By its number, of which only the index of a tenant has the order: of what is newer than its statistics PostgreSQL
    # expects one event, and would as soon read those of all tenants.
    "stream_xmin_tenant": f"""
SELECT tx_id::text::bigint, {EVENT} FROM domain_events
WHERE tenant_id = ANY(ARRAY[%(tenant)s]) AND (tx_id::text::bigint, global_seq) > (%(tx)s, %(position)s)
AND tx_id::text::bigint < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
ORDER BY tenant_id, domain_events.tx_id::text::bigint, domain_events.global_seq LIMIT %(limit)s
""",
    "listen": "LISTEN domain_events",
    "notify": "SELECT pg_notify('domain_events', %(said)s)",
    "running": "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint",
    "now": "SELECT pg_current_xact_id()::text::bigint",
}
"""By name. `running` is the oldest transaction that runs, `now` the number of ours, above all that began before."""


def statements(instead: Mapping[str, str]) -> dict[str, str]:
    """The statements, those of a plan in their places."""
    return {**STATEMENTS, **instead}
