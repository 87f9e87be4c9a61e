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

from systems.messages import FAILED, MESSAGES, SCHEDULED, SENT, USERS

VERSION = 1
"""To be raised with every change of TABLES."""

TABLES = MetaData()

Table(
    USERS,
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

_MESSAGES = Table(
    MESSAGES,
    TABLES,
    Column("id", Uuid, primary_key=True, server_default=text("gen_random_uuid()")),
    # The index lets a user go without a scan of all messages: seeding lets 10,000 go.
    Column("user_id", Uuid, ForeignKey(f"{USERS}.id"), nullable=False, index=True),
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
    _MESSAGES.c.scheduled_send_time,
    postgresql_where=_MESSAGES.c.status == SCHEDULED,
)
