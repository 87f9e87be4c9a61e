"""Events, snapshots, and how far each processor is."""

from typing import Any

from sqlalchemy import (
    DDL,
    TIMESTAMP,
    BigInteger,
    Column,
    Identity,
    Index,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON
from sqlalchemy.types import UserDefinedType

VERSION = 1
"""To be raised with every change of the tables."""

NOW = text("clock_timestamp()")


class Xid8(UserDefinedType[int]):
    """The number of a transaction, of 64 bits."""

    def get_col_spec(self, **_: Any) -> str:
        """As SQL has it."""
        return "xid8"


TABLES = MetaData()

EVENTS = Table(
    "domain_events",
    TABLES,
    # First, so that a transaction has its own number before it draws that of an event: the proof that a missing number
    # can't be stored any more rests on it.
    Column("tx_id", Xid8, nullable=False, server_default=text("pg_current_xact_id()")),
    Column("global_seq", BigInteger, Identity(always=False, cache=1), primary_key=True),
    # Text, not uuid: the client chooses it, and an operation of a load is found again by it.
    Column("event_id", Text(collation="C"), nullable=False, unique=True),
    Column("tenant_id", Text(collation="C"), nullable=False),
    Column("aggregate_type", Text, nullable=False),
    Column("aggregate_id", Text(collation="C"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("event_type", Text, nullable=False),
    # json, not jsonb, which writes numbers and the order of keys otherwise than they were sent.
    Column("payload", JSON, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("occurred_at", TIMESTAMP(timezone=True), nullable=False, server_default=NOW),
    # What keeps two from appending at the same version; loads and versions are looked up by it, too.
    UniqueConstraint("tenant_id", "aggregate_id", "seq", name="domain_events_stream"),
    Index("domain_events_tenant", "tenant_id", "global_seq", unique=True),
    Index("domain_events_time", "occurred_at", "global_seq"),
)
# To compress payloads would cost more than half of the time to store them.
event.listen(
    EVENTS,
    "after_create",
    DDL(  # type: ignore[no-untyped-call]
        "ALTER TABLE domain_events SET (toast_tuple_target = 8160), "
        "ALTER COLUMN payload SET STORAGE EXTERNAL, ALTER COLUMN metadata SET STORAGE EXTERNAL"
    ),
)

SNAPSHOTS = Table(
    "snapshots",
    TABLES,
    Column("tenant_id", Text(collation="C"), primary_key=True),
    Column("aggregate_id", Text(collation="C"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("payload", JSON, nullable=False),
    Column("taken_at", TIMESTAMP(timezone=True), nullable=False, server_default=NOW),
)

TOKENS = Table(
    "tracking_tokens",
    TABLES,
    Column("processor", Text(collation="C"), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("gaps", ARRAY(BigInteger), nullable=False),
    Column("settled", BigInteger, nullable=False),
    Column("tx", BigInteger, nullable=False),
    Column("batches", BigInteger, nullable=False),
    Column("updated_at", TIMESTAMP(timezone=True), nullable=False, server_default=NOW),
)
