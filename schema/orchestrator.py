"""Events with what became of each, and the queues between the services: messages, and how many went through."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    DDL,
    TIMESTAMP,
    BigInteger,
    Column,
    Identity,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    event,
    text,
)

VERSION = 2
"""To be raised with every change of the tables."""

NOW = text("clock_timestamp()")
NEVER = text("0")

# Rows are changed soon after they are stored: new versions find room beside the old ones, and vacuum comes early.
BUSY = (
    "SET (fillfactor = {}, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, "
    "autovacuum_vacuum_cost_delay = 0)"
)

TABLES = MetaData()

EVENTS = Table(
    "orchestrator_events",
    TABLES,
    Column("correlation_id", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("customer_tier", Text, nullable=False),
    Column("total_cents", BigInteger, nullable=False),
    Column("queue", Text, nullable=False),
    Column("digest", BigInteger),
    Column("last_digest", BigInteger),
    Column("course", Integer, nullable=False, server_default=NEVER),
    Column("validated", SmallInteger, nullable=False, server_default=NEVER),
    Column("reserved", SmallInteger, nullable=False, server_default=NEVER),
    Column("paid", SmallInteger, nullable=False, server_default=NEVER),
    Column("fulfilled", SmallInteger, nullable=False, server_default=NEVER),
    Column("taken_from", Text),
    Column("dead_reason", Text),
    Column("accepted_at", TIMESTAMP(timezone=True), nullable=False, server_default=NOW),
    Column("routed_at", TIMESTAMP(timezone=True), nullable=False, server_default=NOW),
    Column("enqueued_at", TIMESTAMP(timezone=True), nullable=False, server_default=NOW),
    Column("consumed_at", TIMESTAMP(timezone=True)),
    Column("completed_at", TIMESTAMP(timezone=True)),
)

QUEUES = Table(
    "queues",
    TABLES,
    Column("id", SmallInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
)

MESSAGES = Table(
    "queue_messages",
    TABLES,
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("queue", SmallInteger, nullable=False),
    Column("visible_at", TIMESTAMP(timezone=True), nullable=False, server_default=NOW),
    Column("attempts", SmallInteger, nullable=False, server_default=NEVER),
    Column("sent_at", TIMESTAMP(timezone=True), nullable=False, server_default=NOW),
    Column("body", Text, nullable=False),
    # In the order in which messages are leased; each lease writes an index anew, so that there is one alone.
    PrimaryKeyConstraint("queue", "visible_at", "id"),
)

COUNTS = Table(
    "queue_counts",
    TABLES,
    Column("queue", SmallInteger, primary_key=True, autoincrement=False),
    Column("session", Integer, primary_key=True, autoincrement=False),
    Column("sent", BigInteger, nullable=False, server_default=NEVER),
    Column("deleted", BigInteger, nullable=False, server_default=NEVER),
    Column("received", BigInteger, nullable=False, server_default=NEVER),
)
"""What went through each queue, by the session that did it: sums of a few rows tell how many messages there are, and
how often those that were deleted had been received."""

for table, fill in ((EVENTS, 50), (MESSAGES, 70), (COUNTS, 10)):
    event.listen(table, "after_create", DDL(f"ALTER TABLE {table.name} {BUSY.format(fill)}"))  # type: ignore[no-untyped-call]


def tables(_names: Mapping[str, Any]) -> MetaData:
    """The tables; their names are fixed."""
    return TABLES
