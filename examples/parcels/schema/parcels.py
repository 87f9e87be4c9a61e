"""Parcels and refusals in one table, and the queues on their way there."""

from sqlalchemy import TIMESTAMP, BigInteger, Column, Identity, MetaData, Table, Text, text

VERSION = 1
TABLES = MetaData()

NOW = text("clock_timestamp()")

ENTRIES = Table(
    "entries",
    TABLES,
    Column("key", Text, primary_key=True),
    Column("content", Text, nullable=False),
    Column("stored_at", TIMESTAMP(timezone=True), nullable=False, server_default=NOW),
)

for name in ("inbox", "routed"):
    Table(
        name,
        TABLES,
        Column("id", BigInteger, Identity(), primary_key=True),
        Column("keys", Text, nullable=False),
        Column("contents", Text, nullable=False),
    )
