"""What a strategy or a fault needs in the database, done before the load; then it waits for the end."""

import os
import signal
from contextlib import closing

import psycopg2

from systems.event_store import SOURCE, XMIN
from target.faults import Fault
from target.ready import ready

DDL = {
    XMIN: (
        "CREATE INDEX IF NOT EXISTS domain_events_tx ON domain_events (tx_id, global_seq)",
        "CREATE INDEX IF NOT EXISTS domain_events_tenant_tx "
        "ON domain_events (tenant_id, (tx_id::text::bigint), global_seq)",
    ),
    SOURCE: ("DROP INDEX IF EXISTS domain_events_tenant",),
}
"""What each strategy changes of the schema."""


class Preparation:
    """The statements that are executed, each in a transaction of its own."""

    def __init__(self, strategy: str) -> None:
        self.strategy = strategy

    def statements(self) -> tuple[str, ...]:
        """In their order."""
        return DDL.get(self.strategy, ())


def prepare(url: str, strategy: str, fault: Fault) -> int:
    """Prepare the database at `url`, say that it is done, and wait for SIGTERM or SIGINT; 0."""
    with closing(psycopg2.connect(url, application_name="engine")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in fault.part(Preparation)(strategy).statements():
                cursor.execute(statement)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    ready()
    while True:
        signal.pause()
