"""A noisy tenant: a client of its own that reads all events of the first tenant, again and again, as a projection does
that is built anew.
"""

import time
from contextlib import closing

import psycopg2

from systems import event_store_pool
from systems.event_store_sql import STATEMENTS
from target.event_store.store import Store
from target.faults import Fault
from target.ready import ready

BATCH = 1_000


def deliver(url: str, number: int, pause: float, fault: Fault) -> int:
    """Read batches of the stream of tenant 0, with so many seconds between them, until this process is ended.

    Each reads from a place of its own on, so that several of them do not read the same at a time.
    """
    store = fault.part(Store)(STATEMENTS)
    tenant = event_store_pool.tenant_id(0)
    with closing(psycopg2.connect(url, application_name=f"replay {number}")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            position = store.head(cursor) // 7 * number
            ready()
            while True:
                given = {"tenant": tenant, "position": position, "limit": BATCH}
                cursor.execute(store.sql["stream_tenant"], given)
                events = cursor.fetchall()
                position = events[-1][0] if events else 0
                time.sleep(pause)
