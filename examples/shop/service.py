"""The service under test, which could be in any language: it takes orders, each once."""

import argparse
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2

STORE = "INSERT INTO orders (key, thing, quantity) VALUES (%s, %s, %s) ON CONFLICT (key) DO NOTHING RETURNING id::text"
STORED = "SELECT id::text FROM orders WHERE key = %s"

connections = threading.local()


class Orders(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """GET /health."""
        self.answer(200, {})

    def do_POST(self) -> None:
        """POST /orders."""
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not hasattr(connections, "own"):
            connections.own = psycopg2.connect(os.environ["DATABASE_URL"])
        try:
            with connections.own as connection, connection.cursor() as cursor:
                cursor.execute(STORE, (order["key"], order["thing"], order["quantity"]))
                created = cursor.fetchone()
                if not created:
                    cursor.execute(STORED, (order["key"],))
                stored = created or cursor.fetchone()
        except psycopg2.errors.ForeignKeyViolation:
            return self.answer(404, {"error": "no such thing"})
        return self.answer(201 if created else 200, {"id": stored[0]})

    def answer(self, status: int, body: dict[str, str]) -> None:
        """Answer with JSON."""
        said = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """Nothing: a run has the journal."""


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), Orders).serve_forever()
