"""Users and messages, under the names that a plan's [database] gives them: a message belongs to a user that exists, and
a key belongs to one message.
"""

from collections.abc import Mapping
from typing import Any

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

from systems.messages import STATUSES

VERSION = 1
"""To be raised with every change of the tables."""

NOW = text("clock_timestamp()")


def tables(names: Mapping[str, Any]) -> MetaData:
    """The tables with `names` as in [database]; without the columns whose name is empty."""
    made = MetaData()
    Table(names["users"], made, *_users(names))
    table = Table(names["messages"], made, *_messages(names))
    if names["status"] and names["scheduled_send_time"]:
        # What a delivery worker claims: the oldest that is still to be sent. Holds the queue only, however long the
        # table.
        Index(
            f"{names['messages']}_claim",
            table.c[names["scheduled_send_time"]],
            postgresql_where=table.c[names["status"]] == names["status_scheduled"],
        )
    return made


def _users(names: Mapping[str, Any]) -> list[Column[Any]]:
    def texts(*columns: str) -> list[Column[Any]]:
        return [
            Column(names[one], Text, nullable=False, unique=one == "email" or None) for one in columns if names[one]
        ]

    return [
        Column(names["user_id"], Uuid, primary_key=True),
        *texts("first_name", "last_name", "email", "timezone"),
        *(
            Column(names[one], Date, nullable=one == "anniversary_date")
            for one in ("birthday_date", "anniversary_date")
            if names[one]
        ),
        *texts("location_city", "location_country"),
        *([_created(names["user_created"])] if names["user_created"] else []),
    ]


def _messages(names: Mapping[str, Any]) -> list[Column[Any] | CheckConstraint]:
    scheduled, user = names["status_scheduled"], f"{names['users']}.{names['user_id']}"
    known = ", ".join(f"'{names[status]}'" for status in STATUSES)
    found = [
        Column(names["message_id"], Uuid, primary_key=True, server_default=text("gen_random_uuid()")),
        # The index lets a user go without a scan of all messages: seeding lets 10,000 go.
        Column(names["message_user"], Uuid, ForeignKey(user), nullable=False, index=True),
        Column(names["message_type"], Text, nullable=False),
        Column(names["message_content"], Text, nullable=False),
        Column(names["scheduled_send_time"], TIMESTAMP(timezone=True), nullable=False),
        Column(names["status"], Text, nullable=False, server_default=scheduled),
        Column(names["retry_count"], Integer, nullable=False, server_default="0"),
        Column(names["key"], Text, nullable=False, unique=True),
        _created(names["created"]),
        Column(names["sent"], TIMESTAMP(timezone=True)),
    ]
    known_only = CheckConstraint(f'"{names["status"]}" IN ({known})', name=f"{names['messages']}_status_check")
    return [*(column for column in found if column.name), *([known_only] if names["status"] else [])]


def _created(name: str) -> Column[Any]:
    return Column(name, TIMESTAMP(timezone=True), nullable=False, server_default=NOW)
