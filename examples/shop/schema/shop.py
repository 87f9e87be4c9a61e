"""Things, and orders of them."""

from sqlalchemy import TIMESTAMP, Column, ForeignKey, Integer, MetaData, Table, Text, Uuid, text

VERSION = 1

TABLES = MetaData()

THINGS = Table("things", TABLES, Column("id", Uuid, primary_key=True), Column("name", Text, nullable=False))

ORDERS = Table(
    "orders",
    TABLES,
    Column("id", Uuid, primary_key=True, server_default=text("gen_random_uuid()")),
    Column("thing", Uuid, ForeignKey("things.id"), nullable=False, index=True),
    Column("quantity", Integer, nullable=False),
    Column("key", Text, nullable=False, unique=True),
    Column("stored", TIMESTAMP(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
)
