"""Another message service, as somebody else would have written it: other fields, headers, tables and columns, and an
answer to a used key that says no more. `python -m tests.support.other_messages PORT [careless]`.
"""

NAMES = {
    "users": "User",
    "user_id": "userId",
    "first_name": "fullName",
    "last_name": "",
    "email": "mail",
    "timezone": "",
    "birthday_date": "bornOn",
    "anniversary_date": "",
    "location_city": "",
    "location_country": "",
    "user_created": "createdAt",
    "messages": "Outbox",
    "message_id": "outboxId",
    "message_user": "userId",
    "message_type": "",
    "message_content": "text",
    "scheduled_send_time": "due",
    "status": "state",
    "status_scheduled": "PENDING",
    "retry_count": "",
    "key": "requestId",
    "created": "createdAt",
    "sent": "actual_send_time",
    "extra": {"updatedAt": "now()", "locale": "'en'", "tenant": 7},
    "first": {"Tenant": {"id": 7, "name": "'of the load'"}},
}
"""What a plan's [database] says of TABLES."""

TABLES = """
CREATE TABLE "Tenant" (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE "User" (
    "userId" text PRIMARY KEY, "fullName" text NOT NULL, mail text NOT NULL UNIQUE, "bornOn" timestamp(3) NOT NULL,
    "createdAt" timestamp(3) NOT NULL, "updatedAt" timestamp(3) NOT NULL, locale varchar(5) NOT NULL,
    tenant int NOT NULL REFERENCES "Tenant" (id)
);
CREATE TYPE state AS ENUM ('PENDING', 'SENT', 'FAILED');
CREATE TABLE "Outbox" (
    "outboxId" bigserial PRIMARY KEY, "userId" text NOT NULL REFERENCES "User" ("userId"), text text NOT NULL,
    due timestamptz NOT NULL, state state NOT NULL DEFAULT 'PENDING',
    "requestId" text NOT NULL CONSTRAINT one_request UNIQUE,
    "createdAt" timestamptz NOT NULL DEFAULT clock_timestamp(), actual_send_time timestamptz,
    "updatedAt" timestamptz NOT NULL
)
"""
