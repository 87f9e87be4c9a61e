"""`python api.py PORT`: parcels over HTTP, in the database of DATABASE_URL. One connection a thread."""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg2
from psycopg2.extras import execute_values

local = threading.local()


def connection() -> Any:
    """The connection of this thread."""
    if not hasattr(local, "connection"):
        local.connection = psycopg2.connect(os.environ["DATABASE_URL"])
    return local.connection


class Handler(BaseHTTPRequestHandler):
    """GET /health, GET /parcels/KEY, POST /parcels."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """A parcel, or whether the service is up."""
        if self.path == "/health":
            self.answer(200, {})
            return
        with connection() as driver, driver.cursor() as cursor:
            cursor.execute("SELECT content FROM entries WHERE key = %s", (self.path.removeprefix("/parcels/"),))
            found = cursor.fetchone()
        self.answer(200 if found else 404, {"content": found[0]} if found else {})

    def do_POST(self) -> None:
        """Store a batch; or log that it was refused."""
        batch = json.loads(self.rfile.read(int(self.headers["content-length"])))
        rows = batch["rows"] if batch["weight"] else [(batch["key"], batch["refusal"])]
        with connection() as driver, driver.cursor() as cursor:
            execute_values(cursor, "INSERT INTO entries (key, content) VALUES %s", rows)
        self.answer(201 if batch["weight"] else 422, {})

    def answer(self, status: int, body: dict[str, Any]) -> None:
        """Send `body` as JSON."""
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
