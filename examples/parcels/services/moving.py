"""A queue consumer: does its statement again and again, at once if it moved something, else a moment later."""

import os
import time
from pathlib import Path

import psycopg2

IDLE_S = 0.05


def moving(statement: str) -> None:
    """Execute `statement` until the process is ended."""
    connection = psycopg2.connect(os.environ["DATABASE_URL"])
    connection.autocommit = True
    if os.environ.get("READY"):
        Path(os.environ["READY"]).touch()  # Proofload waits for this file
    with connection.cursor() as cursor:
        while True:
            cursor.execute(statement)
            if not cursor.rowcount:
                time.sleep(IDLE_S)
