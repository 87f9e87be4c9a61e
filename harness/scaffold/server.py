"""A small service that takes orders, each once; and faults of it, to see them found.

`proofload new` makes a system that tests it. DATABASE_URL has its table, `orders`, which `proofload seed` makes.
"""

import argparse
import json
import os
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg2

STORE = "INSERT INTO orders (key, quantity) VALUES (%s, %s) ON CONFLICT (key) DO NOTHING RETURNING id::text"
STORED = "SELECT id::text FROM orders WHERE key = %s"

local = threading.local()
"""A connection for each thread, which is one for each client."""


class Orders(BaseHTTPRequestHandler):
    """GET /health, POST /orders."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Whether the service is up."""
        self.answer(200 if self.path == "/health" else 404, {})

    def do_POST(self) -> None:
        """201 with the id of a new order, or 200 with the id of the one that its key was used for."""
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not hasattr(local, "connection"):
            local.connection = psycopg2.connect(os.environ["DATABASE_URL"])
        with local.connection as connection, connection.cursor() as cursor:
            id_, new = self.store(cursor, order)
        self.answer(201 if new else 200, {"id": id_})

    def store(self, cursor: Any, order: dict[str, Any]) -> tuple[str, bool]:
        """Store an order unless its key was used; the id under its key, and whether it is new."""
        cursor.execute(STORE, (order["key"], order["quantity"]))
        new = cursor.fetchone()
        if not new:
            cursor.execute(STORED, (order["key"],))
        return (new or cursor.fetchone())[0], bool(new)

    def answer(self, status: int, body: dict[str, str]) -> None:
        """Answer with JSON."""
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing: a run has the journal."""


class Forgets(Orders):
    """X1 finds it: every ninth order is acknowledged, and not stored."""

    def store(self, cursor: Any, order: dict[str, Any]) -> tuple[str, bool]:
        """As above."""
        return (str(uuid.uuid4()), True) if order["quantity"] == 9 else super().store(cursor, order)


class Doubles(Orders):
    """X2 finds it: every ninth order is stored again, under a key that was not sent."""

    def store(self, cursor: Any, order: dict[str, Any]) -> tuple[str, bool]:
        """As above."""
        if order["quantity"] == 9:
            cursor.execute(STORE, (f"again {order['key']}", order["quantity"]))
        return super().store(cursor, order)


class Alters(Orders):
    """X5 finds it: nine things are stored as eight."""

    def store(self, cursor: Any, order: dict[str, Any]) -> tuple[str, bool]:
        """As above."""
        return super().store(cursor, {**order, "quantity": min(order["quantity"], 8)})


class Renames(Orders):
    """R1 finds it: a repeated order is answered with an id of its own."""

    def store(self, cursor: Any, order: dict[str, Any]) -> tuple[str, bool]:
        """As above."""
        id_, new = super().store(cursor, order)
        return (id_, True) if new else (str(uuid.uuid4()), False)


FAULTS = {"forgets": Forgets, "doubles": Doubles, "alters": Alters, "renames": Renames}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--fault", choices=FAULTS, help="serve with this defect")
    options = parser.parse_args()
    handler = FAULTS[options.fault] if options.fault else Orders
    ThreadingHTTPServer(("127.0.0.1", options.port), handler).serve_forever()
