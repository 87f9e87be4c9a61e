"""What a target tells of itself is sampled, and what it does not tell is left out."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from harness.monitor.gauges import Gauges
from tests.support.plans import varied

QUEUE = {"log_queue": ("GET /health", "waiting")}


@contextmanager
def answering(body: bytes, status: int = 200, path: str = "/health") -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == path else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (b'{"waiting": 23}', 200, {"target.log_queue": 23}),
        (b'{"waiting": 0}', 200, {"target.log_queue": 0}),
        (b'{"waiting": "23"}', 200, {}),
        (b'{"waiting": true}', 200, {}),
        (b'{"other": 1}', 200, {}),
        (b"[23]", 200, {}),
        (b"waiting", 200, {}),
        (b'{"waiting": 23}', 503, {}),
    ],
)
def test_a_number_under_its_field_is_sampled(body: bytes, status: int, expected: dict[str, float]) -> None:
    with answering(body, status) as url:
        assert Gauges(url, QUEUE).sample() == expected


def test_a_target_that_is_gone_tells_nothing() -> None:
    with answering(b"{}") as url:
        pass
    assert Gauges(url, QUEUE).sample() == {}


def test_a_contract_without_the_field_has_no_gauge() -> None:
    known = varied("coupon-steady")
    untold = varied("coupon-steady", contract={"log_queue": ""})

    assert known.gauges == {"log_queue": ("GET /api/health", "validationLogQueueSize")}
    assert untold.gauges == {}
