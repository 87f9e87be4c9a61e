"""The queue that TARGET_QUEUE names."""

import os
from typing import Any

from systems.orchestrator import DEAD_LETTERS, MESSAGE_BYTES, QUEUES
from target.faults import Fault
from target.orchestrator.postgres_queue import PostgresQueue
from target.orchestrator.queue import RECEIVES, Queue
from target.orchestrator.sqs_http import SqsHttp
from target.orchestrator.sqs_queue import SqsQueue

VARIABLE = "TARGET_QUEUE"


def check() -> str | None:
    """What is wrong with TARGET_QUEUE, and what was expected; None: nothing."""
    said = os.environ.get(VARIABLE, "")
    if said in ("", "postgres:") or said.startswith(("sqs:http://", "sqs:https://")):
        return None
    why = " (a queue in memory is no other process's)" * said.startswith("memory:")
    return f"{VARIABLE}={said}: expected postgres: or sqs:http://HOST:PORT{why}"


async def queue(pool: Any, fault: Fault, tries: int = RECEIVES) -> Queue:
    """The queue, which uses `pool` if it is in the database; all its names are known by then."""
    said = os.environ.get(VARIABLE, "")
    if said.startswith("sqs:"):
        http = SqsHttp(said.removeprefix("sqs:"))
        return fault.part(SqsQueue)(http, DEAD_LETTERS, tries, MESSAGE_BYTES)
    found = fault.part(PostgresQueue)(pool, DEAD_LETTERS, tries, MESSAGE_BYTES)
    await found.know(QUEUES)
    return found
