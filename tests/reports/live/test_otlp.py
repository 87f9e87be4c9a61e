"""A collector of OpenTelemetry gets what Prometheus gets; one that fails is no failure of the load."""

import gzip
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from reports.live.families import families
from reports.live.otlp import EVERY, Otlp, endpoint
from tests.support.told_load import ToldLoad


class Collector:
    """Takes metrics by HTTP, or answers with another status."""

    def __init__(self, status: int = 200) -> None:
        self.got: list[tuple[str, dict[str, str], Any]] = []
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                request = ExportMetricsServiceRequest.FromString(body)
                collector.got.append((self.path, dict(self.headers), request))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()
    yield found
    found.server.shutdown()
    found.server.server_close()


def test_a_collector_gets_the_same_figures(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=acme")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "ours")
    load = ToldLoad(tmp_path, "peak")
    live, told = load.live, families(load.live)

    Otlp(collector.url).push(told, live.counted.ends, last=False)

    [(path, headers, request)] = collector.got
    assert path == "/v1/metrics"
    assert headers["x-tenant"] == "acme"
    [resource] = request.resource_metrics
    assert ("service.name", "ours") in {(one.key, one.value.string_value) for one in resource.resource.attributes}
    metrics = {one.name: one for one in resource.scope_metrics[0].metrics}
    assert metrics.keys() == {one.name for one in told if one.points or one.times}

    ended = metrics["proofload_operations"].sum
    assert ended.is_monotonic
    assert sum(point.as_double for point in ended.data_points) == load.journal.count
    times = metrics["proofload_response_seconds"]
    assert times.unit == "s"
    for point in times.histogram.data_points:
        labels = {one.key: one.value.string_value for one in point.attributes}
        mine = live.counted.times["response"][labels["op"], labels["phase"]]
        assert list(point.bucket_counts) == mine.counts.tolist()
        assert tuple(point.explicit_bounds) == live.counted.ends
        assert point.sum == pytest.approx(mine.total)
    assert metrics["proofload_in_flight"].gauge.data_points[0].as_double == 0


def test_it_sends_as_often_as_it_is_told_and_at_the_end(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(EVERY, "3600000")
    live = ToldLoad(tmp_path, "peak").live
    otlp = Otlp(collector.url)
    for last in (False, False, False, True):
        otlp.push(families(live), live.counted.ends, last)
    assert len(collector.got) == 2


def test_a_collector_that_refuses_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    refusing = Collector(400)
    live = ToldLoad(tmp_path, "peak").live
    try:
        Otlp(refusing.url).push(families(live), live.counted.ends, last=True)
    finally:
        refusing.server.shutdown()
        refusing.server.server_close()
    assert "the collector did not take the metrics" in caplog.text


def test_its_path_is_that_of_the_standard() -> None:
    for url in ("http://h:4318", "http://h:4318/", "http://h:4318/v1/metrics"):
        assert endpoint(url) == "http://h:4318/v1/metrics"
