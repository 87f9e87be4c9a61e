"""Users and messages: a message belongs to a user that exists, and a key belongs to one message."""

from sqlalchemy import (
    TIMESTAMP,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    text,
)

from systems import ids
from systems.messages import FAILED, SCHEDULED, SENT

VERSION = 1
"""To be raised with every change of TABLES."""

TABLES = MetaData()

USERS = Table(
    "users",
    TABLES,
    Column("id", Uuid, primary_key=True),
    Column("first_name", Text, nullable=False),
    Column("last_name", Text, nullable=False),
    Column("email", Text, nullable=False, unique=True),
    Column("timezone", Text, nullable=False),
    Column("birthday_date", Date, nullable=False),
    Column("anniversary_date", Date),
    Column("location_city", Text, nullable=False),
    Column("location_country", Text, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
)

MESSAGE_LOGS = Table(
    "message_logs",
    TABLES,
    Column("id", Uuid, primary_key=True, server_default=text("gen_random_uuid()")),
    # The index lets a user go without a scan of all messages: seeding lets 10,000 go.
    Column("user_id", Uuid, ForeignKey("users.id"), nullable=False, index=True),
    Column("message_type", Text, nullable=False),
    Column("message_content", Text, nullable=False),
    Column("scheduled_send_time", TIMESTAMP(timezone=True), nullable=False),
    Column("status", Text, nullable=False, server_default=SCHEDULED),
    Column("retry_count", Integer, nullable=False, server_default="0"),
    Column("idempotency_key", Text, nullable=False, unique=True),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("sent_at", TIMESTAMP(timezone=True)),
    CheckConstraint(f"status IN ('{SCHEDULED}', '{SENT}', '{FAILED}')", name="message_logs_status_check"),
)

# What a delivery worker claims: the oldest that is still to be sent. Holds the queue only, however long the table.
Index(
    "message_logs_claim",
    MESSAGE_LOGS.c.scheduled_send_time,
    postgresql_where=MESSAGE_LOGS.c.status == SCHEDULED,
)

# Strangers begin like the pool too: one that came to exist is a change of the pool.
_IN_POOL = f"id {ids.POOL_SQL}"

POOL_COUNT_SQL = f"SELECT count(*) FROM users WHERE {_IN_POOL}"
"""How many users of the pool there are now."""

POOL_DIGEST_SQL = rf"""
SELECT md5(coalesce(string_agg(line || chr(10), '' ORDER BY id), '')) FROM (
    SELECT id, concat_ws(chr(9), id, first_name, last_name, email, timezone,
        to_char(birthday_date, 'YYYY-MM-DD'), coalesce(to_char(anniversary_date, 'YYYY-MM-DD'), E'\\N'),
        location_city, location_country,
        to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS+00')) AS line
    FROM users WHERE {_IN_POOL}
) AS pool
"""
"""The md5 of the pool's current rows: of the very text that COPY would have loaded to make them."""
